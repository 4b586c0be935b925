//! `sekisho serve`: from settings to a ready line, and from SIGTERM to an orderly end.
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, ConfigError, Flags};
use crate::endpoints::{self, Endpoints};
use crate::wire;

/// What is not done this long after SIGTERM is cut off: everything acknowledged is on disk by then anyway.
const SHUTDOWN_MAX: Duration = Duration::from_secs(4);

/// Threads for what blocks on the disk. Each may keep megabytes of stack and heap; more of them would not make it faster. And
/// then: work waits for a thread.
const BLOCKING_THREADS_MAX: usize = 32;

/// The sockets, opened before anything else is done so that an occupied port is found first.
pub struct Listeners {
    /// AWS APIs.
    pub api: TcpListener,
    /// MQTT.
    pub mqtt: TcpListener,
    /// Device HTTPS.
    pub https: TcpListener,
    /// All that devices speak, chosen by ALPN.
    pub alpn: Option<TcpListener>,
    /// Health and metrics.
    pub admin: TcpListener,
    /// MQTT without TLS.
    pub plain_mqtt: Option<TcpListener>,
}

/// Runs until SIGTERM, SIGINT, or the disk fails.
pub fn run(flags: Flags) -> Result<()> {
    let began = Instant::now();
    let config = Config::load(flags)?;
    sekisho_telemetry::logs(&config.log).map_err(|error| ConfigError::Value {
        setting: "log",
        value: config.log.clone(),
        problem: error.to_string(),
    })?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().max_blocking_threads(BLOCKING_THREADS_MAX).enable_all().build()?;
    let result = runtime.block_on(serve(config, began));
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

async fn serve(config: Config, began: Instant) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listeners = Listeners {
        api: listen("api", config.api).await?,
        mqtt: listen("mqtt", config.mqtt).await?,
        https: listen("https", config.https).await?,
        alpn: match config.alpn {
            Some(at) => Some(listen("alpn", at).await?),
            None => None,
        },
        admin: listen("admin", config.admin).await?,
        plain_mqtt: match &config.plain_mqtt {
            Some((at, _)) => Some(listen("plain_mqtt", *at).await?),
            None => None,
        },
    };
    let endpoints = Endpoints {
        api: format!("http://{}", reachable(listeners.api.local_addr()?)),
        mqtt: reachable(listeners.mqtt.local_addr()?).to_string(),
        https: format!("https://{}", reachable(listeners.https.local_addr()?)),
        alpn: match &listeners.alpn {
            Some(listener) => Some(reachable(listener.local_addr()?).to_string()),
            None => None,
        },
        admin: format!("http://{}", reachable(listeners.admin.local_addr()?)),
        plain_mqtt: match &listeners.plain_mqtt {
            Some(listener) => Some(listener.local_addr()?.to_string()),
            None => None,
        },
        region: config.tenant.region.to_string(),
        account: config.tenant.account.to_string(),
    };
    let system = wire::build(&config, listeners).await?;
    endpoints.write(&config.data)?;
    system.ready();
    print_ready(&config, &endpoints, began.elapsed());

    let failed = system.failed();
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = failed => Err(anyhow::anyhow!("the disk refused a write; what was acknowledged is safe, nothing more can be promised")),
    };
    tracing::info!("shutting down");
    if tokio::time::timeout(SHUTDOWN_MAX, system.shut_down()).await.is_err() {
        tracing::warn!("shut down before every connection had ended");
    }
    let _ = std::fs::remove_file(endpoints::path(&config.data));
    outcome
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address).await.map_err(|source| ConfigError::Occupied { setting, address, source })
}

/// An address somebody on this machine can connect to.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn print_ready(config: &Config, endpoints: &Endpoints, took: Duration) {
    let Endpoints { api, mqtt, https, admin, .. } = endpoints;
    let alpn = endpoints.alpn.as_ref().map(|at| format!(" · ALPN {at}")).unwrap_or_default();
    let millis = took.as_millis();
    tracing::debug!(%api, %mqtt, %https, %admin, millis, data = %config.data.display(), "ready");
    // For people, and for scripts that wait for it; a closed pipe is theirs to close.
    let line = format!(
        "sekisho is ready after {millis} ms: AWS APIs {api} · MQTT {mqtt} · HTTPS {https}{alpn} · admin {admin}"
    );
    let _ = writeln!(std::io::stdout(), "{line}");
}
