//! `sekisho stream`: what delivery streams hold and how they fare, their records as they come, and a flush.
mod figures; // ls, show
mod watch; // tail

use std::io::Write;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use sekisho_types::DeliveryStreamName;
use sekisho_workers::{DeliveryStreams, Flushed, Tail, TailFrom};
use serde::{Deserialize, Serialize};

use crate::admin_client::{self, Running};
use crate::text;

/// The flags of `sekisho stream`.
#[derive(Args)]
pub struct StreamArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List delivery streams: what they hold, when that is flushed, what was delivered and what failed
    Ls {
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Running,
    },
    /// Show one: partitions, limits, errors, batches that are held back, encryption, transformation
    Show {
        /// The stream
        #[arg(value_parser = DeliveryStreamName::parse)]
        name: DeliveryStreamName,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Running,
    },
    /// Print records as they come, each with its origin, until the stream or the server ends
    Tail(watch::TailArgs),
    /// Cut what a stream holds now, due or not
    Flush {
        /// The stream
        #[arg(value_parser = DeliveryStreamName::parse)]
        name: DeliveryStreamName,
        /// Return once it is delivered; wait as long as its destination fails
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        server: Running,
    },
}

/// Everything a stream holds, a line each, to its end.
pub async fn held(server: &Running, name: &DeliveryStreamName, show: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let ask = Ask { from: TailFrom::Held, ..Ask::about(name.clone()) };
    let body = admin_client::open(&server.data, "/stream/tail", ask.to_bytes()).await?;
    watch::each_line(body, show).await
}

/// What is asked of the running server about one stream.
#[derive(Serialize, Deserialize)]
struct Ask {
    name: DeliveryStreamName,
    #[serde(default)]
    from: TailFrom,
    #[serde(default)]
    wait: bool,
}

impl Ask {
    fn about(name: DeliveryStreamName) -> Self {
        Self { name, from: TailFrom::Now, wait: false }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a name and two words")
    }
}

/// Asks and prints.
pub async fn run(args: StreamArgs) -> Result<()> {
    match args.command {
        Command::Ls { json, server } => {
            let answer = admin_client::command(&server.data, "/stream/ls", Vec::new()).await?;
            print(json, &answer, figures::table)
        }
        Command::Show { name, json, server } => {
            let answer = admin_client::command(&server.data, "/stream/show", Ask::about(name).to_bytes()).await?;
            print(json, &answer, figures::page)
        }
        Command::Tail(args) => watch::run(args).await,
        Command::Flush { name, wait, server } => {
            let ask = Ask { wait, ..Ask::about(name) };
            let answer = admin_client::command(&server.data, "/stream/flush", ask.to_bytes()).await?;
            print(false, &answer, |flushed: Vec<Flushed>| flushes(&flushed, wait))
        }
    }
}

fn print<'a, T: Deserialize<'a>>(json: bool, answer: &'a Bytes, page: impl FnOnce(T) -> String) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", text::printable_json(std::str::from_utf8(answer)?.trim_end()))?);
    }
    Ok(out.write_all(page(serde_json::from_slice(answer)?).as_bytes())?)
}

fn flushes(flushed: &[Flushed], waited: bool) -> String {
    if flushed.is_empty() {
        return if waited { "nothing was buffered, and all is delivered\n" } else { "nothing was buffered\n" }
            .to_owned();
    }
    let done = if waited { "delivered" } else { "cut" };
    let one = |flushed: &Flushed| {
        let to = match (&flushed.object, flushed.is_transformed) {
            (Some(object), _) => format!(" to {}", text::printable(object)),
            (None, true) => " to its transformation".to_owned(),
            (None, false) => String::new(),
        };
        let records = figures::counted(flushed.records, "record", "records");
        format!("{done}: {records}, {}{to}\n", text::bytes(flushed.bytes))
    };
    flushed.iter().map(one).collect()
}

/// The server's side of it; `None` for a command there is not.
pub async fn perform(streams: &DeliveryStreams, path: &str, body: &Bytes) -> Option<Result<String>> {
    let ask = || serde_json::from_slice::<Ask>(body).context("a stream was to be named");
    let answer = match path {
        "/stream/ls" => serde_json::to_string(&streams.insights()).map_err(Into::into),
        "/stream/show" => ask().and_then(|ask| {
            let insight = streams.insight(&ask.name);
            let insight = insight.with_context(|| format!("there is no delivery stream `{}`", ask.name))?;
            Ok(serde_json::to_string(&insight)?)
        }),
        "/stream/flush" => match ask() {
            Ok(ask) if ask.wait => streams.flush_and_wait(&ask.name).await.map_err(Into::into),
            Ok(ask) => streams.flush(&ask.name).await.map_err(Into::into),
            Err(error) => Err(error),
        }
        .and_then(|flushed| Ok(serde_json::to_string(&flushed)?)),
        _ => return None,
    };
    Some(answer.map(|text| text + "\n"))
}

/// Begins a tail; its lines are the answer.
pub fn tail(streams: &DeliveryStreams, body: &Bytes) -> Result<Tail> {
    let ask: Ask = serde_json::from_slice(body).context("a stream was to be named")?;
    Ok(streams.tail(&ask.name, ask.from)?)
}
