//! JITP: each device connects, is closed on, and is let in when it connects again.
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use sekisho_client::{ConnectOptions, DeviceKey, KeyKind, MqttDevice, OwnCa};
use tokio::sync::Semaphore;

use crate::server::{Bench, template};

/// Devices that connect at the same time.
const TOGETHER: usize = 32;

pub async fn run(binary: &Path, count: usize) -> Result<()> {
    let bench = Bench::start(binary, &[]).await?;
    bench.policy().await?;
    let ca = OwnCa::new("Bench Root")?;
    ca.register(&bench.client, Some(&template())).await?;
    let key = DeviceKey::generate(KeyKind::P256)?;
    let mut devices = Vec::new();
    for n in 0..count {
        let name = format!("device-{n}");
        devices.push((bench.tls(&ca.certify(&name, &key)?, key.to_pem().expose())?, name));
    }
    let endpoint = bench.server.endpoints().mqtt.clone();
    let (cpu, began, together) = (bench.cpu()?, Instant::now(), Arc::new(Semaphore::new(TOGETHER)));
    let mut tasks = Vec::new();
    for (tls, name) in devices {
        let (endpoint, together) = (endpoint.clone(), together.clone());
        tasks.push(tokio::spawn(async move {
            let _permit = together.acquire_owned().await?;
            let options = ConnectOptions::new(&name);
            anyhow::ensure!(MqttDevice::connect(&endpoint, &tls, &options).await.is_err(), "the first is closed");
            MqttDevice::connect(&endpoint, &tls, &options).await?.disconnect().await?;
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), bench.cpu()? - cpu);
    let things = bench.client.iot(http::Method::GET, "/things?maxResults=1", &serde_json::Value::Null).await?;
    anyhow::ensure!(things["nextToken"].is_string() || count == 1, "things were made");
    println!(
        "| JITP provisionings | a second | server CPU µs each (two handshakes, thing, policy, attachments, fdatasync) |"
    );
    println!("|---|---|---|");
    println!("| {count}, {TOGETHER} at a time | {:.0} | {:.0} |", count as f64 / seconds, cpu * 1e6 / count as f64);
    Ok(())
}
