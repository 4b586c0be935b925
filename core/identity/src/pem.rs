//! PEM: the text around DER (RFC 7468).
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The label of a certificate.
pub const PEM_CERTIFICATE: &str = "CERTIFICATE";

/// `der` between `-----BEGIN label-----` and `-----END label-----`, 64 characters a line, with a newline at the end.
pub fn encode_pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = String::with_capacity(base64.len() + base64.len() / 64 + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The DER of every block whose label is one of `labels`, in order. Text between blocks is skipped, as RFC 7468 §2 has it.
///
/// `None` where a block is not closed by its own label or does not hold base64. Line lengths are not checked: many writers
/// wrap at 76 or not at all.
pub fn decode_pem(labels: &[&str], text: &str) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        rest = after.strip_prefix(label)?.strip_prefix("-----")?;
        if labels.contains(&label) {
            let base64: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            found.push(STANDARD.decode(base64).ok()?);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static str, Option<&'static [&'static [u8]]>);

    #[rustfmt::skip] // citation                          text                                                        DER
    const DECODE: &[Row] = &[
        ("RFC 7468 §2",                      "-----BEGIN A-----\nAQID\n-----END A-----\n",                 Some(&[&[1, 2, 3]])),
        ("RFC 7468 §2, text before",         "hello\n-----BEGIN A-----\nAQID\n-----END A-----",            Some(&[&[1, 2, 3]])),
        ("RFC 7468 §2, CRLF",                "-----BEGIN A-----\r\nAQ\r\nID\r\n-----END A-----\r\n",       Some(&[&[1, 2, 3]])),
        ("RFC 7468 §2, two blocks",          "-----BEGIN A-----\nAQ==\n-----END A-----\n-----BEGIN A-----\nAg==\n-----END A-----\n", Some(&[&[1], &[2]])),
        ("RFC 7468 §2, another label",       "-----BEGIN B-----\nAQID\n-----END B-----\n",                 Some(&[])),
        ("RFC 7468 §2, no block",            "AQID",                                                       Some(&[])),
        ("RFC 7468 §3, labels match",        "-----BEGIN A-----\nAQID\n-----END B-----\n",                 None),
        ("RFC 7468 §3, not closed",          "-----BEGIN A-----\nAQID\n",                                  None),
        ("RFC 7468 §3, base64",              "-----BEGIN A-----\nA?ID\n-----END A-----\n",                 None),
    ];

    #[test]
    fn decode() {
        for (citation, text, expected) in DECODE {
            let found = decode_pem(&["A"], text);
            assert_eq!(
                found.as_deref().map(|f| f.iter().map(Vec::as_slice).collect::<Vec<_>>()).as_deref(),
                *expected,
                "{citation}"
            );
        }
    }

    #[test]
    fn lines_have_64_characters_and_the_text_ends_with_a_newline() {
        let text = encode_pem("A", &[0; 60]);
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [17, 64, 16, 15]);
        assert!(text.ends_with("-----END A-----\n"));
        assert_eq!(encode_pem("A", &[]), "-----BEGIN A-----\n-----END A-----\n");
    }

    #[test]
    fn round_trips() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert_eq!(decode_pem(&["A"], &encode_pem("A", bytes)), Some(vec![bytes.to_vec()]));
            if let Ok(text) = std::str::from_utf8(bytes) {
                decode_pem(&["A", "CERTIFICATE"], text);
            }
        });
    }
}
