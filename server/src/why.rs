//! `sekisho why`: asks the running server why somebody was refused.
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use sekisho_workers::Decision;

use crate::endpoints;

/// The flags of `sekisho why`.
#[derive(Args)]
pub struct WhyArgs {
    /// A certificate id (or its beginning), a client id, or a peer's address; everything of late if left out
    #[arg(default_value = "")]
    about: String,
    /// The data directory of the running server
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: PathBuf,
    /// Print the records as JSON
    #[arg(long)]
    json: bool,
}

/// Asks and prints, the newest first.
pub async fn run(args: WhyArgs) -> Result<()> {
    let address = endpoints::read(&args.data)?.admin.replace("http://", "");
    let stream =
        tokio::net::TcpStream::connect(&address).await.with_context(|| format!("no server answers on {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let about = percent_encoding::utf8_percent_encode(&args.about, percent_encoding::NON_ALPHANUMERIC);
    let request = http::Request::get(format!("/why?q={about}"))
        .header(http::header::HOST, &address)
        .body(Empty::<Bytes>::new())?;
    let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    if args.json {
        return print(&body);
    }
    let decisions: Vec<Decision> = serde_json::from_slice(&body)?;
    if decisions.is_empty() {
        anyhow::bail!(
            "nothing was refused of late{}",
            if args.about.is_empty() { String::new() } else { format!(" to `{}`", args.about) }
        );
    }
    let text: String = decisions.iter().map(describe).collect();
    print(text.as_bytes())
}

fn print(text: &[u8]) -> Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout().lock(), text)?)
}

fn describe(decision: &Decision) -> String {
    let client = decision.client_id.as_deref().map_or(String::new(), |id| format!(" client `{id}`"));
    let certificate = decision.certificate_id.map_or(String::new(), |id| format!(" certificate {id}"));
    let peer = decision.peer.map_or(String::new(), |peer| format!(" from {peer}"));
    let names = match (&decision.subject, &decision.issuer) {
        (Some(subject), Some(issuer)) => format!("          subject `{subject}`, issuer `{issuer}`\n"),
        _ => String::new(),
    };
    let time = decision.time.millis();
    let seconds = time.div_euclid(1000).rem_euclid(86_400);
    let clock = format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{clock} {}{client}{peer}{certificate}\n          {}\n{names}", decision.step, decision.reason)
}
