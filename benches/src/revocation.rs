//! Revoked means gone: devices that are connected, and how long after the request each of them is not.
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sekisho_client::{ConnectOptions, DeviceKey, KeyKind, MqttDevice, OwnCa};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

use crate::percentile;
use crate::server::{Bench, pause, template};

/// Devices revoked one by one, while all the others are connected.
const ONE_BY_ONE: usize = 100;

pub async fn run(binary: &Path, devices: usize) -> Result<()> {
    let bench = Bench::start(binary, &["--first-connection", "admit"]).await?;
    bench.policy().await?;
    let ca = OwnCa::new("Bench Root")?;
    let ca_id = ca.register(&bench.client, Some(&template())).await?;
    let key = DeviceKey::generate(KeyKind::P256)?;
    let (gone, mut seen_gone) = mpsc::unbounded_channel();
    let together = Arc::new(Semaphore::new(32));
    let mut connecting = Vec::new();
    for n in 0..devices {
        let name = format!("device-{n}");
        let tls = bench.tls(&ca.certify(&name, &key)?, key.to_pem().expose())?;
        let (endpoint, gone, together) = (bench.server.endpoints().mqtt.clone(), gone.clone(), together.clone());
        connecting.push(tokio::spawn(async move {
            let permit = together.acquire_owned().await?;
            let mut device = MqttDevice::connect(&endpoint, &tls, &ConnectOptions::new(&name)).await?;
            drop(permit);
            tokio::spawn(async move {
                device.end().await;
                let _ = gone.send((name, Instant::now()));
            });
            anyhow::Ok(())
        }));
    }
    for task in connecting {
        task.await??;
    }
    let mut ids = Vec::new();
    for n in 0..devices.min(ONE_BY_ONE) {
        let path = format!("/things/device-{n}/principals");
        let principals = bench.client.iot(http::Method::GET, &path, &Value::Null).await?;
        let arn = principals["principals"][0].as_str().context("a principal")?.to_owned();
        ids.push(arn.rsplit('/').next().context("an id")?.to_owned());
    }
    println!("| {devices} devices connected | gone after, median ms | p99 ms | worst ms |");
    println!("|---|---|---|---|");
    let mut single = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let asked = Instant::now();
        let path = format!("/certificates/{id}?newStatus=REVOKED");
        bench.client.iot(http::Method::PUT, &path, &Value::Null).await?;
        let (name, at) = next(&mut seen_gone).await?;
        anyhow::ensure!(name == format!("device-{n}"), "{name} is gone instead of device-{n}");
        single.push((at - asked).as_secs_f64() * 1e3);
    }
    print("one revoked, from the request", single);

    let rest = devices - ids.len();
    let asked = Instant::now();
    let command = std::process::Command::new(binary)
        .args(["ca", "deactivate", &ca_id, "--with-certificates", "--data"])
        .arg(bench.server.data())
        .output();
    let deactivating = tokio::task::spawn_blocking(move || command);
    let mut all = Vec::new();
    for _ in 0..rest {
        let (_, at) = next(&mut seen_gone).await?;
        all.push((at - asked).as_secs_f64() * 1e3);
    }
    let output = deactivating.await??;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    print(&format!("a CA deactivated with its {rest} certificates, from the command"), all);
    pause().await;
    Ok(())
}

async fn next(seen: &mut mpsc::UnboundedReceiver<(String, Instant)>) -> Result<(String, Instant)> {
    tokio::time::timeout(Duration::from_secs(30), seen.recv()).await?.context("the devices are there")
}

fn print(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let worst = times.last().copied().unwrap_or(f64::NAN);
    println!("| {what} | {:.1} | {:.1} | {worst:.1} |", percentile(&times, 0.5), percentile(&times, 0.99));
}
