//! Connect, publish, subscribe.
use std::io::{Write, stdin, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sekisho_client::{ConnectOptions, DeviceTls, MqttDevice, ProtocolVersion, QoS};
use tokio::sync::mpsc;

use super::keys::read;
use super::sealing::SealingArgs;

/// Messages read before they are sent. And then: standard input waits.
const MESSAGES_AHEAD_MAX: usize = 64;

/// Whom to speak to, and as whom.
#[derive(Args)]
pub struct Link {
    /// Server, such as localhost:8883
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: String,
    /// The device's certificate, PEM
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The CAs the server's certificate may be signed by, PEM
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// MQTT client identifier
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// MQTT version
    #[arg(long, value_enum, default_value_t = Version::V5)]
    mqtt: Version,
    /// Seconds without a packet after which the other side is held for gone; 0 turns it off
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    keep_alive: u16,
}

/// The flags of `sekisho device connect`.
#[derive(Args)]
pub struct ConnectArgs {
    #[command(flatten)]
    link: Link,
    /// Stay connected until the server ends it (exit code 1) or Ctrl-C does
    #[arg(long)]
    hold: bool,
}

/// The flags of `sekisho device publish`.
#[derive(Args)]
pub struct PublishArgs {
    #[command(flatten)]
    link: Link,
    /// Topic name
    #[arg(long)]
    topic: String,
    /// Payload; `-` publishes each line of standard input
    #[arg(long)]
    message: String,
    /// 0 or 1; 1 waits for the server's acknowledgement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// How many times
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: u64,
    #[command(flatten)]
    sealing: SealingArgs,
}

/// The flags of `sekisho device subscribe`.
#[derive(Args)]
pub struct SubscribeArgs {
    #[command(flatten)]
    link: Link,
    /// Topic filter
    #[arg(long)]
    topic: String,
    /// 0 or 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// End after that many messages [default: never]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// 3.1.1
    #[value(name = "3")]
    V3,
    /// 5.0
    #[value(name = "5")]
    V5,
}

/// Connects; says what was agreed on.
pub async fn connect(args: ConnectArgs) -> Result<()> {
    let mut device = open(&args.link).await?;
    let agreed = device.negotiated();
    let line = format!("connected: {}, {}, {}", agreed.tls_version, agreed.cipher_suite, agreed.key_exchange_group);
    writeln!(stdout(), "{line}")?;
    if args.hold {
        tokio::select! {
            error = device.end() => return Err(error.into()),
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    Ok(device.disconnect().await?)
}

/// Publishes; returns once the server has acknowledged everything.
pub async fn publish(args: PublishArgs) -> Result<()> {
    let sealing = args.sealing.begin().await?;
    let mut device = open(&args.link).await?;
    let mut messages = messages(args.message, args.count);
    loop {
        tokio::select! {
            message = messages.recv(), if device.has_room() => match message {
                Some(message) => {
                    let message = match &sealing {
                        Some(sealing) => sealing.seal(message?)?,
                        None => message?,
                    };
                    device.send(&args.topic, message, qos(args.qos))?;
                }
                None => break,
            },
            // Also answers the server and keeps the connection alive while standard input is quiet.
            acknowledged = device.acknowledgement() => drop(acknowledged?),
        }
    }
    device.settle().await?;
    Ok(device.disconnect().await?)
}

/// What to publish: `message` so many times, or the lines of standard input.
fn messages(message: String, count: u64) -> mpsc::Receiver<Result<String>> {
    let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD_MAX);
    // A thread of its own: reading standard input blocks.
    std::thread::spawn(move || {
        let messages: Box<dyn Iterator<Item = Result<String>>> = match message.as_str() {
            "-" => Box::new(stdin().lines().map(|line| line.context("cannot read standard input"))),
            _ => Box::new((0..count).map(|_| Ok(message.clone()))),
        };
        for message in messages {
            if sender.blocking_send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Subscribes; prints.
pub async fn subscribe(args: SubscribeArgs) -> Result<()> {
    let mut device = open(&args.link).await?;
    device.subscribe(&args.topic, qos(args.qos)).await.with_context(|| format!("`{}`", args.topic))?;
    let mut taken = 0;
    while args.count.is_none_or(|count| taken < count) {
        let message = tokio::select! {
            message = device.message() => message?,
            interrupted = tokio::signal::ctrl_c() => { interrupted?; break }
        };
        let mut out = stdout().lock();
        out.write_all(message.topic.as_bytes())?;
        out.write_all(b" ")?;
        out.write_all(&message.payload)?;
        out.write_all(b"\n")?;
        out.flush()?;
        taken += 1;
    }
    Ok(device.disconnect().await?)
}

async fn open(link: &Link) -> Result<MqttDevice> {
    let tls = DeviceTls::new(&read(&link.ca)?, &read(&link.cert)?, &read(&link.key)?)?;
    let version = match link.mqtt {
        Version::V3 => ProtocolVersion::V311,
        Version::V5 => ProtocolVersion::V5,
    };
    let options =
        ConnectOptions { keep_alive_s: link.keep_alive, ..ConnectOptions::new(&link.client_id).version(version) };
    match MqttDevice::connect(&link.endpoint, &tls, &options).await {
        Ok(device) => Ok(device),
        Err(error) if error.is_end() => {
            let hint =
                "not welcome: is the certificate active, and does a policy allow iot:Connect for this client id?";
            Err(anyhow::Error::from(error).context(hint))
        }
        Err(error) => bail!(error),
    }
}

fn qos(number: u8) -> QoS {
    QoS::from_number(number).unwrap_or(QoS::AtLeastOnce)
}
