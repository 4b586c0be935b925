//! A command to the running server, by whoever may read its data directory.
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use crate::{admin_token, endpoints};

/// Which server a command is for.
#[derive(Args)]
pub struct Running {
    /// The data directory of the running server
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    pub data: PathBuf,
}

/// Sends it; the answer's body, or the refusal as an error.
pub async fn command(data: &Path, path: &str, body: Vec<u8>) -> Result<Bytes> {
    Ok(open(data, path, body).await?.collect().await?.to_bytes())
}

/// Sends it; the answer's body as it comes, or the refusal as an error.
pub async fn open(data: &Path, path: &str, body: Vec<u8>) -> Result<Incoming> {
    let address = endpoints::read(data)?.admin.replace("http://", "");
    let token = admin_token::read(data)?;
    let stream =
        tokio::net::TcpStream::connect(&address).await.with_context(|| format!("no server answers on {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::post(path)
        .header(http::header::HOST, &address)
        .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    if !status.is_success() {
        let text = response.into_body().collect().await?.to_bytes();
        bail!("{}", String::from_utf8_lossy(&text).trim_end());
    }
    Ok(response.into_body())
}
