//! Telemetry as devices send it: JSON of a fixed size, the same for the same number, that says which one it is.

/// Devices that the records come from in turn.
pub const DEVICES: u64 = 1_000;
/// No record is shorter.
pub const BYTES_MIN: usize = 230;
/// Added to a record's number, so that all have as many digits; JSON has no leading zeros.
const SEQ_FROM: u64 = 1_000_000_000;

/// Record `number`, `bytes` long with its line feed. Its temperature has two decimals, so that sums are exact.
pub fn record(number: u64, bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let noise = mix(number);
    let part = |shift: u32, below: u64| (noise >> shift) % below;
    let mut out = Vec::with_capacity(bytes);
    let seq = SEQ_FROM + number;
    let (device, ts) = (number % DEVICES, 1_767_225_600_000 + number * 7 + part(0, 7));
    let (temperature, pressure, vibration) = (part(3, 9_000), part(13, 4_000), part(23, 100_000));
    write!(
        out,
        r#"{{"seq":{seq},"device":"pump-{device:05}","ts":{ts},"temperature":{}.{:02},"pressure":{}.{:03},"vibration":0.{vibration:05},"rpm":{},"state":"{}","site":"plant-{}","firmware":"4.{}.{}","pad":""#,
        temperature / 100,
        temperature % 100,
        pressure / 1_000,
        pressure % 1_000,
        1_000 + part(33, 2_000),
        ["running", "running", "running", "idle", "starting"][part(43, 5) as usize],
        part(46, 9),
        part(49, 4),
        part(51, 30),
    )
    .expect("writing into memory does not fail");
    let padding = (bytes.max(BYTES_MIN)).saturating_sub(out.len() + 3);
    out.extend(std::iter::repeat_n(b'.', padding));
    out.extend_from_slice(b"\"}\n");
    out
}

/// Which record a line holds.
pub fn number(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(br#"{"seq":"#)?.get(..10)?;
    std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?.checked_sub(SEQ_FROM)
}

/// splitmix64
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_json_of_their_size_that_name_their_number() {
        for n in [0, 1, 999, 1_000_000, 8_999_999_999] {
            let line = record(n, 256);
            assert_eq!((line.len(), number(&line)), (256, Some(n)), "{}", String::from_utf8_lossy(&line));
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(value["device"], format!("pump-{:05}", n % DEVICES));
        }
        assert!(record(0, 0).len() >= BYTES_MIN);
    }
}
