//! The stream's buffer made into objects, now: its interval is set to nothing, and set back once everything has arrived.
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use sekisho_client::AwsClient;
use serde_json::{Value, json};

use crate::process;

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    endpoint: String,
    /// The server's admin URL, whose figures tell what was delivered
    #[arg(long)]
    admin: String,
    #[arg(long)]
    stream: String,
    #[arg(long)]
    pid: u32,
    /// Said again in the figures
    #[arg(long, default_value = "")]
    label: String,
    /// Records the server has taken since it started
    #[arg(long)]
    records: u64,
    /// Bytes a record
    #[arg(long, default_value_t = 256)]
    size: usize,
}

const WAIT_MAX: Duration = Duration::from_secs(300);

pub async fn run(arguments: &Arguments) -> Result<()> {
    let client = crate::client(&arguments.endpoint)?;
    let before = delivered(&arguments.admin)?;
    let (cpu, started) = (process::cpu(arguments.pid)?, Instant::now());
    set_interval(&client, &arguments.stream, 0).await?;
    let mut now = before;
    while now < arguments.records {
        ensure!(started.elapsed() < WAIT_MAX, "{now} of {} records were delivered", arguments.records);
        tokio::time::sleep(Duration::from_millis(20)).await;
        now = delivered(&arguments.admin)?;
    }
    ensure!(now == arguments.records, "{now} records were delivered, {} were put", arguments.records);
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), process::cpu(arguments.pid)? - cpu);
    set_interval(&client, &arguments.stream, 900).await?;
    let (records, bytes) = (now - before, (now - before) as f64 * arguments.size as f64);
    let line = json!({
        "label": arguments.label, "records": records, "seconds": seconds, "cpu_us_per_record": cpu * 1e6 / records as f64,
        "mib_per_s": bytes / seconds / 1048576.0, "mib_per_cpu_s": bytes / cpu / 1048576.0,
    });
    println!("{line}");
    Ok(())
}

async fn set_interval(client: &AwsClient, stream: &str, seconds: u32) -> Result<()> {
    let description =
        client.json11("firehose", "DescribeDeliveryStream", &json!({ "DeliveryStreamName": stream })).await?;
    let description = &description["DeliveryStreamDescription"];
    let hints = json!({ "SizeInMBs": 128, "IntervalInSeconds": seconds });
    let update = json!({
        "DeliveryStreamName": stream, "CurrentDeliveryStreamVersionId": description["VersionId"],
        "DestinationId": description["Destinations"][0]["DestinationId"],
        "ExtendedS3DestinationUpdate": { "BufferingHints": hints },
    });
    let _: Value = client.json11("firehose", "UpdateDestination", &update).await?;
    Ok(())
}

/// Records delivered since the server started.
fn delivered(admin: &str) -> Result<u64> {
    use std::io::{Read, Write};
    let authority = admin.strip_prefix("http://").context("http://host:port")?;
    let mut connection = std::net::TcpStream::connect(authority)?;
    write!(connection, "GET /metrics HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    let line = text.lines().find_map(|line| line.strip_prefix("sekisho_delivered_records_total "));
    Ok(line.map_or(Ok(0), str::parse)?)
}
