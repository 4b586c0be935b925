//! What devices say, and what the rule must make of it.
use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sekisho_client::QoS;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::account::HOT;
use super::devices::Device;
use super::stage::Stage;

/// How long they speak.
const TALK: Duration = Duration::from_secs(4);
/// The pause between two readings of a device.
const PAUSE: Duration = Duration::from_millis(15);
/// How often the live line moves.
pub const FRAME: Duration = Duration::from_millis(80);

/// A reading: which device, which of its readings.
pub type Reading = (String, u64);

/// Every reading was acknowledged; these are the ones the rule selects.
pub struct Sent {
    /// Each with its payload.
    pub selected: HashMap<Reading, Value>,
    /// When the first was sent, in milliseconds since the epoch.
    pub began_ms: i64,
}

/// Both devices speak at once, each waiting for the acknowledgement of one reading before it sends the next.
pub async fn publish(stage: &mut Stage, [one, other]: [&mut Device; 2], marker: &str) -> Result<Sent> {
    let began_ms = now_ms();
    let until = Instant::now() + TALK;
    let (acknowledged, slowest) = (Cell::new(0_u64), Cell::new(Duration::ZERO));
    let talk = async {
        let one = speak(one, marker, until, &acknowledged, &slowest);
        let other = speak(other, marker, until, &acknowledged, &slowest);
        tokio::try_join!(one, other)
    };
    tokio::pin!(talk);
    let mut frames = interval(FRAME);
    let (mut said, more) = loop {
        tokio::select! {
            finished = &mut talk => break finished?,
            _ = frames.tick() => {
                let left = until.saturating_duration_since(Instant::now()).as_secs_f64();
                stage.live(&format!("{} readings acknowledged, {left:.1} s to go", acknowledged.get()))?;
            }
        }
    };
    said.extend(more);
    let all = said.len();
    let hot = |reading: &Value| reading["temperature"].as_f64().is_some_and(|degrees| degrees > HOT as f64);
    let selected: HashMap<Reading, Value> = said.into_iter().filter(|(_, reading)| hot(reading)).collect();
    let slowest = slowest.get().as_secs_f64() * 1000.0;
    stage.done(
        &format!("{all} readings"),
        &format!("each acknowledged within {slowest:.1} ms, each with a marker planted in it"),
    )?;
    stage.done(&format!("{} of them above {HOT} °C", selected.len()), "these and no others must arrive")?;
    Ok(Sent { selected, began_ms })
}

async fn speak(
    device: &mut Device,
    marker: &str,
    until: Instant,
    acknowledged: &Cell<u64>,
    slowest: &Cell<Duration>,
) -> Result<HashMap<Reading, Value>> {
    let (name, topic) = (device.name, format!("factory/{}/telemetry", device.name));
    let mut pace = interval(PAUSE);
    let mut said = HashMap::new();
    for number in 1.. {
        pace.tick().await;
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        let reading = reading(number, marker);
        let publish = device.link()?.publish(&topic, reading.to_string(), QoS::AtLeastOnce);
        publish.await.with_context(|| format!("reading {number} of `{name}`"))?;
        slowest.set(slowest.get().max(sent.elapsed()));
        acknowledged.set(acknowledged.get() + 1);
        said.insert((name.to_owned(), number), reading);
    }
    Ok(said)
}

/// Between 12 and 28 degrees, the rule's very limit among them. A whole number is written as one.
fn reading(number: u64, marker: &str) -> Value {
    let tenths = 120 + number * 37 % 161;
    let temperature = if tenths.is_multiple_of(10) { json!(tenths / 10) } else { json!(tenths as f64 / 10.0) };
    json!({"number": number, "temperature": temperature, "note": marker})
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_lie_on_both_sides_of_the_limit_and_on_it() {
        let degrees: Vec<f64> = (1..=161).filter_map(|number| reading(number, "")["temperature"].as_f64()).collect();
        let limit = HOT as f64;
        assert_eq!(degrees.iter().filter(|found| **found > limit).count(), 80);
        assert_eq!(degrees.iter().filter(|found| **found < limit).count(), 80);
        assert!(degrees.contains(&limit));
    }
}
