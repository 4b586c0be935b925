//! `sekisho device`: be a device, for people without an SDK. Speaks to AWS IoT Core as well.
mod connection; // connect, publish, subscribe
mod keys; // keygen, csr
mod sealing; // messages sealed before they leave

use anyhow::Result;
use clap::{Args, Subcommand};

/// The flags of `sekisho device`.
#[derive(Args)]
pub struct DeviceArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a private key that never leaves this machine
    Keygen(keys::KeygenArgs),
    /// Make a certification request for a private key, to be signed by CreateCertificateFromCsr
    Csr(keys::CsrArgs),
    /// Connect and say what was agreed on; with --hold, stay until the server ends it
    Connect(connection::ConnectArgs),
    /// Publish one message, or each line of standard input
    Publish(connection::PublishArgs),
    /// Subscribe and print each message: its topic, a space, its payload
    Subscribe(connection::SubscribeArgs),
}

/// Does what was asked for.
pub async fn run(args: DeviceArgs) -> Result<()> {
    match args.command {
        Command::Keygen(args) => keys::keygen(&args),
        Command::Csr(args) => keys::csr(&args),
        Command::Connect(args) => connection::connect(args).await,
        Command::Publish(args) => connection::publish(args).await,
        Command::Subscribe(args) => connection::subscribe(args).await,
    }
}
