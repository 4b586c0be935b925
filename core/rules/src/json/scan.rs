//! The grammar of JSON (RFC 8259) over bytes: walks past values, and refuses what is not JSON.

/// How deep arrays and objects may be nested. One more is refused, as most JSON parsers do; the scan itself needs one bit a level.
pub const JSON_DEPTH_MAX: u32 = 127;

/// Where and why bytes are not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct JsonError {
    /// Bytes before the error.
    pub offset: usize,
    /// What was expected there.
    pub what: &'static str,
}

/// A position in a text. `spaced` tells afterwards whether there was white space between tokens.
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) spaced: bool,
}

/// Checks that `text` is one JSON value and returns it without white space around it.
pub(crate) fn check(text: &str) -> Result<&str, JsonError> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    let start = scanner.at;
    scanner.skip_value(0)?;
    let end = scanner.at;
    scanner.end()?;
    Ok(&text[start..end])
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// A high bit for each byte of `word` that ends a run of plain characters: `"`, `\` or a control character. Bytes after the
/// first one found may be marked wrongly.
fn special(word: u64) -> u64 {
    let zero = |w: u64| w.wrapping_sub(ONES) & !w;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let escape = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | escape | control) & HIGHS
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, spaced: false }
    }

    pub(super) fn fail<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError { offset: self.at, what })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            self.spaced = true;
        }
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { self.fail("expected the end") }
    }

    /// Walks past one value; `depth` arrays and objects are open around it.
    pub(super) fn skip_value(&mut self, depth: u32) -> Result<(), JsonError> {
        let mut objects = 0u128; // one bit for each open level, the innermost lowest: is it an object?
        let mut open = 0;
        loop {
            self.space();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(bracket @ (b'{' | b'[')) => {
                    if depth + open >= JSON_DEPTH_MAX {
                        return self.fail("expected fewer levels of nesting");
                    }
                    let object = bracket == b'{';
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        objects = objects << 1 | u128::from(object);
                        open += 1;
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return self.fail("expected a value"),
            }
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                self.space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => self.at += 1,
                    Some(b']') if !object => self.at += 1,
                    _ => return self.fail("expected `,` or the closing bracket"),
                }
                objects >>= 1;
                open -= 1;
            }
        }
    }

    /// Walks past a key and its colon, and returns where the key is, quotes left out, and whether it holds escapes.
    pub(super) fn key(&mut self) -> Result<(std::ops::Range<usize>, bool), JsonError> {
        self.space();
        if self.peek() != Some(b'"') {
            return self.fail("expected a key");
        }
        self.at += 1;
        let start = self.at;
        let escaped = self.string()?;
        let key = start..self.at - 1;
        self.space();
        if self.peek() != Some(b':') {
            return self.fail("expected `:`");
        }
        self.at += 1;
        Ok((key, escaped))
    }

    /// Walks past the rest of a string whose opening quote has been read; whether it holds escapes.
    pub(super) fn string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        loop {
            while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
                let found = special(u64::from_le_bytes(*chunk));
                if found != 0 {
                    self.at += found.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                Some(0..0x20) => return self.fail("expected no control character in a string"),
                Some(_) => self.at += 1,
                None => return self.fail("expected the end of the string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                match self.four_digits()? {
                    0xD800..0xDC00 => {
                        let low = self.bytes[self.at..].starts_with(b"\\u");
                        self.at += if low { 2 } else { 0 };
                        if !low || !(0xDC00..0xE000).contains(&self.four_digits()?) {
                            return self.fail("expected the second half of a surrogate pair");
                        }
                    }
                    0xDC00..0xE000 => return self.fail("expected no second half of a surrogate pair"),
                    _ => {}
                }
            }
            _ => return self.fail("expected an escape"),
        }
        Ok(())
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes[self.at..].first_chunk::<4>();
        let value = digits.and_then(|digits| {
            digits.iter().try_fold(0, |value, digit| Some(value << 4 | (*digit as char).to_digit(16)?))
        });
        match value {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => self.fail("expected four hexadecimal digits"),
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.fail("expected a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            self.fail("expected a value")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // section          text                    accepted
    const TEXTS: &[(&str, &str, bool)] = &[
        ("RFC 8259 §2, white space",     " \t\r\n1 ",             true),
        ("RFC 8259 §2",                  "",                      false),
        ("RFC 8259 §2",                  "1 2",                   false),
        ("RFC 8259 §3",                  "nul",                   false),
        ("RFC 8259 §3",                  "True",                  false),
        ("RFC 8259 §4",                  r#"{"a":1,"a":[]}"#,     true),
        ("RFC 8259 §4",                  r#"{"a":1,}"#,           false),
        ("RFC 8259 §4",                  r#"{"a" 1}"#,            false),
        ("RFC 8259 §4",                  r#"{1:1}"#,              false),
        ("RFC 8259 §5",                  "[1,[],{}]",             true),
        ("RFC 8259 §5",                  "[1}",                   false),
        ("RFC 8259 §5",                  "[1",                    false),
        ("RFC 8259 §6",                  "-0.5e+10",              true),
        ("RFC 8259 §6, leading zero",    "01",                    false),
        ("RFC 8259 §6",                  "1.",                    false),
        ("RFC 8259 §6",                  "+1",                    false),
        ("RFC 8259 §6",                  "-",                     false),
        ("RFC 8259 §7",                  r#""\"\\\/\b\f\n\r\t""#, true),
        ("RFC 8259 §7, pair",            r#""\ud83d\ude00""#,     true),
        ("RFC 8259 §8.2, half a pair",   r#""\ud83d""#,           false),
        ("RFC 8259 §8.2, half a pair",   r#""\ude00""#,           false),
        ("RFC 8259 §8.2, wrong half",    r#""\ud83d\u0041""#,     false),
        ("RFC 8259 §7",                  r#""\x41""#,             false),
        ("RFC 8259 §7, control",         "\"1234567\u{1f}\"",     false),
        ("RFC 8259 §7, DEL is plain",    "\"1234567\u{7f}é\"",    true),
        ("RFC 8259 §7",                  "\"12345678",            false),
    ];

    #[test]
    fn the_grammar() {
        for (section, text, accepted) in TEXTS {
            assert_eq!(check(text).is_ok(), *accepted, "{section}: `{text}`");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: u32| "[".repeat(depth as usize) + &"]".repeat(depth as usize);
        assert!(check(&nested(JSON_DEPTH_MAX)).is_ok());
        assert!(check(&nested(JSON_DEPTH_MAX + 1)).is_err());
        assert!(check(&"[".repeat(1 << 20)).is_err());
    }
}
