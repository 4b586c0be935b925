//! `sekisho bucket`: what is done to a whole bucket. The running server does it, and tells how far it is.
use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http_body_util::BodyExt;
use sekisho_blobs::{ObjectStore, StoreError};
use sekisho_objects::ObjectsError;
use sekisho_state::State;
use sekisho_types::{BucketName, with_causes};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::admin_client::{self, Running};
use crate::lines::Lines;

/// Keys looked at under one lock.
const STEP: usize = 1000;
/// Versions between two lines of progress.
const TOLD_EVERY: u64 = 500;

/// The flags of `sekisho bucket`.
#[derive(Args)]
pub struct BucketArgs {
    #[command(subcommand)]
    command: BucketCommand,
}

#[derive(Subcommand)]
enum BucketCommand {
    /// Put every version of every object under another KMS key, as UpdateObjectEncryption does it with one. What is under it already is
    /// passed over, so a run that was cut off goes on when it is begun again
    Reseal {
        /// The bucket
        #[arg(value_parser = BucketName::parse)]
        bucket: BucketName,
        /// The KMS key: id, ARN, alias
        #[arg(long, value_name = "KEY")]
        kms_key_id: String,
        /// With a bucket key
        #[arg(long)]
        bucket_key: bool,
        #[command(flatten)]
        server: Running,
    },
}

/// What the server is told.
#[derive(Serialize, Deserialize)]
pub struct Reseal {
    bucket: BucketName,
    kms_key_id: String,
    bucket_key: bool,
}

/// Sends the command, and prints what comes.
pub async fn run(args: BucketArgs) -> Result<()> {
    let BucketCommand::Reseal { bucket, kms_key_id, bucket_key, server } = args.command;
    let told = serde_json::to_vec(&Reseal { bucket, kms_key_id, bucket_key })?;
    let mut answer = admin_client::open(&server.data, "/bucket/reseal", told).await?;
    let mut said = String::new();
    while let Some(frame) = answer.frame().await {
        if let Ok(bytes) =
            frame.context("the server ended before the bucket was done; begin again to go on")?.into_data()
        {
            std::io::stdout().write_all(&bytes)?;
            said.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    match said.lines().last().is_some_and(|line| line.starts_with("done:")) {
        true => Ok(()),
        false => bail!("the bucket is not done; begin again to go on"),
    }
}

/// Versions so far.
#[derive(Default)]
struct Progress {
    resealed: u64,
    already: u64,
    left: u64,
    gone: u64,
}

impl Reseal {
    /// Begins it, if bucket and key are there. It ends when nobody reads the lines any more.
    pub fn begin(self, state: &Arc<State>, objects: &Arc<ObjectStore>) -> Result<Lines> {
        let key_arn = {
            let cores = state.read();
            cores.objects.bucket(&self.bucket)?;
            cores.kms.resolve(&self.kms_key_id)?.arn(state.tenant())
        };
        let (sender, lines) = mpsc::channel(1);
        let (state, objects) = (state.clone(), objects.clone());
        tokio::spawn(async move {
            let mut progress = Progress::default();
            let last = match self.all(&state, &objects, &key_arn, &mut progress, &sender).await {
                Ok(()) => format!("done: {progress}\n"),
                Err(error) => format!("stopped: {progress}\n{}\n", with_causes(&error)),
            };
            let _ = sender.send(Bytes::from(last)).await;
        });
        Ok(Lines::from(lines))
    }

    async fn all(
        &self,
        state: &State,
        objects: &ObjectStore,
        key_arn: &str,
        progress: &mut Progress,
        lines: &mpsc::Sender<Bytes>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = {
                let cores = state.read();
                cores.objects.bucket(&self.bucket)?.to_reseal(key_arn, self.bucket_key, after.as_ref(), STEP)
            };
            progress.already += page.already;
            progress.left += page.left;
            for (key, version) in page.versions {
                match objects.reseal(&self.bucket, &key, Some(version), key_arn, self.bucket_key).await {
                    Ok(_) => progress.resealed += 1,
                    Err(StoreError::Objects(ObjectsError::NoSuchKey(_) | ObjectsError::NoSuchVersion(..))) => {
                        progress.gone += 1;
                    }
                    Err(error) => return Err(error),
                }
                let told = progress.resealed > 0 && progress.resealed.is_multiple_of(TOLD_EVERY);
                if told && lines.send(Bytes::from(format!("{progress}\n"))).await.is_err() {
                    return Ok(()); // Nobody reads any more.
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resealed, already, left, gone } = self;
        write!(f, "{resealed} versions resealed, {already} were so already")?;
        if *left > 0 {
            write!(f, ", {left} left as they are (SSE-C, DSSE-KMS)")?;
        }
        if *gone > 0 {
            write!(f, ", {gone} replaced meanwhile")?;
        }
        Ok(())
    }
}
