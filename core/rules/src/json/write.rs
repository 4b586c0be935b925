//! Writing JSON: compact copies of text that has been checked, and strings with their quotes.

/// Copies the value that is `text` without white space between its tokens.
pub(crate) fn write_compact(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if !matches!(bytes.first(), Some(b'{' | b'[')) {
        return out.extend_from_slice(bytes); // a string's spaces are its own, and a number or a word has none
    }
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.extend_from_slice(&bytes[copied..at]);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// After the closing quote of the string whose characters begin at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// Writes `text` as a JSON string.
pub(crate) fn write_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let (bytes, mut copied) = (text.as_bytes(), 0);
    for (at, byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0C => b'f',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            out.extend_from_slice(format!("{byte:04x}").as_bytes());
        }
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // text                                  compact
    const COPIES: &[(&str, &str)] = &[
        ("{ \"a b\" : [ 1 ,\n\t2 ] , \"c\\\" }\" : \" \" }", "{\"a b\":[1,2],\"c\\\" }\":\" \"}"),
        ("{}",                                               "{}"),
        ("\" x \"",                                          "\" x \""),
        ("1.50e1",                                           "1.50e1"),
    ];

    #[test]
    fn copies_are_compact() {
        for (text, compact) in COPIES {
            let mut out = Vec::new();
            write_compact(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *compact);
        }
    }

    #[test]
    fn strings_are_quoted() {
        let mut out = Vec::new();
        write_quoted("a\"\\\n\u{1}é", &mut out);
        assert_eq!(out, "\"a\\\"\\\\\\n\\u0001é\"".as_bytes());
    }
}
