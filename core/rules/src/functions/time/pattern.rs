//! A pattern: fields, which are runs of one letter, and the text between them.

/// A letter and how often it may stand in a row.
pub(super) type Letters = &'static [(char, usize)];

/// The letters of Joda-Time that `parse_time` knows. Not among them: names of zones in full.
#[rustfmt::skip]
pub(super) const JODA: Letters = &[
    ('G', 4), ('y', 9), ('Y', 9), ('D', 9), ('M', 9), ('d', 9), ('E', 9), ('a', 9), ('K', 9), ('h', 9), ('H', 9), ('k', 9),
    ('m', 9), ('s', 9), ('S', 9), ('C', 9), ('x', 9), ('w', 9), ('e', 9), ('z', 3), ('Z', 3),
];

/// The letters of the JDK's `DateTimeFormatter` that `time_to_epoch` knows. Not among them: eras, quarters, weeks, names of zones
/// in full.
#[rustfmt::skip]
pub(super) const JDK: Letters = &[
    ('y', 9), ('u', 9), ('M', 4), ('L', 4), ('d', 2), ('D', 3), ('E', 4), ('a', 1), ('h', 2), ('H', 2), ('K', 2), ('k', 2), ('m', 2), ('s', 2),
    ('S', 9), ('V', 2), ('z', 3), ('X', 3), ('x', 3), ('Z', 3),
];

/// A pattern's parts in their order.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Field(char, usize),
    Text(char),
    /// `[…]`: what may be missing.
    Optional(Vec<Part>),
}

/// How deep optional parts may be nested; it bounds the stack, because a pattern may come in a message.
const OPTIONAL_DEPTH_MAX: usize = 8;

impl Pattern {
    /// Parses a pattern of these letters, or says which of its letters is not one of them.
    pub(super) fn parse(text: &str, letters: Letters) -> Result<Self, String> {
        let (mut parts, mut open) = (Vec::new(), Vec::new());
        let reserved = letters == JDK;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            if char == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    parts.push(Part::Text('\''));
                    continue;
                }
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_none() => break,
                        Some(quoted) => parts.push(Part::Text(quoted)),
                        None => return Err("a quote in the pattern is not closed".into()),
                    }
                }
            } else if char.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&char).is_some() {
                    count += 1;
                }
                if !letters.iter().any(|(letter, max)| *letter == char && count <= *max) {
                    return Err(format!(
                        "`{}` in the pattern is not supported",
                        char.to_string().repeat(count.min(20))
                    ));
                }
                parts.push(Part::Field(char, count));
            } else if reserved && char == '[' {
                if open.len() >= OPTIONAL_DEPTH_MAX {
                    return Err(format!("a pattern nests at most {OPTIONAL_DEPTH_MAX} optional parts"));
                }
                open.push(std::mem::take(&mut parts));
            } else if reserved && char == ']' {
                let Some(around) = open.pop() else { return Err("`]` in the pattern closes nothing".into()) };
                let optional = std::mem::replace(&mut parts, around);
                parts.push(Part::Optional(optional));
            } else if reserved && matches!(char, '{' | '}' | '#') {
                return Err(format!("`{char}` in the pattern is reserved"));
            } else {
                parts.push(Part::Text(char));
            }
        }
        if open.is_empty() { Ok(Self(parts)) } else { Err("a `[` in the pattern is not closed".into()) }
    }
}

#[rustfmt::skip]
pub(super) const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
];

/// Monday first.
pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let parts = Pattern::parse("yyyy'T''x'''d", JDK).unwrap().0;
        let text = |char| Part::Text(char);
        assert_eq!(parts, [Part::Field('y', 4), text('T'), text('\''), text('x'), text('\''), Part::Field('d', 1)]);
        for refused in ["w", "'open", "dddd", "zzzz", "V'"] {
            assert!(Pattern::parse(refused, JDK).is_err(), "{refused}");
        }
    }
}
