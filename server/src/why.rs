//! `sekisho why`: asks the running server why somebody was refused.
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use sekisho_workers::{Decision, Outcome};

use crate::endpoints;

/// How many are printed unless all are asked for: about a screen.
const SHOWN: usize = 20;

/// The flags of `sekisho why`.
#[derive(Args)]
pub struct WhyArgs {
    /// `authorizer` or `object_store`, a certificate's or CA's id (or its beginning), a custom authorizer or whom it knows, a client id, a thing,
    /// a peer's address (or its beginning), or any part of a subject or issuer; everything of late if left out
    #[arg(default_value = "")]
    about: String,
    /// The data directory of the running server
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: PathBuf,
    /// Print everything that is kept, not only the newest 20
    #[arg(long)]
    all: bool,
    /// Print everything that is kept as JSON
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
        anyhow::bail!("{}", nothing(&args.about));
    }
    print(page(&decisions, if args.all { usize::MAX } else { SHOWN }).as_bytes())
}

fn nothing(about: &str) -> String {
    let about = if about.is_empty() { String::new() } else { format!(" that `{}` tells of", about.escape_debug()) };
    format!("nothing was refused to a device of late{about}; API refusals are in the log")
}

/// The newest `shown` decisions, and how to see the others.
fn page(decisions: &[Decision], shown: usize) -> String {
    let mut text: String = decisions.iter().take(shown).map(describe).collect();
    if let Some(more) = decisions.len().checked_sub(shown).filter(|more| *more > 0) {
        text.push_str(&format!("{more} older ones are not shown: --all shows them\n"));
    }
    text
}

fn print(text: &[u8]) -> Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout().lock(), text)?)
}

/// Client ids and reasons hold what a peer has written, and go to a terminal: nothing in them may move its cursor. Names come
/// escaped.
fn describe(decision: &Decision) -> String {
    let client = decision.client_id.as_deref().map_or(String::new(), |id| format!(" client `{}`", id.escape_debug()));
    let thing = decision.thing.as_ref().map_or(String::new(), |thing| format!(" thing `{thing}`"));
    let certificate = decision.certificate_id.map_or(String::new(), |id| format!(" certificate {id}"));
    let access_key = decision.access_key_id.as_deref();
    let access_key = access_key.map_or(String::new(), |id| format!(" access key `{}`", id.escape_debug()));
    let principal = decision.principal_id.as_deref();
    let principal = principal.map_or(String::new(), |id| format!(" principal `{}`", id.escape_debug()));
    let authorizer = decision.authorizer.as_ref().map_or(String::new(), |name| format!(" authorizer `{name}`"));
    let peer = decision.peer.map_or(String::new(), |peer| format!(" from {peer}"));
    let names = match (&decision.subject, &decision.issuer) {
        (Some(subject), Some(issuer)) => format!("          subject `{subject}`, issuer `{issuer}`\n"),
        _ => String::new(),
    };
    let outcome = match decision.outcome {
        Outcome::Refused => "",
        Outcome::Closed => " done, and closed",
        Outcome::LetIn => " let in",
        Outcome::Unavailable => " unavailable",
    };
    let (time, step) = (decision.time, &decision.step);
    let reason = printable(&decision.reason);
    format!(
        "{time} {step}{outcome}{client}{thing}{peer}{certificate}{access_key}{principal}{authorizer}\n          {reason}\n{names}"
    )
}

/// A reason quotes names that are escaped already: what can be printed stays as it is.
fn printable(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(fields: serde_json::Value) -> Decision {
        let mut whole =
            serde_json::json!({ "time": 1_795_524_805_000_i64, "step": "publish", "reason": "implicit deny" });
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn what_a_peer_wrote_cannot_steer_the_terminal() {
        let forged = "good\x1b[32mGREEN\n12:00:00Z forged client \u{202e}";
        let reason = format!("no CA with the subject `CN=\"x\\,\"` may {forged}");
        let text = describe(&decision(serde_json::json!({ "client_id": forged, "reason": reason })));
        assert_eq!(
            text,
            "2026-11-24T12:53:25Z publish client `good\\u{1b}[32mGREEN\\n12:00:00Z forged client \\u{202e}`\n          \
             no CA with the subject `CN=\"x\\,\"` may good\\u{1b}[32mGREEN\\n12:00:00Z forged client \\u{202e}\n"
        );
        assert!(!nothing(forged).contains(['\x1b', '\n']));
    }

    #[test]
    fn the_newest_are_shown_and_what_was_let_in_says_so() {
        let many = vec![decision(serde_json::json!({ "outcome": "let_in" })); 50];
        let text = page(&many, SHOWN);
        assert_eq!(text.lines().count(), 2 * SHOWN + 1);
        assert!(text.starts_with("2026-11-24T12:53:25Z publish let in\n"), "{text}");
        assert!(text.ends_with("\n30 older ones are not shown: --all shows them\n"), "{text}");
        assert_eq!(page(&many, usize::MAX).lines().count(), 2 * 50);
        assert_eq!(page(&many[..SHOWN], SHOWN).lines().count(), 2 * SHOWN);
        assert_eq!(nothing(""), "nothing was refused to a device of late; API refusals are in the log");
    }
}
