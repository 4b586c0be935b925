//! `sekisho stream tail`: records as they come.
use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;
use http_body_util::BodyExt;
use sekisho_types::DeliveryStreamName;
use sekisho_workers::{TailFrom, TailLine, TailRecord};

use super::Ask;
use super::figures::partition_name;
use crate::admin_client::{self, Running};
use crate::text::{printable, printable_json};

/// Characters of a record's data that are printed. And then: how many are left out; `--json` prints all.
const DATA_SHOWN: usize = 1000;
/// Of a certificate's id: enough to find it by.
const CERTIFICATE_SHOWN: usize = 8;

#[derive(Args)]
pub struct TailArgs {
    /// The stream
    #[arg(value_parser = DeliveryStreamName::parse)]
    name: DeliveryStreamName,
    /// Begin with the next record (what is done if nothing is said)
    #[arg(long, conflicts_with = "buffered")]
    from_now: bool,
    /// Begin with what the stream holds and has not delivered yet
    #[arg(long)]
    buffered: bool,
    /// Print each as a line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Running,
}

/// Prints until the stream or the server ends.
pub async fn run(args: TailArgs) -> Result<()> {
    let from = if args.buffered { TailFrom::Buffered } else { TailFrom::Now };
    let ask = Ask { from, ..Ask::about(args.name.clone()) };
    let body = admin_client::open(&args.server.data, "/stream/tail", ask.to_bytes()).await?;
    // For people, and for scripts that wait for it before they publish.
    eprintln!("sekisho: watching `{}`", args.name);
    each_line(body, |line| show(line, args.json)).await
}

/// Lines as they come.
pub(super) async fn each_line(
    mut body: hyper::body::Incoming,
    mut show: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut waiting = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        waiting.extend_from_slice(&data);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            show(&line)?;
        }
    }
    Ok(())
}

fn show(line: &[u8], json: bool) -> Result<()> {
    let parsed: TailLine = serde_json::from_slice(line)?;
    let mut out = std::io::stdout().lock();
    match parsed {
        TailLine::Record(record) if json => {
            writeln!(out, "{}", printable_json(&serde_json::to_string(&record)?))?;
        }
        TailLine::Record(record) => out.write_all(describe(&record).as_bytes())?,
        TailLine::Lost(lost) => {
            eprintln!("sekisho: {lost} records came faster than they were read, and are not shown");
        }
        TailLine::End(why) => bail!("{}", printable(&why)),
    }
    Ok(out.flush()?)
}

/// Where it comes from, and below it what it holds.
fn describe(record: &TailRecord) -> String {
    let named = |name: &str, value: Option<&String>| {
        value.map_or(String::new(), |value| format!(" {name} `{}`", value.escape_debug()))
    };
    let certificate = record
        .certificate_id
        .map_or(String::new(), |id| format!(" certificate {}…", &id.to_string()[..CERTIFICATE_SHOWN]));
    let rule = record
        .rule
        .as_ref()
        .map_or(String::new(), |rule| format!(" rule {}@{}", printable(rule), record.rule_version.unwrap_or(0)));
    let partition = record.partition.as_deref();
    let partition =
        partition.map_or(String::new(), |partition| format!(" partition {}", partition_name(Some(partition))));
    let origin = format!(
        "{}{}{}{}{rule}",
        certificate,
        named("thing", record.thing.as_ref()),
        named("client", record.client_id.as_ref()),
        named("topic", record.topic.as_ref())
    );
    let origin = if record.topic.is_none() { " put by the account".to_owned() } else { origin };
    format!("{}{origin}{partition}\n          {}\n", record.arrival, data(record))
}

fn data(record: &TailRecord) -> String {
    let (text, kind) = match (&record.data, &record.data_base64) {
        (Some(text), _) => (printable(text.strip_suffix('\n').unwrap_or(text)), ""),
        (None, base64) => (base64.clone().unwrap_or_default(), "base64 "),
    };
    let shown: String = text.chars().take(DATA_SHOWN).collect();
    match text.chars().count() - shown.chars().count() {
        0 => format!("{kind}{shown}"),
        more => format!("{kind}{shown}… and {more} characters more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: serde_json::Value) -> TailRecord {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_record_stands_below_its_origin() {
        let shown = describe(&record(serde_json::json!({
            "arrival": 1_795_524_805_000_i64, "certificateId": "ab".repeat(32), "thing": "pump-7", "clientId": "pump-7",
            "topic": "factory/pump-7/telemetry", "rule": "hot", "ruleVersion": 2, "partition": "!processing-failed",
            "data": "{\"temperature\": 21}\n",
        })));
        assert_eq!(
            shown,
            "2026-11-24T12:53:25Z certificate abababab… thing `pump-7` client `pump-7` topic `factory/pump-7/telemetry` \
             rule hot@2 partition (error output: processing-failed)\n          {\"temperature\": 21}\n"
        );
        let put = describe(&record(serde_json::json!({ "arrival": 0, "dataBase64": "//4=" })));
        assert_eq!(put, "1970-01-01T00:00:00Z put by the account\n          base64 //4=\n");
    }

    #[test]
    fn what_a_device_wrote_cannot_steer_the_terminal() {
        let forged = "\x1b[2J\u{9b}A\n2026-11-24T12:53:25Z forged";
        let fields =
            serde_json::json!({ "arrival": 0, "clientId": forged, "topic": forged, "thing": forged, "data": forged });
        let shown = describe(&record(fields));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown}");
    }

    #[test]
    fn much_data_is_cut() {
        let shown = data(&record(serde_json::json!({ "arrival": 0, "data": "x".repeat(DATA_SHOWN + 5) })));
        assert!(shown.ends_with("x… and 5 characters more"), "{shown}");
    }
}
