//! `rules`: what a rule costs a message, beside a full parse of the same payload by serde_json and by sonic-rs on the same core; and what many
//! installed rules cost a message that three of them select.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sekisho_broker::{Broker, HashMatch, RuleId};
use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
use sekisho_policy::{Context, Permit, PolicyDocument, PolicySet, Publish, authorize};
use sekisho_rules::{Evaluation, Message, Program, SqlVersion, compile};
use sekisho_types::{
    AccountId, CertificateId, PolicyName, Random, Region, RuleName, Tenant, Timestamp, TopicFilter, TopicName,
};

const RUNS: usize = 5;
const EACH: Duration = Duration::from_millis(300);
const TOPIC: &str = "plant/7/pump-3/telemetry";

const STATEMENTS: &[(&str, &str)] = &[
    ("everything", "SELECT * FROM 'plant/#'"),
    (
        "three fields, WHERE",
        "SELECT temperature, status.code AS code, topic(3) AS device FROM 'plant/+/+/telemetry' WHERE temperature > 20",
    ),
    ("not selected", "SELECT * FROM 'plant/+/+/telemetry' WHERE status.code = 'E17'"),
    (
        "everything and more",
        "SELECT *, topic(3) AS device, timestamp() AS at FROM 'plant/+/+/telemetry' WHERE temperature > 20",
    ),
    (
        "functions",
        "SELECT concat(upper(device), '-', floor(temperature)) AS id, round(pressure * 14.5, 2) AS psi FROM 'plant/#' WHERE regexp_matches(device, '^pump-[0-9]+$')",
    ),
];

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

fn main() -> Result<()> {
    println!("µs of one core, medians of {RUNS}, alternating\n");
    println!(
        "| statement | payload | sekisho | serde_json, parsed whole | sonic-rs, parsed whole | ratio to serde_json | to the faster |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, sql) in STATEMENTS {
        let program = compile(sql, SqlVersion::V2016_03_23).with_context(|| sql.to_string())?;
        for bytes in [200, 1000, 10_000] {
            let payload = payload(bytes);
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..RUNS {
                times[0].push(each(|| evaluate(&program, &payload)));
                times[1].push(each(|| {
                    serde_json::from_slice::<serde_json::Value>(black_box(&payload))
                        .map_or(0, |value| usize::from(value.is_object()))
                }));
                times[2].push(each(|| sonic_rs::from_slice::<sonic_rs::Value>(black_box(&payload)).map_or(0, |_| 1)));
            }
            let [ours, serde, sonic] = times.map(median);
            println!(
                "| {name} | {} B | {ours:.2} | {serde:.2} | {sonic:.2} | **{:.2}** | {:.2} |",
                payload.len(),
                ours / serde,
                ours / serde.min(sonic)
            );
        }
    }
    installed()
}

/// Three rules select each message; the others wait on topics of their own, a third of them with a wildcard.
fn installed() -> Result<()> {
    println!("\n| rules installed | µs a message, three selected | ratio |\n|---|---|---|");
    let payload = payload(1000);
    let selecting: Vec<Program> =
        STATEMENTS[1..4].iter().map(|(_, sql)| compile(sql, SqlVersion::V2016_03_23)).collect::<Result<_, _>>()?;
    let permit = permit()?;
    let brokers: Vec<(usize, Broker)> = [3, 100, 10_000].map(|many| (many, broker(many, &selecting))).into();
    let mut times = vec![Vec::new(); brokers.len()];
    for _ in 0..RUNS {
        for ((_, broker), times) in brokers.iter().zip(&mut times) {
            let mut found = Vec::new();
            times.push(each(|| {
                found.clear();
                broker.publish(black_box(&permit), None, 0, &mut found);
                assert_eq!(found.len(), 3, "three rules select it");
                selecting.iter().map(|program| evaluate(program, &payload)).sum()
            }));
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for ((many, _), took) in brokers.iter().zip(&medians) {
        println!("| {many} | {took:.2} | **{:.2}** |", took / medians[0]);
    }
    Ok(())
}

fn broker(many: usize, selecting: &[Program]) -> Broker {
    let mut broker = Broker::new(HashMatch::Aws);
    for number in 0..many {
        let name = RuleName::parse(&format!("rule_{number}")).expect("a name");
        let elsewhere = match number % 3 {
            0 => format!("plant/{number}/pump-3/telemetry"),
            1 => format!("plant/7/pump-{number}/+"),
            _ => format!("site/{number}/#"),
        };
        let filter = selecting.get(number).and_then(Program::topic_filter).cloned();
        let filter = filter.unwrap_or_else(|| TopicFilter::parse(&elsewhere).expect("a filter"));
        broker.add_rule(&name, Some(&filter), RuleId(number as u32));
    }
    broker
}

fn evaluate(program: &Program, payload: &[u8]) -> usize {
    let message = Message {
        topic: TOPIC,
        payload: black_box(payload),
        principal: "p",
        account: "000000000000",
        ..Message::default()
    };
    match program.evaluate(&message, &mut Zeros) {
        Evaluation::Selected(selected) => selected.len(),
        Evaluation::NotSelected => 0,
        Evaluation::Failed(error) => panic!("{error}"),
    }
}

/// Telemetry of about so many bytes: what is read comes first, in the middle and last.
fn payload(bytes: usize) -> Vec<u8> {
    let mut text = r#"{"device": "pump-3", "temperature": 71.25"#.to_owned();
    let last = r#", "pressure": 4.125, "status": {"code": "E16", "on": true}}"#;
    let mut n = 0;
    while text.len() + last.len() + 24 < bytes {
        text += &match n % 3 {
            0 => format!(r#", "sensor{n}": {}.{}"#, n * 37 % 100, n * 17 % 100),
            1 => format!(r#", "name{n}": "line {n}""#),
            _ => format!(r#", "set{n}": [{n}, true, null]"#),
        };
        n += 1;
    }
    (text + last).into_bytes()
}

/// µs that one call takes.
fn each(mut run: impl FnMut() -> usize) -> f64 {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < EACH {
        for _ in 0..100 {
            black_box(run());
        }
        calls += 100;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn permit() -> Result<Permit<Publish>> {
    let (now, not_after) = (Timestamp::from_seconds(0), Timestamp::from_seconds(20));
    let record = CertificateRecord { status: CertificateStatus::Active, not_before: now, not_after };
    let who = DeviceIdentity::establish(CertificateId::new([1; 32]), &record, now)?;
    let document = PolicyDocument::parse(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#)?;
    let policies = PolicySet::new(vec![(PolicyName::parse("all")?, Arc::new(document))]);
    let tenant = Tenant { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? };
    let publish = Publish { topic: TopicName::parse(TOPIC)? };
    authorize(&who, publish, &policies, &Context::new(tenant)).map_err(|denied| anyhow::anyhow!("{denied}"))
}
