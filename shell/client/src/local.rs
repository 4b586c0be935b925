//! A server of one's own: `sekisho serve` as a child process on a data directory, with ports the system chooses.
//!
//! The demo and the conformance tests run against it; it is the only file here that knows this server.
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use sekisho_sigv4::Credentials;
use sekisho_types::Secret;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::{AwsClient, AwsError};

/// A start takes at most this long, recovery on a busy machine included. And then: `LocalError::NotReady`.
const READY_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What the server promises is 5 s.
const TERMINATE_MAX: Duration = Duration::from_secs(15);

/// Where a running server listens: `DIR/endpoints.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoints {
    /// Every AWS API, as a URL.
    pub api: String,
    /// MQTT over mutual TLS, host and port.
    pub mqtt: String,
    /// Device HTTPS, as a URL.
    pub https: String,
    /// Health and metrics, as a URL.
    pub admin: String,
    /// The region requests are signed for.
    pub region: String,
    /// The account.
    pub account: String,
}

/// A running `sekisho serve`. Killed when dropped.
pub struct LocalServer {
    child: Child,
    binary: PathBuf,
    data: PathBuf,
    log: PathBuf,
    arguments: Vec<String>,
    endpoints: Endpoints,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Not built, or not where it was looked for.
    #[error("cannot start `{}`", binary.display())]
    Spawn {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended by itself; the log's end says why.
    #[error("the server ended ({status}): {log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The last of what it said.
        log: String,
    },
    /// It hangs.
    #[error("the server was not ready within {} s: {log}", READY_MAX.as_secs())]
    NotReady {
        /// The last of what it said.
        log: String,
    },
    /// It does not end.
    #[error("the server did not end within {} s of SIGTERM", TERMINATE_MAX.as_secs())]
    Endless,
    /// A file the server should have left.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file the server left that is not what it should be.
    #[error("`{}` does not hold what it should", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// The client cannot be built.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl LocalServer {
    /// Starts `binary serve --data data`, with what it says going to the file `log`, and waits until it is ready.
    ///
    /// # Errors
    /// Any [`LocalError`].
    pub async fn start(binary: &Path, data: &Path, log: &Path, arguments: &[&str]) -> Result<Self, LocalError> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (child, endpoints) = launch(binary, data, log, &arguments).await?;
        Ok(Self { child, binary: binary.into(), data: data.into(), log: log.into(), arguments, endpoints })
    }

    /// Starts it again on the same data directory, after [`LocalServer::kill`] or [`LocalServer::terminate`]. Its ports
    /// are new ones.
    ///
    /// # Errors
    /// Any [`LocalError`].
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        self.kill();
        (self.child, self.endpoints) = launch(&self.binary, &self.data, &self.log, &self.arguments).await?;
        Ok(())
    }

    /// `kill -9`. Returns when the process is gone.
    pub fn kill(&mut self) {
        // Both fail only where the process has ended and been waited for, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; returns how the process ended.
    ///
    /// # Errors
    /// [`LocalError::Endless`], or [`LocalError::Spawn`] if there is no `sh` to send the signal.
    pub async fn terminate(&mut self) -> Result<ExitStatus, LocalError> {
        let spawn = |source| LocalError::Spawn { binary: "sh".into(), source };
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status().map_err(spawn)?;
        let deadline = Instant::now() + TERMINATE_MAX;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ok(status);
            }
            sleep(LOOK_EVERY).await;
        }
        Err(LocalError::Endless)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Where it listens.
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The access key it made at its first start.
    ///
    /// # Errors
    /// If `DIR/credentials` cannot be read.
    pub fn credentials(&self) -> Result<Credentials, LocalError> {
        let path = self.data.join("credentials");
        let text = fs::read_to_string(&path).map_err(|source| LocalError::File { path: path.clone(), source })?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
            line.map(|value| value.trim().to_owned()).ok_or_else(|| LocalError::Content { path: path.clone() })
        };
        let (access_key_id, secret) = (value("aws_access_key_id")?, value("aws_secret_access_key")?);
        Ok(Credentials { access_key_id, secret_access_key: Secret::new(secret.into_bytes()), session_token: None })
    }

    /// An operator of it.
    ///
    /// # Errors
    /// If `DIR/credentials` cannot be read.
    pub fn aws(&self) -> Result<AwsClient, LocalError> {
        Ok(AwsClient::new(&self.endpoints.api, &self.endpoints.region, self.credentials()?)?)
    }

    /// The CA its TLS certificate is signed by.
    pub fn ca_path(&self) -> PathBuf {
        self.data.join("tls/server-ca.pem")
    }

    /// The same, read.
    ///
    /// # Errors
    /// If it is not there.
    pub fn ca_pem(&self) -> Result<Vec<u8>, LocalError> {
        fs::read(self.ca_path()).map_err(|source| LocalError::File { path: self.ca_path(), source })
    }

    /// Status and body of `path` on the admin port, or nothing if it does not answer.
    pub async fn admin(&self, path: &str) -> Option<(u16, String)> {
        get(&self.endpoints.admin, path).await
    }

    /// The last lines of what it said.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn launch(
    binary: &Path,
    data: &Path,
    log: &Path,
    arguments: &[String],
) -> Result<(Child, Endpoints), LocalError> {
    let endpoints = data.join("endpoints.json");
    // A server that was killed leaves the file; the new one's must not be mistaken for it.
    match fs::remove_file(&endpoints) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(LocalError::File { path: endpoints, source });
        }
        _ => {}
    }
    let open = |path: &Path| File::options().create(true).append(true).open(path);
    let output = open(log).map_err(|source| LocalError::File { path: log.into(), source })?;
    let spawn = |source| LocalError::Spawn { binary: binary.into(), source };
    let mut command = Command::new(binary);
    command.arg("serve").arg("--data").arg(data);
    command.args(["--api", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(arguments).stdin(Stdio::null()).stderr(output.try_clone().map_err(spawn)?).stdout(output);
    let mut child = command.spawn().map_err(spawn)?;
    match ready(&mut child, &endpoints, log).await {
        Ok(endpoints) => Ok((child, endpoints)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

async fn ready(child: &mut Child, endpoints: &Path, log: &Path) -> Result<Endpoints, LocalError> {
    let deadline = Instant::now() + READY_MAX;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(LocalError::Ended { status, log: tail(log) });
        }
        if let Ok(text) = fs::read(endpoints) {
            let found: Endpoints =
                serde_json::from_slice(&text).map_err(|_| LocalError::Content { path: endpoints.into() })?;
            if matches!(get(&found.admin, "/healthz").await, Some((200, _))) {
                return Ok(found);
            }
        }
        sleep(LOOK_EVERY).await;
    }
    Err(LocalError::NotReady { log: tail(log) })
}

async fn get(url: &str, path: &str) -> Option<(u16, String)> {
    let authority = url.strip_prefix("http://")?;
    let stream = TcpStream::connect(authority).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::get(path).header(http::header::HOST, authority).body(Empty::<Bytes>::new()).ok()?;
    let response = sender.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
