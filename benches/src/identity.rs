//! Figures of device identity: handshakes, provisionings, revocation, and a registry of 100,000. Prints tables for
//! `benches/RESULTS.md`; `benches/identity.sh` builds everything and runs all of it.
#![expect(clippy::print_stdout, reason = "a table is what it is for")]
mod handshakes; // full mTLS handshakes, beside what the library and the signature alone allow
mod process; // what a process costs
mod provisionings; // JITP: first connection, thing, policy, attachments, second connection
mod registry; // 100,000 certificates: bulk task, start, memory, look-ups
mod revocation; // 1,000 connected devices, and when each is gone
mod server; // the server under test

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    /// The server's binary, release build
    #[arg(long, env = "SEKISHO_BIN")]
    binary: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Full mTLS handshakes a second, and CPU of the server for each
    Handshakes {
        #[arg(long, default_value_t = 2_000)]
        count: usize,
        #[arg(long, default_value_t = 3)]
        runs: usize,
    },
    /// Devices provisioned a second by their first connection
    Provisionings {
        #[arg(long, default_value_t = 1_000)]
        count: usize,
    },
    /// Connected devices, and how long after the request each is gone
    Revocation {
        #[arg(long, default_value_t = 1_000)]
        devices: usize,
    },
    /// Certificates registered by a bulk task, then a start with all of them
    Registry {
        #[arg(long, default_value_t = 100_000)]
        certificates: usize,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let binary = arguments.binary;
        match arguments.command {
            Command::Handshakes { count, runs } => handshakes::run(&binary, count, runs).await,
            Command::Provisionings { count } => provisionings::run(&binary, count).await,
            Command::Revocation { devices } => revocation::run(&binary, devices).await,
            Command::Registry { certificates } => registry::run(&binary, certificates).await,
        }
    })
}

/// The value a share of the sorted values lies below.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
