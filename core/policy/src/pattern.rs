//! Wildcards, escapes and `${variables}` in a resource or a condition's value (iot dev guide: "AWS IoT Core policy variables").
use std::borrow::Cow;

use crate::Context;
use crate::variable::Variable;

/// A pattern, taken apart once: what stands between its `*`s. There is always at least one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Vec<Part>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `?`: exactly one character.
    One,
    /// `${name}`: replaced by its value, which is literal; left as it stands where there is none.
    Variable {
        variable: Variable,
        written: Box<str>,
    },
}

impl Pattern {
    /// With variables and the escapes `${*}`, `${?}`, `${$}`. A name that is no variable stays as it stands.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Builder::default();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let Some(length) = rest[at..].find('}').map(|end| end + 1) else { break };
            pattern.wildcards(&rest[..at]);
            let written = &rest[at..at + length];
            match &written[2..length - 1] {
                escaped @ ("*" | "?" | "$") => pattern.literal(escaped),
                name => match Variable::parse(name) {
                    Some(variable) => pattern.part(Part::Variable { variable, written: written.into() }),
                    None => pattern.literal(written),
                },
            }
            rest = &rest[at + length..];
        }
        pattern.wildcards(rest);
        Self(pattern.segments)
    }

    /// With wildcards only.
    pub fn glob(text: &str) -> Self {
        let mut pattern = Builder::default();
        pattern.wildcards(text);
        Self(pattern.segments)
    }

    /// Whether `text` matches with the variables of `context`; letter case counts.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        self.fits(text, Some(context))
    }

    /// Whether `text` matches while no variable has a value.
    pub fn matches_without_context(&self, text: &str) -> bool {
        self.fits(text, None)
    }

    /// Each segment is taken at the first place it fits, which leaves most for those after it: the work is at most the
    /// pattern's length times the text's, and nothing is allocated.
    fn fits(&self, text: &str, context: Option<&Context>) -> bool {
        let Some((first, others)) = self.0.split_first() else { return false };
        let Some(mut rest) = strip(first, text, context) else { return false };
        let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
        for segment in middle {
            match suffixes(rest).find_map(|rest| strip(segment, rest, context)) {
                Some(found) => rest = found,
                None => return false,
            }
        }
        suffixes(rest).any(|rest| strip(last, rest, context) == Some(""))
    }

    /// The text with variables replaced and wildcards as they stand, for operators that compare literally.
    pub fn literal(&self, context: &Context) -> String {
        let mut text = String::new();
        for (number, segment) in self.0.iter().enumerate() {
            if number > 0 {
                text.push('*');
            }
            for part in segment {
                match part {
                    Part::Literal(literal) => text.push_str(literal),
                    Part::One => text.push('?'),
                    Part::Variable { variable, written } => {
                        text.push_str(&substituted(variable, written, Some(context)))
                    }
                }
            }
        }
        text
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Variable { variable, .. } => Some(variable),
            Part::Literal(_) | Part::One => None,
        })
    }

    /// The names of variables, as written but without `${}`, that have no value in `context`.
    pub fn unresolved<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Variable { variable, written } if context.value(variable).is_none() => {
                Some(&written["${".len()..written.len() - "}".len()])
            }
            Part::Literal(_) | Part::One | Part::Variable { .. } => None,
        })
    }
}

struct Builder {
    segments: Vec<Vec<Part>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { segments: vec![Vec::new()] }
    }
}

impl Builder {
    fn part(&mut self, part: Part) {
        if let Some(segment) = self.segments.last_mut() {
            segment.push(part);
        }
    }

    fn literal(&mut self, text: &str) {
        if let Some(Part::Literal(literal)) = self.segments.last_mut().and_then(|segment| segment.last_mut()) {
            literal.push_str(text);
        } else if !text.is_empty() {
            self.part(Part::Literal(text.to_owned()));
        }
    }

    /// A text in which `*` and `?` are wildcards.
    fn wildcards(&mut self, text: &str) {
        for (number, segment) in text.split('*').enumerate() {
            if number > 0 {
                self.segments.push(Vec::new());
            }
            for (number, literal) in segment.split('?').enumerate() {
                if number > 0 {
                    self.part(Part::One);
                }
                self.literal(literal);
            }
        }
    }
}

fn substituted<'a>(variable: &Variable, written: &'a str, context: Option<&'a Context>) -> Cow<'a, str> {
    context.and_then(|context| context.value(variable)).unwrap_or(Cow::Borrowed(written))
}

/// What is left of `text` when it begins with `segment`.
fn strip<'a>(segment: &[Part], text: &'a str, context: Option<&Context>) -> Option<&'a str> {
    segment.iter().try_fold(text, |text, part| match part {
        Part::Literal(literal) => text.strip_prefix(literal.as_str()),
        Part::One => {
            let mut chars = text.chars();
            chars.next().map(|_| chars.as_str())
        }
        Part::Variable { variable, written } => text.strip_prefix(&*substituted(variable, written, context)),
    })
}

/// `text` from each of its characters on, and the empty end.
fn suffixes(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).map(|at| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tests::context;

    #[rustfmt::skip] // source                              pattern                   text             matches?
    const MATCHES: &[(&str, &str, &str, bool)] = &[
        ("iot dev guide: * crosses levels",                 "topic/a/*",              "topic/a/b/c",   true),
        ("iot dev guide: * takes nothing too",              "topic/a*",               "topic/a",       true),
        ("iot dev guide: * in the middle",                  "topic/*/oven",           "topic/a/b/oven", true),
        ("iot dev guide: * in the middle",                  "topic/*/oven",           "topic/a/ovens", false),
        ("iot dev guide: * in the middle",                  "topic/*/oven",           "topic/oven",    false),
        ("IAM: the last segment ends the text",             "*oven",                  "oven/oven",     true),
        ("IAM: segments do not overlap",                    "ab*ba",                  "aba",           false),
        ("IAM: several wildcards",                          "*/7/*/oven",             "plant/7/x/y/oven", true),
        ("IAM: several wildcards",                          "**?*",                   "",              false),
        ("IAM: several wildcards",                          "**?*",                   "a",             true),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/a",       true),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/ab",      false),
        ("iot dev guide: ? is one character",               "topic/?",                "topic/",        false),
        ("IAM: characters, not bytes",                      "topic/?",                "topic/窯",      true),
        ("IAM: characters, not bytes",                      "*?x",                    "窯x",           true),
        ("iot dev guide: + and # are literal",              "topicfilter/a/+/b",      "topicfilter/a/+/b", true),
        ("iot dev guide: + and # are literal",              "topicfilter/a/+/b",      "topicfilter/a/x/b", false),
        ("iot dev guide: + and # are literal",              "topicfilter/a/#",        "topicfilter/a/x", false),
        ("iot dev guide: a/* allows the filter a/#",        "topicfilter/a/*",        "topicfilter/a/#", true),
        ("iot dev guide: variables",                        "client/${iot:ClientId}", "client/pump-7", true),
        ("iot dev guide: variables",                        "client/${iot:ClientId}", "client/pump-8", false),
        ("iot dev guide: variables beside wildcards",       "*${iot:ClientId}?",      "a/pump-7x",     true),
        ("iot dev guide: unresolved text stays",            "t/${iot:Connection.Thing.ThingName}", "t/${iot:Connection.Thing.ThingName}", true),
        ("iot dev guide: unresolved text stays",            "t/${iot:Connection.Thing.ThingName}", "t/pump-7", false),
        ("iot dev guide: unresolved text stays",            "client/${iot:Nothing}",  "client/${iot:Nothing}", true),
        ("iot dev guide: escapes",                          "topic/${*}",             "topic/*",       true),
        ("iot dev guide: escapes",                          "topic/${*}",             "topic/x",       false),
        ("iot dev guide: escapes",                          "topic/${?}",             "topic/?",       true),
        ("iot dev guide: escapes",                          "topic/${?}",             "topic/x",       false),
        ("iot dev guide: escapes",                          "topic/${$}{x}",          "topic/${x}",    true),
        ("IAM: letter case counts in resources",            "topic/A",                "topic/a",       false),
        ("ours: a lone dollar is a dollar",                 "$aws/${",                "$aws/${",       true),
        ("ours: nothing but nothing matches nothing",       "",                       "",              true),
        ("ours: nothing but nothing matches nothing",       "",                       "a",             false),
    ];

    #[test]
    fn patterns() {
        for (source, pattern, text, expected) in MATCHES {
            let matches = Pattern::parse(pattern).matches(text, &context("pump-7"));
            assert_eq!(matches, *expected, "{source}: `{pattern}` on `{text}`");
        }
    }

    #[test]
    fn a_value_put_in_is_literal() {
        let client = context("*");
        assert!(Pattern::parse("topic/${iot:ClientId}/x").matches("topic/*/x", &client));
        assert!(!Pattern::parse("topic/${iot:ClientId}/x").matches("topic/other/x", &client));
    }

    #[test]
    fn a_literal_keeps_its_wildcards() {
        let client = context("pump-7");
        assert_eq!(Pattern::parse("a*?${*}${iot:ClientId}${x}").literal(&client), "a*?*pump-7${x}");
    }

    /// Every way to spend `*`, one character after the other.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => naive(rest, text) || (!text.is_empty() && naive(pattern, &text[1..])),
            (['?', pattern @ ..], [_, text @ ..]) => naive(pattern, text),
            ([p, pattern @ ..], [t, text @ ..]) if p == t => naive(pattern, text),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_a_naive_matcher() {
        bolero::check!().with_type::<([u8; 7], [u8; 9], u8)>().for_each(|(pattern, text, length)| {
            let choose = |letters: &[char], bytes: &[u8]| -> Vec<char> {
                bytes.iter().map(|byte| letters[usize::from(*byte) % letters.len()]).collect()
            };
            let pattern = choose(&['a', '窯', '*', '?', '*'], pattern);
            let text = choose(&['a', '窯'], &text[..usize::from(*length) % 10]);
            let (written, read): (String, String) = (pattern.iter().collect(), text.iter().collect());
            let matches = Pattern::parse(&written).matches(&read, &context("c"));
            assert_eq!(matches, naive(&pattern, &text), "`{written}` on `{read}`");
        });
    }
}
