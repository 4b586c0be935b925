//! PUT and GET in each encryption mode, SSE-C included, by one client: what the other load tool cannot ask for. Alternating rounds,
//! medians; for ratios between modes, since signing and hashing here costs the load more than the server.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::json;

use crate::process;

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    endpoint: String,
    /// The server's process, for what it costs
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

type Headers = &'static [(&'static str, &'static str)];

/// Bytes 0 to 31, and their MD5.
const CUSTOMER: Headers = &[
    ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ("x-amz-server-side-encryption-customer-key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ("x-amz-server-side-encryption-customer-key-md5", "tP/LI3N87DFaSk0aoqYgzg=="),
];
#[rustfmt::skip] //      mode        what a PUT says                                       what a GET says
const MODES: &[(&str, Headers, Headers)] = &[
    ("sse-s3",   &[],                                                  &[]),
    ("sse-kms",  &[("x-amz-server-side-encryption", "aws:kms")],       &[]),
    ("dsse-kms", &[("x-amz-server-side-encryption", "aws:kms:dsse")],  &[]),
    ("sse-c",    CUSTOMER,                                             CUSTOMER),
];
const ENCRYPTION: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BlockedEncryptionTypes><EncryptionType>NONE\
    </EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>";

pub async fn run(arguments: &Arguments) -> Result<()> {
    let client = crate::client(&arguments.endpoint)?;
    client.s3(Method::PUT, "/modes", "", &[], Bytes::new()).await?;
    client.s3(Method::PUT, "/modes", "encryption=", &[], ENCRYPTION.into()).await?;
    for size in [4_096, 262_144, 4_194_304] {
        let body = Bytes::from(vec![0x5A; size]);
        let mut seen = vec![Vec::new(); MODES.len() * 2];
        for _ in 0..arguments.runs {
            for (at, (mode, put, get)) in MODES.iter().enumerate() {
                seen[at * 2].push(load(arguments, Method::PUT, mode, put, body.clone()).await?);
                seen[at * 2 + 1].push(load(arguments, Method::GET, mode, get, Bytes::new()).await?);
            }
        }
        for (at, runs) in seen.iter_mut().enumerate() {
            let verb = if at % 2 == 0 { "PUT" } else { "GET" };
            let (per_s, cpu_ms) = (median(runs, |run| run.0), median(runs, |run| run.1));
            let mib_per_s = per_s * size as f64 / f64::from(1 << 20);
            let mode = MODES[at / 2].0;
            println!(
                "{}",
                json!({ "mode": mode, "verb": verb, "size": size, "per_s": per_s, "mib_per_s": mib_per_s, "cpu_ms": cpu_ms })
            );
        }
    }
    Ok(())
}

fn median(runs: &mut [(f64, f64)], figure: impl Fn(&(f64, f64)) -> f64) -> f64 {
    runs.sort_by(|a, b| figure(a).total_cmp(&figure(b)));
    figure(&runs[runs.len() / 2])
}

/// Requests a second, and the server's CPU for each, in ms.
async fn load(arguments: &Arguments, method: Method, mode: &str, headers: Headers, body: Bytes) -> Result<(f64, f64)> {
    let (cpu, started, done) = (process::cpu(arguments.pid)?, Instant::now(), Arc::new(AtomicU64::new(0)));
    let until = started + Duration::from_secs_f64(arguments.seconds);
    let mut lanes = Vec::new();
    for lane in 0..arguments.connections {
        let (client, done, method, body) =
            (crate::client(&arguments.endpoint)?, done.clone(), method.clone(), body.clone());
        let path = format!("/modes/{mode}-{lane}");
        lanes.push(tokio::spawn(async move {
            while Instant::now() < until {
                client.s3(method.clone(), &path, "", headers, body.clone()).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    for lane in lanes {
        lane.await??;
    }
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), process::cpu(arguments.pid)? - cpu);
    let count = done.load(Ordering::Relaxed) as f64;
    Ok((count / seconds, cpu * 1e3 / count.max(1.0)))
}
