//! Where a running server listens: it leaves the addresses in `DIR/endpoints.json`, and `sekisho env` reads them.
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::credentials;

/// The flags of `sekisho env`.
#[derive(Args)]
pub struct EnvFlags {
    /// The data directory of the running server
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: PathBuf,
    /// Over TLS, trusting the server's own CA
    #[arg(long)]
    tls: bool,
}

/// `DIR/endpoints.json`.
#[derive(Serialize, Deserialize, Debug, Clone)]
pub struct Endpoints {
    /// Every AWS API, as a URL.
    pub api: String,
    /// MQTT over mutual TLS, host and port.
    pub mqtt: String,
    /// Device HTTPS, as a URL.
    pub https: String,
    /// All that devices speak, host and port, if there is such a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// Health and metrics, as a URL.
    pub admin: String,
    /// MQTT without TLS, host and port, if it is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_mqtt: Option<String>,
    /// The region requests must be signed for.
    pub region: String,
    /// The account.
    pub account: String,
}

/// The file's place.
pub fn path(data: &Path) -> PathBuf {
    data.join("endpoints.json")
}

impl Endpoints {
    /// Writes the file, whole or not at all.
    pub fn write(&self, data: &Path) -> Result<()> {
        let unfinished = data.join("endpoints.unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
        Ok(fs::rename(&unfinished, path(data))?)
    }
}

/// Where the server on `data` listens.
pub fn read(data: &Path) -> Result<Endpoints> {
    let path = path(data);
    let text = fs::read(&path).with_context(|| format!("no server runs on `{}`", data.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Prints `export AWS_…` lines for a shell to evaluate.
pub fn print_env(flags: &EnvFlags) -> Result<()> {
    let endpoints = read(&flags.data)?;
    let credentials = match (std::env::var("SEKISHO_ACCESS_KEY_ID"), std::env::var("SEKISHO_SECRET_ACCESS_KEY")) {
        (Ok(id), Ok(secret)) => (id, secret),
        _ => {
            let found = credentials::read(&credentials::path(&flags.data))?;
            (found.access_key_id, String::from_utf8_lossy(found.secret_access_key.expose()).into_owned())
        }
    };
    let api = if flags.tls { endpoints.api.replacen("http://", "https://", 1) } else { endpoints.api };
    let mut lines = vec![
        ("AWS_ENDPOINT_URL", api),
        ("AWS_REGION", endpoints.region.clone()),
        ("AWS_DEFAULT_REGION", endpoints.region),
        ("AWS_ACCESS_KEY_ID", credentials.0),
        ("AWS_SECRET_ACCESS_KEY", credentials.1),
    ];
    if flags.tls {
        let ca = std::path::absolute(flags.data.join("tls/server-ca.pem"))?;
        lines.push(("AWS_CA_BUNDLE", ca.display().to_string()));
    }
    let mut out = std::io::stdout().lock();
    for (name, value) in lines {
        writeln!(out, "export {name}='{}'", value.replace('\'', r"'\''"))?;
    }
    Ok(writeln!(out, "unset AWS_SESSION_TOKEN AWS_PROFILE")?)
}
