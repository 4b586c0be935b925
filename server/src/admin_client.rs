//! A command to the running server, by whoever may read its data directory.
use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;

use crate::{admin_token, endpoints};

/// Sends it; the answer's body, or the refusal as an error.
pub async fn command(data: &Path, path: &str, body: Vec<u8>) -> Result<Bytes> {
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
    let text = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("{}", String::from_utf8_lossy(&text).trim_end());
    }
    Ok(text)
}
