//! Wildcards, escapes and `${variables}` in a resource or a condition's value (developer guide, "AWS IoT Core policy variables").
use crate::Context;

/// A pattern, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `*`: any run of characters, `/` included.
    Any,
    /// `?`: exactly one character.
    One,
    /// `${name}`: replaced by its value, which is literal; left as it stands where there is none.
    Variable(String),
}

impl Pattern {
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (part, length) = match c {
                '*' => (Part::Any, 1),
                '?' => (Part::One, 1),
                '$' => match rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
                    Some((escaped @ ("*" | "?" | "$"), _)) => {
                        literal.push_str(escaped);
                        rest = &rest[4..];
                        continue;
                    }
                    Some((name, _)) => (Part::Variable(name.to_owned()), name.len() + 3),
                    None => {
                        literal.push('$');
                        rest = &rest[1..];
                        continue;
                    }
                },
                other => {
                    literal.push(other);
                    rest = &rest[other.len_utf8()..];
                    continue;
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = &rest[length..];
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self(parts)
    }

    /// Whether `text` matches with the variables of `context`; letter case counts.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        let mut symbols = Vec::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => symbols.extend(literal.chars().map(Symbol::Char)),
                Part::Any => symbols.push(Symbol::Any),
                Part::One => symbols.push(Symbol::One),
                Part::Variable(name) => match context.variable(name) {
                    Some(value) => symbols.extend(value.chars().map(Symbol::Char)),
                    None => symbols.extend(format!("${{{name}}}").chars().map(Symbol::Char)),
                },
            }
        }
        glob(&symbols, text)
    }

    /// The text with variables replaced and wildcards as they stand, for operators that compare literally.
    pub fn literal(&self, context: &Context) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Any => text.push('*'),
                Part::One => text.push('?'),
                Part::Variable(name) => match context.variable(name) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(&format!("${{{name}}}")),
                },
            }
        }
        text
    }
}

#[derive(Clone, Copy)]
enum Symbol {
    Char(char),
    Any,
    One,
}

/// Greedy matching that goes back to the last `*` only: linear for one star, and never worse than length × length.
fn glob(pattern: &[Symbol], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Symbol::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Symbol::One) => (p, t) = (p + 1, t + 1),
            Some(Symbol::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|symbol| matches!(symbol, Symbol::Any))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tests::context;

    #[rustfmt::skip] // source                              pattern                   text             matches?
    const MATCHES: &[(&str, &str, &str, bool)] = &[
        ("iot dev guide: * crosses levels",                 "topic/a/*",              "topic/a/b/c",   true),
        ("iot dev guide: * takes nothing too",              "topic/a*",               "topic/a",       true),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/a",       true),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/ab",      false),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/",        false),
        ("iot dev guide: + and # are literal",              "topicfilter/a/+/b",      "topicfilter/a/+/b", true),
        ("iot dev guide: + and # are literal",              "topicfilter/a/+/b",      "topicfilter/a/x/b", false),
        ("iot dev guide: a/* allows the filter a/#",        "topicfilter/a/*",        "topicfilter/a/#", true),
        ("iot dev guide: variables",                        "client/${iot:ClientId}", "client/pump-7", true),
        ("iot dev guide: variables",                        "client/${iot:ClientId}", "client/pump-8", false),
        ("iot dev guide: unresolved text stays",            "client/${iot:Nothing}",  "client/${iot:Nothing}", true),
        ("iot dev guide: escapes",                          "topic/${*}",             "topic/*",       true),
        ("iot dev guide: escapes",                          "topic/${*}",             "topic/x",       false),
        ("iot dev guide: escapes",                          "topic/${$}{x}",          "topic/${x}",    true),
        ("IAM: letter case counts in resources",            "topic/A",                "topic/a",       false),
        ("IAM: several wildcards",                          "*/7/*/oven",             "plant/7/x/y/oven", true),
        ("IAM: characters, not bytes",                      "topic/?",                "topic/窯",      true),
        ("ours: a lone dollar is a dollar",                 "$aws/${",                "$aws/${",       true),
    ];

    #[test]
    fn patterns() {
        for (source, pattern, text, expected) in MATCHES {
            assert_eq!(
                Pattern::parse(pattern).matches(text, &context("pump-7")),
                *expected,
                "{source}: `{pattern}` on `{text}`"
            );
        }
    }

    #[test]
    fn a_value_put_in_is_literal() {
        let client = context("*");
        assert!(Pattern::parse("topic/${iot:ClientId}/x").matches("topic/*/x", &client));
        assert!(!Pattern::parse("topic/${iot:ClientId}/x").matches("topic/other/x", &client));
    }
}
