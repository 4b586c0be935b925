//! Load for a pipeline from records to objects: PutRecordBatch from requests built beforehand, delivery on command, every
//! acknowledged record looked for in the objects, and what one core does with the same bytes. `benches/pipeline.sh` and
//! `benches/lake.sh` put these together. Credentials come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
#![expect(clippy::print_stdout, reason = "a figure a line is what it is for")]
mod deliver; // the stream's buffer made into objects, now
mod limits; // zlib and AES-256-GCM over the same bytes
mod lines; // lines over TCP
mod modes; // PUT and GET in each encryption mode
mod objects; // each record an object of its own
mod process; // what a process costs
mod put; // PutRecordBatch over several connections
mod telemetry; // the records
mod verify; // the objects read back

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use sekisho_client::{AwsClient, Credentials};
use sekisho_types::Secret;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// PutRecordBatch, each request once, over several connections; prints a JSON line
    Put(put::Arguments),
    /// PutObject, each record an object of its own; prints a JSON line
    Objects(objects::Arguments),
    /// PUT and GET in each encryption mode, SSE-C too, by one client; prints JSON lines
    Modes(modes::Arguments),
    /// Lines over TCP; prints a JSON line
    Lines(lines::Arguments),
    /// Lets the stream's interval end, waits until its records are in objects, sets the hints back; prints a JSON line
    Deliver(deliver::Arguments),
    /// Looks for each record in a bucket's objects: there once, or it fails; prints a JSON line
    Verify(verify::Arguments),
    /// What zlib and AES-256-GCM do with the same bytes; prints a JSON line
    Limits(limits::Arguments),
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Arguments::parse().command {
        Command::Put(arguments) => put::run(&arguments),
        Command::Objects(arguments) => runtime.block_on(objects::run(&arguments)),
        Command::Modes(arguments) => runtime.block_on(modes::run(&arguments)),
        Command::Lines(arguments) => lines::run(&arguments),
        Command::Deliver(arguments) => runtime.block_on(deliver::run(&arguments)),
        Command::Verify(arguments) => runtime.block_on(verify::run(&arguments)),
        Command::Limits(arguments) => limits::run(&arguments),
    }
}

fn credentials() -> Result<Credentials> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let secret = Secret::new(variable("AWS_SECRET_ACCESS_KEY")?.into_bytes());
    Ok(Credentials { access_key_id: variable("AWS_ACCESS_KEY_ID")?, secret_access_key: secret, session_token: None })
}

fn client(endpoint: &str) -> Result<AwsClient> {
    Ok(AwsClient::new(endpoint, "us-east-1", credentials()?)?)
}
