//! `Range` (RFC 9110 §14): one range of bytes; several, or other units, are answered with the whole.
use std::ops::Range;

/// 416: no byte of the object lies in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The requested range is not satisfiable")]
pub struct Unsatisfiable;

/// The bytes of an object of `size` bytes that a header asks for; `None` if it is to be ignored.
///
/// # Errors
/// [`Unsatisfiable`].
pub fn byte_range(header: &str, size: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let spec = header.trim().strip_prefix("bytes=").and_then(|spec| spec.trim().split_once('-'));
    let Some((first, last)) = spec else { return Ok(None) };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX));
    let range = match (first, last) {
        ("", "") => return Ok(None),
        ("", suffix) => match number(suffix) {
            None => return Ok(None),
            Some(suffix) => size.saturating_sub(suffix)..size,
        },
        (first, "") => match number(first) {
            None => return Ok(None),
            Some(first) => first..size,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return Ok(None),
        },
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(Unsatisfiable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        type Outcome = Result<Option<Range<u64>>, Unsatisfiable>;
        #[rustfmt::skip] // source                               header             of 100 bytes
        let table: &[(&str, &str, Outcome)] = &[
            ("RFC 9110 §14.1.2",                                 "bytes=0-9",       Ok(Some(0..10))),
            ("RFC 9110 §14.1.2: to the end",                     "bytes=90-",       Ok(Some(90..100))),
            ("RFC 9110 §14.1.2: the last bytes",                 "bytes=-10",       Ok(Some(90..100))),
            ("RFC 9110 §14.1.2: a suffix longer than the whole", "bytes=-1000",     Ok(Some(0..100))),
            ("RFC 9110 §14.1.2: behind the end is the end",      "bytes=50-1000",   Ok(Some(50..100))),
            ("RFC 9110 §15.5.17",                                "bytes=100-",      Err(Unsatisfiable)),
            ("RFC 9110 §15.5.17",                                "bytes=200-300",   Err(Unsatisfiable)),
            ("RFC 9110 §14.1.2: an empty suffix",                "bytes=-0",        Err(Unsatisfiable)),
            ("RFC 9110 §14.1.1: first after last is invalid",    "bytes=9-0",       Ok(None)),
            ("GetObject: one range a request",                   "bytes=0-1,5-6",   Ok(None)),
            ("RFC 9110 §14.2: another unit",                     "lines=0-1",       Ok(None)),
            ("no range at all",                                  "bytes=-",         Ok(None)),
            ("a number beyond 64 bits",                          "bytes=0-99999999999999999999", Ok(Some(0..100))),
        ];
        for (source, header, expected) in table {
            assert_eq!(byte_range(header, 100), *expected, "{source}: {header}");
        }
        assert_eq!(byte_range("bytes=0-", 0), Err(Unsatisfiable));
    }
}
