//! The tokens of a statement.
use std::borrow::Cow;
use std::fmt;

use crate::SqlError;

/// One token. Keywords are names; what a name means depends on where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// `@name`, without the sign.
    Variable(&'a str),
    /// A string literal without its quotes.
    Text(Cow<'a, str>),
    Number(&'a str),
    Symbol(&'static str),
    End,
}

/// Two-character symbols first, because the first that fits is taken.
const SYMBOLS: &[&str] =
    &["<>", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ",", ".", ":"];

/// Reads the token at byte `at` of `text` or after white space there; returns where it begins and where it ends.
pub(super) fn token(text: &str, at: usize) -> Result<(Token<'_>, usize, usize), SqlError> {
    let rest = text[at..].trim_start();
    let start = text.len() - rest.len();
    let Some(first) = rest.chars().next() else { return Ok((Token::End, start, start)) };
    let length = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
    if first.is_alphabetic() || first == '_' {
        let end = length(|c| c.is_alphanumeric() || c == '_');
        return Ok((Token::Name(&rest[..end]), start, start + end));
    }
    if first.is_ascii_digit() {
        let end = number_end(rest.as_bytes());
        return Ok((Token::Number(&rest[..end]), start, start + end));
    }
    if first == '\'' || first == '"' {
        return string(text, start, first);
    }
    if first == '@' {
        let name = &rest[1..];
        let length = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        if length == 0 {
            return Err(SqlError::at(text, start, "expected a variable's name after `@`".into()));
        }
        return Ok((Token::Variable(&name[..length]), start, start + 1 + length));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Token::Symbol(symbol), start, start + symbol.len())),
        None if first == '`' => {
            Err(SqlError::at(text, start, "back-quoted names are not supported; use `get(*, \"name\")`".into()))
        }
        None => Err(SqlError::at(text, start, format!("`{}` does not belong to the language", first.escape_debug()))),
    }
}

/// `digits(.digits)?([eE][+-]?digits)?`; a point or an `e` that no digit follows is not part of the number.
fn number_end(bytes: &[u8]) -> usize {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let power = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if power <= bytes.len() && digits(power) > power {
            end = digits(power);
        }
    }
    end
}

/// Both kinds of quotes make a string. A quote in it is doubled; a backslash is a character as any other.
fn string(text: &str, start: usize, quote: char) -> Result<(Token<'_>, usize, usize), SqlError> {
    let (mut content, mut from) = (Cow::Borrowed(""), start + 1);
    while let Some(length) = text[from..].find(quote) {
        content += &text[from..from + length];
        from += length + 1;
        if !text[from..].starts_with(quote) {
            return Ok((Token::Text(content), start, from));
        }
        content += &text[from..from + 1];
        from += 1;
    }
    Err(SqlError::at(text, start, format!("expected a closing {quote}")))
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Number(text) => write!(f, "`{}`", text.chars().take(60).collect::<String>()),
            Self::Variable(name) => write!(f, "`@{}`", name.chars().take(60).collect::<String>()),
            Self::Text(text) => write!(f, "the string '{}'", text.chars().take(60).collect::<String>()),
            Self::Symbol(symbol) => write!(f, "`{symbol}`"),
            Self::End => f.write_str("the end"),
        }
    }
}
