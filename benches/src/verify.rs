//! The objects of a bucket read back, whoever wrote them: each record is there once.
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use flate2::read::MultiGzDecoder;
use http::Method;
use sekisho_client::{AwsClient, encode_segment};
use serde_json::json;

use crate::telemetry;

#[derive(Args)]
pub struct Arguments {
    /// An S3 API; or give a folder
    #[arg(long, required_unless_present = "folder")]
    endpoint: Option<String>,
    #[arg(long, default_value = "lake")]
    bucket: String,
    /// Files instead of objects
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Records there must be, numbered from 0
    #[arg(long)]
    records: u64,
    /// Said again in the figures
    #[arg(long, default_value = "")]
    label: String,
}

const WAIT_MAX: Duration = Duration::from_secs(120);

pub async fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    loop {
        let found = look(arguments).await?;
        ensure!(found.doubled == 0, "{} records are there twice", found.doubled);
        if found.distinct == arguments.records {
            let line = json!({
                "label": arguments.label, "records": found.distinct, "lost": 0, "doubled": 0, "objects": found.objects,
                "stored_bytes": found.bytes,
            });
            println!("{line}");
            return Ok(());
        }
        ensure!(started.elapsed() < WAIT_MAX, "{} of {} records are there", found.distinct, arguments.records);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[derive(Default)]
struct Found {
    seen: Vec<bool>,
    distinct: u64,
    doubled: u64,
    objects: u64,
    bytes: u64,
}

impl Found {
    fn take(&mut self, body: &[u8]) -> Result<()> {
        self.objects += 1;
        self.bytes += body.len() as u64;
        let mut plain = Vec::new();
        let text = if body.starts_with(&[0x1f, 0x8b]) {
            // A file that is still being written ends early; what is there counts.
            let _ = MultiGzDecoder::new(body).read_to_end(&mut plain);
            &plain
        } else {
            body
        };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Some(number) = telemetry::number(line) else { continue };
            let seen = self.seen.get_mut(usize::try_from(number)?).context("a record nobody put")?;
            self.distinct += u64::from(!*seen);
            self.doubled += u64::from(std::mem::replace(seen, true));
        }
        Ok(())
    }
}

async fn look(arguments: &Arguments) -> Result<Found> {
    let mut found = Found { seen: vec![false; usize::try_from(arguments.records)?], ..Found::default() };
    if let Some(folder) = &arguments.folder {
        for entry in std::fs::read_dir(folder)? {
            found.take(&std::fs::read(entry?.path())?)?;
        }
        return Ok(found);
    }
    let client = crate::client(arguments.endpoint.as_deref().context("an endpoint")?)?;
    for key in keys(&client, &arguments.bucket).await? {
        let key: Vec<String> = key.split('/').map(encode_segment).collect();
        let path = format!("/{}/{}", arguments.bucket, key.join("/"));
        found.take(&client.s3(Method::GET, &path, "", &[], Bytes::new()).await?.body)?;
    }
    Ok(found)
}

async fn keys(client: &AwsClient, bucket: &str) -> Result<Vec<String>> {
    let (mut keys, mut token) = (Vec::new(), String::new());
    loop {
        let more = if token.is_empty() { String::new() } else { format!("continuation-token={token}&") };
        let page =
            client.s3(Method::GET, &format!("/{bucket}"), &format!("{more}list-type=2"), &[], Bytes::new()).await?;
        let page = String::from_utf8(page.body.to_vec())?;
        let between = |name: &str| {
            let pieces = page.split(&format!("<{name}>")).skip(1).map(str::to_owned).collect::<Vec<_>>();
            let end = format!("</{name}>");
            pieces.into_iter().filter_map(move |piece| Some(piece.split_once(&end)?.0.to_owned()))
        };
        keys.extend(between("Key"));
        match between("NextContinuationToken").next() {
            Some(next) => token = encode_segment(&next),
            None => return Ok(keys),
        }
    }
}
