//! `sekisho object`: get and put objects, encrypted before they leave this machine if that is wanted.
mod address; // s3://bucket/key
mod get; // get, and what opens an object
mod keys; // key files
mod put; // put, and what seals an object
mod records; // an object of sealed payloads
mod whole; // a file, whole or not at all

use anyhow::Result;
use clap::{Args, Subcommand};

pub use keys::rsa_public as rsa_public_key;

/// The flags of `sekisho object`.
#[derive(Args)]
pub struct ObjectArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Get an object; with --decrypt, as the Amazon S3 Encryption Client does
    Get(get::GetArgs),
    /// Put a file as an object; with --encrypt, as the Amazon S3 Encryption Client does (format V3)
    Put(put::PutArgs),
}

/// Does what was asked for.
pub async fn run(args: ObjectArgs) -> Result<()> {
    match args.command {
        Command::Get(args) => get::run(args).await,
        Command::Put(args) => put::run(args).await,
    }
}
