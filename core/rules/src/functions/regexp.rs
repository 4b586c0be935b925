//! regexp_matches, regexp_replace, regexp_substr.
//!
//! AWS uses Java's regular expressions; ours take no time that grows faster than the text, and know no look-around and no back
//! references. A pattern written in the statement that is not ours is refused when the statement is compiled.
use regex::{Regex, RegexBuilder};

use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::Value;

/// What a compiled pattern of a statement may take, in bytes. A larger one is refused.
pub(crate) const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// The same for a pattern that a message brings. A larger one is Undefined: the time that matching takes may grow with it.
pub(crate) const MESSAGE_PATTERN_BYTES_MAX: usize = 32 * 1024;

/// Compiles a pattern into at most so many bytes, or says in a line what is wrong with it.
pub(crate) fn compiled_regex(pattern: &str, bytes_max: usize) -> Result<Regex, String> {
    let pattern = translated(pattern)?;
    let compiled = RegexBuilder::new(&pattern).size_limit(bytes_max).dfa_size_limit(bytes_max).build();
    compiled.map_err(|error| {
        let text = error.to_string(); // several lines with a drawing; the last is the sentence
        let sentence = text.lines().last().unwrap_or_default();
        sentence.strip_prefix("error: ").unwrap_or(sentence).to_owned()
    })
}

/// Java's POSIX classes, and ours: both are ASCII's.
#[rustfmt::skip]
const POSIX_CLASSES: &[(&str, &str)] = &[
    ("Lower", "lower"), ("Upper", "upper"), ("ASCII", "ascii"), ("Alpha", "alpha"), ("Digit", "digit"), ("Alnum", "alnum"),
    ("Punct", "punct"), ("Graph", "graph"), ("Print", "print"), ("Blank", "blank"), ("Cntrl", "cntrl"), ("XDigit", "xdigit"),
    ("Space", "space"),
];

/// What `\p` or `\P` begins, if it is a POSIX class, and what follows it.
fn posix_class(rest: &str, negated: bool) -> Option<(String, &str)> {
    let (name, rest) = rest.strip_prefix('{')?.split_once('}')?;
    let (_, ours) = POSIX_CLASSES.iter().find(|(java, _)| *java == name)?;
    Some((format!("[[:{}{ours}:]]", if negated { "^" } else { "" }), rest))
}

/// Java's classes `\d`, `\w`, `\s` and its `\b` are ASCII's. Its possessive quantifiers (`a++`) would mean something else to us.
fn translated(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len());
    let (mut chars, mut classes, mut before) = (pattern.chars(), 0u32, ' ');
    while let Some(char) = chars.next() {
        let quantifier = classes == 0 && matches!(char, '*' | '+' | '?' | '}') && before != '(';
        match char {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str(r"[\t\n\x0B\f\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0B\f\r ]"),
                Some('b') if classes == 0 => out.push_str(r"(?-u:\b)"),
                Some('h') => out.push_str(r"[ \t\xA0\u{1680}\u{180E}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}]"),
                Some('R') if classes == 0 => out.push_str(r"(?:\r\n|[\n\x0B\f\r\x85\u{2028}\u{2029}])"),
                Some('e') => out.push_str(r"\x1B"),
                Some('Q') => {
                    let (quoted, rest) = chars.as_str().split_once(r"\E").unwrap_or((chars.as_str(), ""));
                    out.push_str(&regex::escape(quoted));
                    chars = rest.chars();
                }
                Some(letter @ ('p' | 'P')) => match posix_class(chars.as_str(), letter == 'P') {
                    Some((class, rest)) => {
                        out.push_str(&class);
                        chars = rest.chars();
                    }
                    None => out.extend(['\\', letter]),
                },
                Some(escaped @ ('B' | 'v')) => return Err(format!("`\\{escaped}`")),
                other => out.extend(['\\'].into_iter().chain(other)),
            },
            '+' if quantifier && before == '*' => return Err("a possessive quantifier".into()),
            _ => {
                match char {
                    '[' => classes += 1,
                    ']' => classes = classes.saturating_sub(1),
                    _ => {}
                }
                out.push(char);
            }
        }
        before = match char {
            _ if quantifier => '*', // any quantifier
            '\\' => ' ',
            _ => char,
        };
    }
    Ok(out)
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "regexp_matches",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "Whether a text holds a match of a regular expression.",
        examples: &[
            ("regexp_matches('aaaa', 'a{2,}')", "true"),
            ("regexp_matches('aaaa', 'b')", "false"),
            ("regexp_matches(15, '^1.$')", "true"),
            ("regexp_matches('٣', '\\d')", "false"),
            ("regexp_matches('x3', '^[\\w]+\\b$')", "true"),
            ("regexp_matches(null, 'b')", "Undefined"),
            ("regexp_matches('a', temperature)", "false"),
        ],
        run: Run::Regex(|_, regex, args| {
            args[0].text().map_or(Value::Undefined, |text| Value::Boolean(regex.is_match(&text)))
        }),
    },
    Function {
        name: "regexp_replace",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(3),
        doc: "A text with all matches of a regular expression replaced. `$1` is what the first group matched; `\\$` is a dollar.",
        examples: &[
            ("regexp_replace('abcd', 'bc', 'x')", r#""axd""#),
            ("regexp_replace('abcd', 'b(.*)d', '$1')", r#""ac""#),
            ("regexp_replace('abab', 'a(b)', '$1x-')", r#""bx-bx-""#),
            ("regexp_replace('ab', 'b', '\\$5')", r#""a$5""#),
            ("regexp_replace('ab', 'b', '$7')", "Undefined"),
        ],
        run: Run::Regex(|context, regex, args| {
            let (Some(text), Some(replacement)) = (args[0].text(), args[2].text()) else { return Value::Undefined };
            let mut out = String::new();
            let mut copied = 0;
            for captures in regex.captures_iter(&text) {
                let Some(whole) = captures.get(0) else { continue };
                out.push_str(&text[copied..whole.start()]);
                copied = whole.end();
                if expand(&replacement, &captures, &mut out).is_none() || !context.has_room(out.len()) {
                    return Value::Undefined;
                }
            }
            out.push_str(&text[copied..]);
            Value::string(out)
        }),
    },
    Function {
        name: "regexp_substr",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The first match of a regular expression in a text.",
        examples: &[
            ("regexp_substr('hihihello', '(hi)*')", r#""hihi""#),
            ("regexp_substr('hello', 'l+')", r#""ll""#),
            ("regexp_substr('hello', 'x')", "Undefined"),
        ],
        run: Run::Regex(|_, regex, args| {
            let found = args[0].text().and_then(|text| Some(regex.find(&text)?.as_str().to_owned()));
            found.map_or(Value::Undefined, Value::string)
        }),
    },
];

/// Writes a replacement as Java reads it: `$` and the digits of a group (as many as there are groups for), `${name}`, and `\` before
/// a character that stands for itself. `None` if there is no such group.
fn expand(replacement: &str, captures: &regex::Captures<'_>, out: &mut String) -> Option<()> {
    let mut chars = replacement.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.push(chars.next()?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|char| *char != '}').collect();
                out.push_str(captures.name(&name)?.as_str());
            }
            '$' => {
                let mut group = chars.next()?.to_digit(10)? as usize;
                while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                if group >= captures.len() {
                    return None;
                }
                out.push_str(captures.get(group).map_or("", |group| group.as_str()));
            }
            plain => out.push(plain),
        }
    }
    Some(())
}
