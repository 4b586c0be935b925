//! The models' regular expressions, which are Java's, on a linear-time engine.
use regex::{Regex, RegexBuilder};

/// A pattern a whole value must match.
#[derive(Debug)]
pub(crate) struct Pattern {
    matches: Option<Regex>,
    /// What the value must not begin with: the one kind of look-ahead the models use.
    unless: Option<Regex>,
}

impl Pattern {
    /// Compiles a model's pattern. One that this engine cannot express matches everything; a test names each.
    pub(crate) fn compile(java: &str) -> Self {
        let unanchored = java.strip_prefix('^').unwrap_or(java);
        let (unless, rest) = match unanchored.strip_prefix("(?!").and_then(|rest| rest.split_once(')')) {
            Some((unless, rest)) => (Some(unless), rest),
            None => (None, java),
        };
        Self {
            matches: build(&format!("^(?:{})$", ascii_classes(rest))),
            unless: unless.and_then(|u| build(&format!("^(?:{u})"))),
        }
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let unless = self.unless.as_ref().is_some_and(|unless| unless.is_match(value));
        !unless && self.matches.as_ref().is_none_or(|matches| matches.is_match(value))
    }
}

fn build(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(4 * 1024 * 1024).build().ok()
}

/// What follows `\p`.
const GRAPH: &str = "{Graph}";

/// Everything beyond 16 bits, as Glue's model writes it: Java's texts are of UTF-16.
const SURROGATES: &str = r"\uD800\uDC00-\uDBFF\uDFFF";

/// `\w` and `\d` mean ASCII in Java and all of Unicode here; `\p{Graph}`, visible ASCII in Java, means nothing here, and
/// there are no surrogates.
fn ascii_classes(pattern: &str) -> String {
    let pattern = pattern.replace(SURROGATES, r"\x{10000}-\x{10FFFF}");
    let (mut out, mut in_class) = (String::new(), false);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let set = match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('w') => "a-zA-Z0-9_",
                Some('d') => "0-9",
                Some('p') if chars.as_str().starts_with(GRAPH) => {
                    chars.by_ref().take(GRAPH.len()).for_each(drop);
                    "!-~"
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                    continue;
                }
                None => continue,
            },
            ('[', _) => {
                // A bare `[` inside a class is a literal in Java's common use, a nested class here.
                out.push_str(if in_class { "\\[" } else { "[" });
                in_class = true;
                continue;
            }
            (']', _) => {
                in_class = false;
                out.push(c);
                continue;
            }
            _ => {
                out.push(c);
                continue;
            }
        };
        if in_class {
            out.push_str(set);
        } else {
            out.push_str(&format!("[{set}]"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Service;
    use crate::table::{Kind, Shape};

    fn patterns(shape: &'static Shape, seen: &mut HashSet<*const Shape>, found: &mut Vec<&'static str>) {
        if seen.insert(shape) {
            shape.members.iter().for_each(|member| in_kind(member.kind, seen, found));
        }
    }

    fn in_kind(kind: &'static Kind, seen: &mut HashSet<*const Shape>, found: &mut Vec<&'static str>) {
        match kind {
            Kind::String(text) if !text.pattern.is_empty() => found.push(text.pattern),
            Kind::List(_, inner) => in_kind(inner, seen, found),
            Kind::Map(_, key, value) => {
                in_kind(key, seen, found);
                in_kind(value, seen, found);
            }
            Kind::Structure(shape) => patterns(shape, seen, found),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_of_the_models_compiles() {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        let operations = Service::ALL.iter().flat_map(|service| service.operations());
        operations.filter_map(|op| op.input).for_each(|shape| patterns(shape, &mut seen, &mut found));
        assert!(found.len() > 50);
        for java in found {
            // Redshift is not a destination of ours, and its look-behind is beyond this engine.
            if java.starts_with("jdbc:") {
                continue;
            }
            let pattern = Pattern::compile(java);
            assert!(pattern.matches.is_some(), "{java}");
            assert_eq!(pattern.unless.is_some(), java.contains("(?!"), "{java}");
        }
    }

    #[rustfmt::skip] // model                         pattern                                         value        matches?
    const MATCHES: &[(&str, &str, &str, bool)] = &[
        ("iot: ThingName",                            "[a-zA-Z0-9:_-]+",                              "pump:7",    true),
        ("iot: the whole value is meant",             "[a-zA-Z0-9:_-]+",                              "pump 7",    false),
        ("iot: PolicyName, words are ASCII",          "[\\w+=,.@-]+",                                 "ポンプ",     false),
        ("iot: PolicyName",                           "[\\w+=,.@-]+",                                 "a+=,.@-_1", true),
        ("iot: AttributeValue, a bracket in a class", "[a-zA-Z0-9_.,@/:#=\\[\\]-]*",                 "a[1]-",     true),
        ("iot: ThingTypeDescription, visible ASCII",  "[\\p{Graph}\\x20]*",                         "Pumps (7)", true),
        ("iot: ThingTypeDescription, visible ASCII",  "[\\p{Graph}\\x20]*",                         "ポンプ",     false),
        ("glue: NameString, surrogates",              "[\\u0020-\\uD7FF\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "é🙂\t",     true),
        ("glue: NameString, no line feed",            "[\\u0020-\\uD7FF\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "a\n",       false),
        ("firehose: TagKey, look-ahead",              "^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$", "aws:a",     false),
        ("firehose: TagKey",                          "^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$", "チーム",      true),
        ("firehose: NonEmptyString",                  "^(?!\\s*$).+",                                 "  ",        false),
        ("firehose: NonEmptyString",                  "^(?!\\s*$).+",                                 " a",        true),
    ];

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        for (statement, java, value, matches) in MATCHES {
            assert_eq!(Pattern::compile(java).matches(value), *matches, "{statement}: `{value}`");
        }
    }
}
