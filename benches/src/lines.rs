//! Records as lines over TCP, for peers that take them like this. Nobody acknowledges them, so what they cost is counted until
//! the peer has come to rest.
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::{process, telemetry};

#[derive(Args)]
pub struct Arguments {
    /// Host and port
    #[arg(long)]
    endpoint: String,
    /// The server's process, for what it costs
    #[arg(long)]
    pid: u32,
    /// Said again in the figures
    #[arg(long, default_value = "")]
    label: String,
    #[arg(long, default_value_t = 300_000)]
    records: u64,
    /// Bytes a record
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// The first record's number
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// A peer that uses no CPU for so long is at rest.
const REST: Duration = Duration::from_millis(700);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub fn run(arguments: &Arguments) -> Result<()> {
    let numbers = arguments.first..arguments.first + arguments.records;
    let lines: Vec<u8> = numbers.flat_map(|n| telemetry::record(n, arguments.size)).collect();
    let mut connection = TcpStream::connect(&arguments.endpoint)?;
    let (before, started) = (process::cpu(arguments.pid)?, Instant::now());
    connection.write_all(&lines)?;
    drop(connection);
    let (mut cpu, mut busy_until) = (process::cpu(arguments.pid)?, Instant::now());
    while busy_until.elapsed() < REST {
        std::thread::sleep(LOOK_EVERY);
        let now = process::cpu(arguments.pid)?;
        if now > cpu {
            (cpu, busy_until) = (now, Instant::now());
        }
    }
    let (seconds, cpu, records) = ((busy_until - started).as_secs_f64(), cpu - before, arguments.records as f64);
    let line = json!({
        "label": arguments.label, "records": arguments.records, "size": arguments.size, "seconds": seconds,
        "records_per_s": records / seconds, "cpu_us_per_record": cpu * 1e6 / records,
    });
    println!("{line}");
    Ok(())
}
