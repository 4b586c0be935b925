//! Which members of a payload a program reads: a tree of names, and one walk over the payload that finds them all.
use std::ops::Range;

use super::scan::Scanner;
use super::{JSON_DEPTH_MAX, JsonError, unquoted};

/// A field's place in [`Found`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldId(usize);

/// The names a program reads, shared prefixes once.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    root: Node,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    name: Box<str>,
    field: Option<FieldId>,
    children: Vec<Node>,
}

/// Where the fields are in one payload.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// The payload's value, without white space around it.
    pub(crate) text: &'a str,
    /// Whether there is white space between its tokens.
    pub(crate) spaced: bool,
    places: Vec<Option<Range<usize>>>,
}

impl Fields {
    /// The field at `path`, which is added unless it is there.
    pub(crate) fn intern(&mut self, path: &[&str]) -> FieldId {
        let mut node = &mut self.root;
        for name in path {
            let at = match node.children.iter().position(|child| *child.name == **name) {
                Some(at) => at,
                None => {
                    node.children.push(Node { name: (*name).into(), ..Node::default() });
                    node.children.len() - 1
                }
            };
            node = &mut node.children[at];
        }
        *node.field.get_or_insert_with(|| {
            self.count += 1;
            FieldId(self.count - 1)
        })
    }

    /// Checks all of `bytes` and finds the fields. A repeated key counts as its last one.
    pub(crate) fn find<'a>(&self, bytes: &'a [u8]) -> Result<Found<'a>, JsonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError { offset: error.valid_up_to(), what: "expected UTF-8" })?;
        self.find_in(text)
    }

    /// The same in what is known to be text.
    pub(crate) fn find_in<'a>(&self, text: &'a str) -> Result<Found<'a>, JsonError> {
        let mut places = vec![None; self.count];
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.space();
        let start = scanner.at;
        self.root.find(&mut scanner, &mut places, 0)?;
        let end = scanner.at;
        scanner.end()?;
        Ok(Found { text: &text[start..end], spaced: scanner.spaced, places: places_from(places, start) })
    }
}

fn places_from(mut places: Vec<Option<Range<usize>>>, start: usize) -> Vec<Option<Range<usize>>> {
    if start > 0 {
        for place in places.iter_mut().flatten() {
            *place = place.start - start..place.end - start;
        }
    }
    places
}

impl Node {
    /// Walks past the value of this node, noting where its children are.
    fn find(
        &self,
        scanner: &mut Scanner<'_>,
        places: &mut [Option<Range<usize>>],
        depth: u32,
    ) -> Result<(), JsonError> {
        if self.children.is_empty() || scanner.peek() != Some(b'{') {
            return scanner.skip_value(depth);
        }
        if depth >= JSON_DEPTH_MAX {
            return scanner.fail("expected fewer levels of nesting");
        }
        scanner.at += 1;
        scanner.space();
        if scanner.peek() == Some(b'}') {
            scanner.at += 1;
            return Ok(());
        }
        loop {
            let (key, escaped) = scanner.key()?;
            scanner.space();
            match self.child(&scanner.bytes[key], escaped) {
                None => scanner.skip_value(depth + 1)?,
                Some(child) => {
                    child.forget(places);
                    let start = scanner.at;
                    child.find(scanner, places, depth + 1)?;
                    if let Some(FieldId(field)) = child.field {
                        places[field] = Some(start..scanner.at);
                    }
                }
            }
            scanner.space();
            match scanner.peek() {
                Some(b',') => scanner.at += 1,
                Some(b'}') => {
                    scanner.at += 1;
                    return Ok(());
                }
                _ => return scanner.fail("expected `,` or `}`"),
            }
        }
    }

    fn child(&self, key: &[u8], escaped: bool) -> Option<&Node> {
        if !escaped {
            return self.children.iter().find(|child| child.name.as_bytes() == key);
        }
        let key = unquoted(std::str::from_utf8(key).ok()?);
        self.children.iter().find(|child| *child.name == *key)
    }

    /// A later member of the same name replaces an earlier one, with all that was in it.
    fn forget(&self, places: &mut [Option<Range<usize>>]) {
        if let Some(FieldId(field)) = self.field {
            places[field] = None;
        }
        self.children.iter().for_each(|child| child.forget(places));
    }
}

impl<'a> Found<'a> {
    /// No payload: every field is absent.
    pub(crate) fn nothing() -> Self {
        Self { text: "", spaced: false, places: Vec::new() }
    }

    /// The text of the field's value, if the payload has the field.
    pub(crate) fn get(&self, FieldId(field): FieldId) -> Option<&'a str> {
        let place = self.places.get(field)?.clone()?;
        self.text.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // why                         payload                                        a           a.b          c
    const FOUND: &[(&str, &str, [Option<&str>; 3])] = &[
        ("plain",                                   r#"{"a":1,"c":"x"}"#,                         [Some("1"), None, Some("\"x\"")]),
        ("nested, white space around",              r#" { "a" : { "b" : [1, 2] } , "z" : 0 } "#,  [Some(r#"{ "b" : [1, 2] }"#), Some("[1, 2]"), None]),
        ("an escaped key is the same key",          r#"{"\u0061":{"\u0062":true}}"#,              [Some(r#"{"\u0062":true}"#), Some("true"), None]),
        ("the last of a repeated key counts",       r#"{"c":1,"a":{"b":1},"c":2,"a":3}"#,         [Some("3"), None, Some("2")]),
        ("a path leads through objects only",       r#"{"a":[{"b":1}]}"#,                         [Some(r#"[{"b":1}]"#), None, None]),
        ("not an object",                           "[1]",                                        [None, None, None]),
    ];

    #[test]
    fn fields_are_found() {
        let mut fields = Fields::default();
        let ids = [fields.intern(&["a"]), fields.intern(&["a", "b"]), fields.intern(&["c"])];
        assert_eq!(fields.intern(&["a", "b"]), ids[1]);
        for (why, payload, expected) in FOUND {
            let found = fields.find(payload.as_bytes()).unwrap();
            assert_eq!(ids.map(|id| found.get(id)), *expected, "{why}: {payload}");
        }
    }

    #[test]
    fn what_is_not_read_is_checked_too() {
        let mut fields = Fields::default();
        fields.intern(&["a"]);
        for payload in [r#"{"a":1,"z":tru}"#, r#"{"a":1"#, r#"{"a":1}}"#, "{\"a\":1,\"z\":\"\u{1}\"}"] {
            assert!(fields.find(payload.as_bytes()).is_err(), "{payload}");
        }
        assert!(fields.find(b"{\"a\":\"\xff\"}").is_err());
    }
}
