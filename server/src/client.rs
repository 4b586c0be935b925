//! `sekisho client`: who is connected or has a session, from where and with which certificate, what waits for whom; and the end of a
//! connection.
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use sekisho_state::system_clock;
use sekisho_types::{CertificateId, ClientId, ThingName, Timestamp};
use sekisho_workers::{
    ClientFilter, ClientInsight, Clients, ConnectionInsight, Gateway, SessionInsight, SubscriptionInsight,
};
use serde::{Deserialize, Serialize};

use crate::admin_client::{self, Running};
use crate::text::{bytes, printable, printable_json, span, table};

/// The flags of `sekisho client`.
#[derive(Args)]
pub struct ClientArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List clients by their ids: those that are connected, and those whose session is stored
    Ls {
        /// Only those that are this thing; without a connection, those named like it
        #[arg(long, value_parser = ThingName::parse)]
        thing: Option<ThingName>,
        /// Only those that connected with this certificate
        #[arg(long, value_name = "ID", value_parser = CertificateId::parse)]
        certificate: Option<CertificateId>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 1000)]
        most: usize,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Running,
    },
    /// Show one: its connection, its stored session, its subscriptions
    Show {
        /// The client id
        #[arg(value_name = "ID", value_parser = ClientId::parse)]
        client_id: ClientId,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Running,
    },
    /// Disconnect one, as the API's DeleteConnection does; it may connect again
    End {
        /// The client id
        #[arg(value_name = "ID", value_parser = ClientId::parse)]
        client_id: ClientId,
        /// End its stored session too: its subscriptions, and what waits for it
        #[arg(long)]
        clean_session: bool,
        /// Do not publish its will
        #[arg(long)]
        prevent_will: bool,
        #[command(flatten)]
        server: Running,
    },
}

/// What is asked of the running server about many.
#[derive(Serialize, Deserialize)]
struct Ls {
    filter: ClientFilter,
    most: usize,
}

/// And about one.
#[derive(Serialize, Deserialize)]
struct One {
    client_id: ClientId,
    #[serde(default)]
    clean_session: bool,
    #[serde(default)]
    prevent_will: bool,
}

/// Asks and prints.
pub async fn run(args: ClientArgs) -> Result<()> {
    let now = system_clock()();
    match args.command {
        Command::Ls { thing, certificate, most, json, server } => {
            let ask = Ls { filter: ClientFilter { thing, certificate_id: certificate }, most };
            let answer = admin_client::command(&server.data, "/client/ls", serde_json::to_vec(&ask)?).await?;
            print(json, &answer, |clients: Clients| listed(&clients, now))
        }
        Command::Show { client_id, json, server } => {
            let ask = One { client_id, clean_session: false, prevent_will: false };
            let answer = admin_client::command(&server.data, "/client/show", serde_json::to_vec(&ask)?).await?;
            print(json, &answer, |client: ClientInsight| page(&client, now))
        }
        Command::End { client_id, clean_session, prevent_will, server } => {
            let ask = One { client_id, clean_session, prevent_will };
            admin_client::command(&server.data, "/client/end", serde_json::to_vec(&ask)?).await.map(drop)
        }
    }
}

fn print<'a, T: Deserialize<'a>>(json: bool, answer: &'a Bytes, page: impl FnOnce(T) -> String) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", printable_json(std::str::from_utf8(answer)?.trim_end()))?);
    }
    Ok(out.write_all(page(serde_json::from_slice(answer)?).as_bytes())?)
}

/// The server's side of it; `None` for a command there is not.
pub async fn perform(gateway: &Gateway, path: &str, body: &Bytes) -> Option<Result<String>> {
    let one = || serde_json::from_slice::<One>(body).context("a client was to be named");
    let answer = match path {
        "/client/ls" => serde_json::from_slice::<Ls>(body)
            .context("a filter was to be given")
            .and_then(|Ls { filter, most }| Ok(serde_json::to_string(&gateway.clients(&filter, most))?)),
        "/client/show" => one().and_then(|One { client_id, .. }| {
            let client = gateway.client(&client_id);
            let client = client.with_context(|| format!("client `{client_id}` is not connected and has no session"))?;
            Ok(serde_json::to_string(&client)?)
        }),
        "/client/end" => match one() {
            Ok(One { client_id, clean_session, prevent_will }) => {
                match gateway.delete_connection(&client_id, clean_session, prevent_will) {
                    Ok(()) => gateway.state().settle().await.map(|()| String::new()).map_err(Into::into),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error),
        },
        _ => return None,
    };
    Some(answer.map(|text| text + "\n"))
}

fn listed(Clients { clients, more }: &Clients, now: Timestamp) -> String {
    if clients.is_empty() {
        return "nobody is connected, and no session is stored, that was asked for\n".to_owned();
    }
    let titles = ["client", "for", "from", "mqtt", "thing", "credential", "subscriptions", "waiting"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(clients.iter().map(|client| row(client, now)));
    let mut text = table(&rows, &[6, 7]);
    if *more > 0 {
        text.push_str(&format!("{more} more are not shown: --most shows them\n"));
    }
    text
}

fn row(client: &ClientInsight, now: Timestamp) -> Vec<String> {
    let absent = || "-".to_owned();
    let connection = client.connection.as_ref();
    let session = client.session.as_ref();
    let version = connection.map(|connection| &connection.protocol_version);
    let waiting = connection.map_or(0, |of| of.waiting) + session.map_or(0, |of| of.waiting);
    vec![
        printable(client.client_id.as_str()),
        connection.map_or_else(|| "offline".to_owned(), |connection| span(whole(now.since(connection.since)))),
        connection.map_or_else(absent, |connection| connection.address.to_string()),
        version.or(session.map(|session| &session.protocol_version)).cloned().unwrap_or_else(absent),
        connection.and_then(|connection| connection.thing.as_ref()).map_or_else(absent, ToString::to_string),
        connection.map_or_else(absent, principal),
        client.subscriptions.len().to_string(),
        waiting.to_string(),
    ]
}

/// The beginning of its certificate's id, or its access key, or as whom a custom authorizer knows it.
fn principal(connection: &ConnectionInsight) -> String {
    match (connection.certificate_id, &connection.access_key_id) {
        (Some(certificate_id), _) => certificate_id.to_string()[..12].to_owned(),
        (None, Some(access_key_id)) => printable(access_key_id),
        (None, None) => connection.principal_id.as_deref().map_or_else(|| "-".to_owned(), printable),
    }
}

fn page(client: &ClientInsight, now: Timestamp) -> String {
    let mut rows = vec![["client".to_owned(), printable(client.client_id.as_str())]];
    match &client.connection {
        Some(connection) => connection_rows(&mut rows, connection, now),
        None => rows.push(["connection".to_owned(), "none".to_owned()]),
    }
    match &client.session {
        Some(session) => session_rows(&mut rows, session),
        None => rows.push(["session".to_owned(), "ends with its connection".to_owned()]),
    }
    let mut subscriptions = client.subscriptions.iter();
    let said = |known: &SubscriptionInsight| format!("{} (QoS {})", printable(&known.topic_filter), known.qos);
    let first = subscriptions.next().map_or_else(|| "none".to_owned(), said);
    rows.push(["subscriptions".to_owned(), first]);
    rows.extend(subscriptions.map(|known| [String::new(), said(known)]));
    table(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), &[])
}

fn connection_rows(rows: &mut Vec<[String; 2]>, connection: &ConnectionInsight, now: Timestamp) {
    let mut add = |name: &str, value: String| rows.push([name.to_owned(), value]);
    let ConnectionInsight { keep_alive_s, version_number, waiting, waiting_bytes, .. } = connection;
    let since = connection.since;
    add("connected", format!("{since}, for {}", span(whole(now.since(since)))));
    add("from", connection.address.to_string());
    if let Some(certificate_id) = connection.certificate_id {
        add("certificate", certificate_id.to_string());
    }
    if let Some(access_key_id) = &connection.access_key_id {
        add("access key", printable(access_key_id));
    }
    if let Some(principal_id) = &connection.principal_id {
        add("principal", printable(principal_id));
    }
    if let Some(authorizer) = &connection.authorizer {
        add("authorizer", authorizer.to_string());
    }
    if let Some(tls) = &connection.tls {
        add("TLS", tls.clone());
    }
    add("thing", connection.thing.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string));
    add("protocol", format!("MQTT {}, keep alive {keep_alive_s}s", connection.protocol_version));
    add("version number", version_number.to_string());
    add("mailbox", format!("{waiting}, {}", bytes(*waiting_bytes as u64)));
}

fn session_rows(rows: &mut Vec<[String; 2]>, session: &SessionInsight) {
    let stays = match (session.left_at, session.ends_at) {
        (None, _) => "stored, and in use".to_owned(),
        (Some(left_at), Some(ends_at)) => format!("left {left_at}, ends {ends_at}"),
        (Some(left_at), None) => format!("left {left_at}, does not end"),
    };
    rows.push(["session".to_owned(), format!("{stays} (MQTT {})", session.protocol_version)]);
    let waiting = format!("{}, {}", session.waiting, bytes(session.waiting_bytes as u64));
    rows.push(["waiting".to_owned(), waiting]);
}

/// Without the milliseconds.
fn whole(span: Duration) -> Duration {
    if span < Duration::from_secs(1) { span } else { Duration::from_secs(span.as_secs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> Vec<ClientInsight> {
        let connected = serde_json::json!({
            "client_id": "pump-\u{1b}[2J7",
            "connection": {
                "address": "10.0.0.7:50000", "certificate_id": "0f".repeat(32), "thing": "pump-7", "protocol_version": "5",
                "keep_alive_s": 60, "since": 1_795_524_805_000_i64, "version_number": 2, "waiting": 1, "waiting_bytes": 2048,
            },
            "session": null,
            "subscriptions": [{ "topic_filter": "a/#", "qos": 1 }, { "topic_filter": "b", "qos": 0 }],
        });
        let offline = serde_json::json!({
            "client_id": "pump-8",
            "connection": null,
            "session": {
                "left_at": 1_795_524_805_000_i64, "ends_at": 1_795_528_405_000_i64, "protocol_version": "3.1.1",
                "waiting": 3, "waiting_bytes": 10,
            },
            "subscriptions": [],
        });
        vec![serde_json::from_value(connected).unwrap(), serde_json::from_value(offline).unwrap()]
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_524_870_500);

    #[test]
    fn a_list_is_a_line_each_and_cannot_steer_the_terminal() {
        let text = listed(&Clients { clients: clients(), more: 5 }, NOW);
        assert_eq!(
            text,
            "client           for      from            mqtt   thing   credential    subscriptions  waiting\n\
             pump-\\u{1b}[2J7  1m 5s    10.0.0.7:50000  5      pump-7  0f0f0f0f0f0f              2        1\n\
             pump-8           offline  -               3.1.1  -       -                         0        3\n\
             5 more are not shown: --most shows them\n"
        );
        assert!(listed(&Clients { clients: vec![], more: 0 }, NOW).starts_with("nobody is connected"));
    }

    #[test]
    fn a_page_tells_connection_session_and_subscriptions() {
        let pages: String = clients().iter().map(|client| page(client, NOW) + "\n").collect();
        let certificate = "0f".repeat(32);
        assert_eq!(
            pages,
            format!(
                "client          pump-\\u{{1b}}[2J7\n\
                 connected       2026-11-24T12:53:25Z, for 1m 5s\n\
                 from            10.0.0.7:50000\n\
                 certificate     {certificate}\n\
                 thing           pump-7\n\
                 protocol        MQTT 5, keep alive 60s\n\
                 version number  2\n\
                 mailbox         1, 2.0 KiB\n\
                 session         ends with its connection\n\
                 subscriptions   a/# (QoS 1)\n                b (QoS 0)\n\
                 \nclient         pump-8\n\
                 connection     none\n\
                 session        left 2026-11-24T12:53:25Z, ends 2026-11-24T13:53:25Z (MQTT 3.1.1)\n\
                 waiting        3, 10 B\n\
                 subscriptions  none\n\n"
            )
        );
    }
}
