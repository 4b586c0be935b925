//! Each record an object of its own, over many connections: what a lake is without batches.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::json;

use crate::{process, telemetry};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    endpoint: String,
    #[arg(long, default_value = "lake")]
    bucket: String,
    /// What every key begins with
    #[arg(long, default_value = "single/")]
    prefix: String,
    /// The server's process, for what it costs
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Bytes a record
    #[arg(long, default_value_t = 256)]
    size: usize,
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

pub async fn run(arguments: &Arguments) -> Result<()> {
    let (cpu, started, next) = (process::cpu(arguments.pid)?, Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut lanes = Vec::new();
    for _ in 0..arguments.connections {
        let (client, next, records, size) =
            (crate::client(&arguments.endpoint)?, next.clone(), arguments.records, arguments.size);
        let path = format!("/{}/{}", arguments.bucket, arguments.prefix);
        lanes.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= records {
                    return anyhow::Ok(());
                }
                let (key, body) = (format!("{path}{number:09}.json"), Bytes::from(telemetry::record(number, size)));
                client.s3(Method::PUT, &key, "", &[], body).await?;
            }
        }));
    }
    for lane in lanes {
        lane.await??;
    }
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), process::cpu(arguments.pid)? - cpu);
    let records = arguments.records as f64;
    let line = json!({
        "label": "objects", "records": arguments.records, "size": arguments.size, "connections": arguments.connections,
        "seconds": seconds, "objects_per_s": records / seconds, "cpu_us_per_object": cpu * 1e6 / records,
    });
    println!("{line}");
    Ok(())
}
