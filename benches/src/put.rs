//! PutRecordBatch over several connections. Requests are built and signed before the clock starts, and a connection is a
//! thread that writes and reads whole requests, so that the load costs little beside the server.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use sekisho_sigv4::{PayloadToSign, RequestParts, sign};
use sekisho_types::Timestamp;
use serde_json::json;

use crate::{process, telemetry};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    endpoint: String,
    #[arg(long)]
    stream: String,
    /// The server's process, for what it costs
    #[arg(long)]
    pid: u32,
    /// Said again in the figures
    #[arg(long, default_value = "")]
    label: String,
    #[arg(long, default_value_t = 300_000)]
    records: u64,
    /// Records a request
    #[arg(long, default_value_t = 100)]
    batch: u64,
    /// Bytes a record
    #[arg(long, default_value_t = 256)]
    size: usize,
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// The first record's number
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// An answer takes at most this long.
const ANSWER_MAX: Duration = Duration::from_secs(60);

pub fn run(arguments: &Arguments) -> Result<()> {
    let authority = arguments.endpoint.strip_prefix("http://").context("http://host:port")?.trim_end_matches('/');
    let end = arguments.first + arguments.records;
    let firsts = (arguments.first..end).step_by(arguments.batch.try_into()?);
    let requests: Result<Vec<Vec<u8>>> =
        firsts.map(|first| request(arguments, authority, first..end.min(first + arguments.batch))).collect();
    let requests = requests?;

    let (cpu, started, next) = (process::cpu(arguments.pid)?, Instant::now(), AtomicUsize::new(0));
    let mut times = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let lane = || -> Result<Vec<Duration>> {
            let mut connection = connect(authority)?;
            let (mut answer, mut times) = (Vec::new(), Vec::new());
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                connection.write_all(request)?;
                let is_kept = exchange(&mut connection, &mut answer)?;
                times.push(sent.elapsed());
                if !is_kept {
                    connection = connect(authority)?;
                }
            }
            Ok(times)
        };
        let lanes: Vec<_> = (0..arguments.connections).map(|_| scope.spawn(lane)).collect();
        let mut all = Vec::new();
        for lane in lanes {
            all.extend(lane.join().map_err(|_| anyhow::anyhow!("a connection's thread panicked"))??);
        }
        Ok(all)
    })?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), process::cpu(arguments.pid)? - cpu);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros() as u64;
    let records = arguments.records as f64;
    let line = json!({
        "label": arguments.label, "records": arguments.records, "batch": arguments.batch, "size": arguments.size,
        "connections": arguments.connections, "seconds": seconds, "records_per_s": records / seconds,
        "cpu_us_per_record": cpu * 1e6 / records, "cpu_share": cpu / seconds,
        "answer_p50_us": at(0.5), "answer_p99_us": at(0.99),
    });
    println!("{line}");
    Ok(())
}

fn request(arguments: &Arguments, authority: &str, numbers: std::ops::Range<u64>) -> Result<Vec<u8>> {
    let data = |n| BASE64_STANDARD.encode(telemetry::record(n, arguments.size));
    let records: Vec<_> = numbers.map(|n| json!({ "Data": data(n) })).collect();
    let body = json!({ "DeliveryStreamName": arguments.stream, "Records": records }).to_string();
    let headers: [(&str, &[u8]); 3] = [
        ("host", authority.as_bytes()),
        ("content-type", b"application/x-amz-json-1.1"),
        ("x-amz-target", b"Firehose_20150804.PutRecordBatch"),
    ];
    let parts = RequestParts { method: "POST", raw_path: "/", raw_query: "", headers: &headers };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let now = Timestamp::from_millis(i64::try_from(now)?);
    let payload = PayloadToSign::Body(body.as_bytes());
    let added = sign(&parts, &crate::credentials()?, "us-east-1", "firehose", now, payload);
    let mut out = b"POST / HTTP/1.1\r\n".to_vec();
    for (name, value) in headers {
        write!(out, "{name}: {}\r\n", std::str::from_utf8(value)?)?;
    }
    for (name, value) in added {
        write!(out, "{name}: {value}\r\n")?;
    }
    write!(out, "content-length: {}\r\n\r\n{body}", body.len())?;
    Ok(out)
}

fn connect(authority: &str) -> Result<TcpStream> {
    let connection = TcpStream::connect(authority)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(connection)
}

/// Reads one answer whole; every record of the request must have been taken. Returns whether the connection takes another.
fn exchange(connection: &mut TcpStream, answer: &mut Vec<u8>) -> Result<bool> {
    answer.clear();
    let mut chunk = [0; 64 * 1024];
    let head_end = loop {
        if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_some(connection, &mut chunk, answer)?;
    };
    let head = std::str::from_utf8(&answer[..head_end])?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer has a content-length")?.trim().parse()?;
    while answer.len() < head_end + length {
        read_some(connection, &mut chunk, answer)?;
    }
    let body = &answer[head_end..];
    ensure!(head.starts_with("http/1.1 200"), "refused: {head}{}", String::from_utf8_lossy(body));
    let taken = [&b"\"FailedPutCount\":0"[..], b"\"FailedPutCount\": 0"];
    let begin = &body[..body.len().min(4096)];
    ensure!(
        taken.iter().any(|text| begin.windows(text.len()).any(|window| window == *text)),
        "records were not taken; use fewer connections: {}",
        String::from_utf8_lossy(&begin[..begin.len().min(300)])
    );
    Ok(!head.contains("\r\nconnection: close"))
}

fn read_some(connection: &mut TcpStream, chunk: &mut [u8], answer: &mut Vec<u8>) -> Result<()> {
    match connection.read(chunk)? {
        0 => bail!("the server closed the connection"),
        n => answer.extend_from_slice(&chunk[..n]),
    }
    Ok(())
}
