//! `sekisho demo`: the main job, played with real parts over real sockets, and checked.
//!
//! It starts this very program as a server on an empty directory, and speaks to it only as operators and devices do. What
//! it prints has been checked; the first thing that is not as it should be ends it with exit code 1.
mod account; // 1: what an operator sets up
mod devices; // 2: how a device gets its identity
mod lake; // 4: what arrived, and how it lies on the disk
mod refusals; // 5: who is turned away, and why
mod stage; // how it looks
mod telemetry; // 3: what devices say

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use sekisho_client::{AwsClient, LocalServer, ProtocolVersion};
use tokio::signal::unix::{SignalKind, signal};

use account::Account;
use devices::Device;
use stage::Stage;

/// The flags of `sekisho demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Leave the server running afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// Plays it; Ctrl-C ends it, and leaves as little behind as the end does.
pub async fn run(args: DemoArgs) -> Result<()> {
    let began = Instant::now();
    let directory = Directory::create()?;
    let mut stage = Stage::new();
    let server = tokio::select! {
        played = play(&mut stage, &directory) => played?,
        interrupted = interruption() => {
            stage.wipe()?;
            interrupted?;
            bail!("interrupted");
        }
    };
    let took = format!("All of it held, in {:.1} s.", began.elapsed().as_secs_f64());
    // As it was typed, so that it can be typed again.
    let program = std::env::args().next().unwrap_or_else(|| "sekisho".into());
    let use_it = |data: &str| format!("eval \"$({program} env --data {data})\"; aws iot list-things");
    if args.keep {
        stage.end(&format!("{took} The server stays until Ctrl-C."))?;
        stage.command("The AWS CLI on it:", &use_it(&server.data().display().to_string()))?;
        return interruption().await;
    }
    drop(server);
    stage.end(&format!("{took} This server is gone, and its directory goes with it."))?;
    stage.command("Keep one running:", &format!("{program} serve --data ./data"))?;
    stage.command("The AWS CLI on it:", &use_it("./data"))?;
    Ok(())
}

/// Ctrl-C, or SIGTERM.
async fn interruption() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}

/// The server it was played on, if all of it held.
async fn play(stage: &mut Stage, directory: &Directory) -> Result<LocalServer> {
    let began = Instant::now();
    stage.title("sekisho demo", "a server, an operator, two devices, real sockets; what has a ✓ has been checked")?;
    stage.live("starting a server")?;
    let binary = std::env::current_exe().context("cannot find this program")?;
    let (data, log) = (directory.0.join("data"), directory.0.join("log"));
    let server = LocalServer::start(&binary, &data, &log, &["--log", "error"]).await?;
    let listens = server.endpoints();
    stage.done("the server is ready", &format!("after {} ms, on an empty directory", began.elapsed().as_millis()))?;
    stage.detail("it listens", &format!("AWS APIs {} · MQTT {}", listens.api, listens.mqtt))?;
    if let Err(error) = acts(stage, &server, &server.aws()?).await {
        stage.failed()?;
        let log = server.log_tail();
        let complaints: Vec<&str> = log.lines().filter(|line| !line.starts_with("sekisho is ready")).collect();
        bail!("{error:#}{}{}", if complaints.is_empty() { "" } else { "\nthe server said:\n" }, complaints.join("\n"));
    }
    Ok(server)
}

async fn acts(stage: &mut Stage, server: &LocalServer, aws: &AwsClient) -> Result<()> {
    stage.act(1, "The operator sets up the account", "signed HTTP, as the AWS CLI sends it")?;
    let account = Account::set_up(stage, server, aws).await?;

    stage.act(2, "Two devices get an identity of their own", "and show it: mutual TLS")?;
    let mut pump = Device::with_keys_from_the_server(stage, server, aws, "pump-7", ProtocolVersion::V5).await?;
    let mut oven = Device::with_a_key_of_its_own(stage, server, aws, "oven-3", ProtocolVersion::V311).await?;
    pump.connect(stage).await?;
    oven.connect(stage).await?;

    stage.act(3, "They report what they measure", "QoS 1: acknowledged means it is on the disk")?;
    let marker = format!("planted-{:012x}", uuid::Uuid::new_v4().as_u128() >> 80);
    let sent = telemetry::publish(stage, [&mut pump, &mut oven], &marker).await?;

    stage.act(4, "It arrives in the lake, once and sealed", "")?;
    let objects = lake::arrived(stage, aws, &sent).await?;
    lake::head(stage, aws, &account, &objects).await?;
    lake::scan(stage, server, &objects, &marker)?;

    stage.act(5, "Who is turned away", "and what `sekisho why` tells the operator")?;
    refusals::unknown(stage, server).await?;
    refusals::outside_its_policy(stage, server, oven, &pump).await?;
    refusals::revoked(stage, server, aws, pump).await
}

/// A fresh directory that only its owner may read. Removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("sekisho-demo-{}", uuid::Uuid::new_v4()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is in the system's directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
