//! A registry of 100,000: registered by one bulk task, then the server starts again.
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use sekisho_client::{DeviceKey, KeyKind, OwnCa};
use sekisho_registry::Registry;
use sekisho_types::{AccountId, CertificateId, Region, Tenant, Timestamp};
use serde_json::{Value, json};

use crate::percentile;
use crate::server::Bench;

pub async fn run(binary: &Path, certificates: usize) -> Result<()> {
    let mut bench = Bench::start(binary, &[]).await?;
    bench.policy().await?;
    let ca = OwnCa::new("Bench Root")?;
    ca.register(&bench.client, None).await?;
    let key = DeviceKey::generate(KeyKind::P256)?;
    let mut lines = String::new();
    for n in 0..certificates {
        let name = format!("device-{n}");
        let line = json!({ "Name": name, "Certificate": ca.certify(&name, &key)? });
        lines.push_str(&format!("{line}\n"));
    }
    let template = json!({
        "Parameters": { "Name": { "Type": "String" }, "Certificate": { "Type": "String" } },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "Name" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificatePem": { "Ref": "Certificate" }, "Status": "ACTIVE" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "all" } },
        },
    });
    bench.client.s3(http::Method::PUT, "/factory", "", &[], Bytes::new()).await?;
    bench.client.s3(http::Method::PUT, "/factory/devices.jsonl", "", &[], Bytes::from(lines)).await?;
    let (began, cpu) = (Instant::now(), bench.cpu()?);
    let body = json!({
        "templateBody": template.to_string(), "inputFileBucket": "factory", "inputFileKey": "devices.jsonl",
        "roleArn": "arn:aws:iam::000000000000:role/provisioning",
    });
    let task = bench.client.iot(http::Method::POST, "/thing-registration-tasks", &body).await?;
    let path = format!("/thing-registration-tasks/{}", task["taskId"].as_str().context("a task")?);
    let mut shown = 0;
    let done = loop {
        let task = bench.client.iot(http::Method::GET, &path, &Value::Null).await?;
        let percent = task["percentageProgress"].as_u64().unwrap_or_default();
        if percent >= shown + 20 {
            shown = percent;
            println!(
                "<!-- {percent} %: {} registered after {:.1} s -->",
                task["successCount"],
                began.elapsed().as_secs_f64()
            );
        }
        match task["status"].as_str() {
            Some("InProgress") => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => break task,
        }
    };
    anyhow::ensure!(done["status"] == "Completed" && done["successCount"] == certificates, "{done}");
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), bench.cpu()? - cpu);
    println!("| {certificates} certificates | |\n|---|---|");
    println!(
        "| bulk registration (signature checked, thing, policy, attachments, durable) | {:.1} s: {:.0} a second, {:.0} µs CPU each |",
        seconds,
        certificates as f64 / seconds,
        cpu * 1e6 / certificates as f64
    );
    println!("| data directory, before a snapshot has replaced the journal | {} MiB |", bench.on_disk() >> 20);
    bench.server.terminate().await?;
    for what in ["start, from the journal", "start, again"] {
        let began = Instant::now();
        bench.server.restart().await?;
        println!(
            "| {what} | ready after {:.2} s, {:.0} MiB resident |",
            began.elapsed().as_secs_f64(),
            bench.resident()?
        );
        // A snapshot is taken every 30 s.
        tokio::time::sleep(Duration::from_secs(40)).await;
        bench.server.terminate().await?;
    }
    lookups(&ca, &key, certificates)
}

/// What a connection asks first, of a registry of its own in this process.
fn lookups(ca: &OwnCa, key: &DeviceKey, certificates: usize) -> Result<()> {
    let tenant = Tenant { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? };
    let mut registry = Registry::new(tenant);
    let mut random = |out: &mut [u8]| aws_lc_rs::rand::fill(out).expect("the operating system gives random bytes");
    let now = Timestamp::from_seconds(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs().try_into()?,
    );
    let mut ids: Vec<CertificateId> = Vec::new();
    for n in 0..certificates {
        let pem = ca.certify(&format!("device-{n}"), key)?;
        let active = Some(sekisho_identity::CertificateStatus::Active);
        let (events, certificate) = registry.register_certificate_without_ca(now, &pem, active, &mut random)?;
        events.iter().for_each(|event| registry.apply(event));
        ids.push(certificate.certificate_id);
    }
    let mut times = Vec::new();
    for n in 0..100_000 {
        let id = ids[n * 7919 % ids.len()];
        let began = Instant::now();
        let found = registry.identify(id, now).is_ok() && registry.policies_of(id, None).iter().count() == 0;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        anyhow::ensure!(found, "every certificate is found");
    }
    times.sort_by(f64::total_cmp);
    println!(
        "| look-up of identity and policies | {:.2} µs median, {:.2} µs p99 |",
        percentile(&times, 0.5),
        percentile(&times, 0.99)
    );
    Ok(())
}
