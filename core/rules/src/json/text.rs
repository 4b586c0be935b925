//! Values that have been checked, as their text: what kind, which members, which elements.
use std::borrow::Cow;

use super::scan::Scanner;

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    Number,
    String,
    Array,
    Object,
}

/// The kind of the value that is `text`.
pub(crate) fn kind(text: &str) -> Kind {
    match text.as_bytes().first() {
        Some(b'"') => Kind::String,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't') => Kind::Boolean(true),
        Some(b'f') => Kind::Boolean(false),
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// A member of an object.
pub(crate) struct Member<'a> {
    /// With its quotes and escapes.
    pub(crate) quoted_key: &'a str,
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: &'a str,
}

/// The members of the object that is `text`, in its order, repeated keys included; none of anything else.
pub(crate) fn members(text: &str) -> impl Iterator<Item = Member<'_>> {
    let mut scanner = Scanner::new(text.as_bytes());
    let object = text.starts_with('{');
    std::iter::from_fn(move || {
        if !object || !opened(&mut scanner, b'}') {
            return None;
        }
        let (key, _) = scanner.key().ok()?;
        let value = value(&mut scanner, text)?;
        let quoted_key = text.get(key.start - 1..key.end + 1)?;
        Some(Member { quoted_key, key: unquoted(&text[key]), value })
    })
}

/// The elements of the array that is `text`; none of anything else.
pub(crate) fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut scanner = Scanner::new(text.as_bytes());
    let array = text.starts_with('[');
    std::iter::from_fn(move || if array && opened(&mut scanner, b']') { value(&mut scanner, text) } else { None })
}

/// Walks past the opening bracket or a comma; whether a member or an element follows.
fn opened(scanner: &mut Scanner<'_>, close: u8) -> bool {
    let first = scanner.at == 0;
    scanner.space();
    if first {
        scanner.at += 1;
        scanner.space();
        return scanner.peek() != Some(close);
    }
    let more = scanner.peek() == Some(b',');
    scanner.at += 1;
    more
}

fn value<'a>(scanner: &mut Scanner<'a>, text: &'a str) -> Option<&'a str> {
    scanner.space();
    let start = scanner.at;
    scanner.skip_value(0).ok()?;
    text.get(start..scanner.at)
}

/// A string without its escapes; `text` is what is between the quotes.
pub(crate) fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = text[first..].chars();
    while let Some(plain) = rest.next() {
        if plain != '\\' {
            out.push(plain);
            continue;
        }
        out.push(match rest.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let unit = match four_digits(&mut rest) {
                    high @ 0xD800..0xDC00 => {
                        rest.nth(1); // the `\u` of the second half
                        0x10000 + ((high - 0xD800) << 10) + (four_digits(&mut rest) & 0x3FF)
                    }
                    unit => unit,
                };
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(other) => other,
            None => break,
        });
    }
    Cow::Owned(out)
}

fn four_digits(rest: &mut std::str::Chars<'_>) -> u32 {
    rest.take(4).fold(0, |value, digit| value << 4 | digit.to_digit(16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements() {
        let object = r#"{ "a" : 1 , "\u0062":[ {} , 2 ],"a":"x"}"#;
        let found: Vec<_> = members(object).map(|m| format!("{} {} {}", m.quoted_key, m.key, m.value)).collect();
        assert_eq!(found, [r#""a" a 1"#, r#""\u0062" b [ {} , 2 ]"#, r#""a" a "x""#]);
        assert_eq!(elements("[ {} , [1,2],3 ]").collect::<Vec<_>>(), ["{}", "[1,2]", "3"]);
        assert_eq!(
            (members("{ }").count(), elements("[]").count(), elements("{}").count(), members("[1]").count()),
            (0, 0, 0, 0)
        );
    }

    #[test]
    fn escapes() {
        assert!(matches!(unquoted("plain é"), Cow::Borrowed(_)));
        assert_eq!(unquoted(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z"#), "a\"\\/\u{8}\u{c}\n\r\té😀z");
    }
}
