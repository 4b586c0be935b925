//! Documents in both directions. Those from outside are read into a small tree, bounded in bytes and depth.
use bytes::Bytes;
use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::events::Event;
use sekisho_types::Timestamp;

use super::claimed::Claimed;
use super::error::malformed_xml;
use crate::auth::iso;
use crate::render::{element, xml};
use crate::{ApiError, Body, S3Request};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// No document of S3's is deeper than 4.
const DEPTH_MAX: usize = 8;
/// Beginnings, ends and texts: 10,000 parts with number, ETag and checksum have 200,000, with white space between them.
const PIECES_MAX: usize = 400_000;
/// `encoding-type=url`: what RFC 3986 does not reserve stays, and so do slashes.
const URL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An element of a document from outside; attributes and namespaces are dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Its only child of this name; more than one is a malformed document.
    pub(super) fn child<'a>(&'a self, name: &'a str) -> Result<Option<&'a Element>, ApiError> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => Err(malformed_xml()),
        }
    }

    /// The text of its only child of this name.
    pub(super) fn text<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, ApiError> {
        Ok(self.child(name)?.map(|child| child.text.as_str()))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name)?.map(str::trim) {
            None => Ok(None),
            Some(text) => text.to_ascii_lowercase().parse().map(Some).map_err(|_| malformed_xml()),
        }
    }

    /// Its children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Reads a request's body, holds it to what was claimed of it, and parses it. `None` if it is empty.
pub(super) async fn read(request: &mut S3Request, root: &str, bytes_max: usize) -> Result<Option<Element>, ApiError> {
    let claimed = Claimed::of(request)?;
    let body: Bytes = request.read_all(bytes_max).await?;
    claimed.check(request, &body)?;
    if body.is_empty() {
        return Ok(None);
    }
    parse(&body).filter(|element| element.name == root).map(Some).ok_or_else(malformed_xml)
}

/// Parses a document; `None` if it is not one, or has a DOCTYPE.
pub(super) fn parse(bytes: &[u8]) -> Option<Element> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let (mut root, mut pieces) = (None, 0);
    loop {
        pieces += 1;
        if pieces > PIECES_MAX {
            return None;
        }
        let closed = match reader.read_event().ok()? {
            Event::Start(start) if root.is_none() && open.len() < DEPTH_MAX => {
                open.push(Element { name: name(start.local_name().as_ref())?, ..Element::default() });
                None
            }
            Event::Empty(start) if root.is_none() && open.len() < DEPTH_MAX => {
                Some(Element { name: name(start.local_name().as_ref())?, ..Element::default() })
            }
            Event::End(_) => Some(open.pop()?),
            Event::Text(text) => {
                let text = text.decode().ok()?;
                match open.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return None,
                }
                None
            }
            Event::CData(text) => {
                open.last_mut()?.text.push_str(&text.decode().ok()?);
                None
            }
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().ok()? {
                    Some(c) => c,
                    None => match &*reference.decode().ok()? {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return None,
                    },
                };
                open.last_mut()?.text.push(c);
                None
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
            Event::DocType(_) | Event::Start(_) | Event::Empty(_) => return None,
            Event::Eof => return root.filter(|_| open.is_empty()),
        };
        if let Some(closed) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => root = Some(closed),
            }
        }
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Answers a document.
pub(super) fn document(root: &str, write: impl FnOnce(&mut String)) -> Response<Body> {
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">");
    write(&mut out);
    out.push_str(&format!("</{root}>"));
    xml(out)
}

/// Answers one of the few documents that have no namespace.
pub(super) fn plain(root: &str, write: impl FnOnce(&mut String)) -> Response<Body> {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    nested(&mut out, root, write);
    xml(out)
}

/// Appends an element with elements in it.
pub(super) fn nested(out: &mut String, name: &str, write: impl FnOnce(&mut String)) {
    out.push_str(&format!("<{name}>"));
    write(out);
    out.push_str(&format!("</{name}>"));
}

/// Appends an element with a time: `2023-01-02T03:04:05.000Z`.
pub(super) fn time(out: &mut String, name: &str, time: Timestamp) {
    element(out, name, &format!("{}.000Z", iso(time).trim_end_matches('Z')));
}

/// A key as `encoding-type=url` wants it.
pub(super) fn url_encoded(text: &str) -> String {
    utf8_percent_encode(text, &URL).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(element: &Element) -> String {
        let children: Vec<String> = element.children.iter().map(shown).collect();
        format!("{}({:?}{})", element.name, element.text, children.concat())
    }

    #[test]
    fn documents() {
        #[rustfmt::skip] // rule                                    document                                             tree
        let table = [
            ("XML 1.0: an element",                                 "<a>x</a>",                                          Some("a(\"x\")")),
            ("XML 1.0 §2.8: a declaration before",                  "<?xml version=\"1.0\"?>\n<a/>\n",                   Some("a(\"\")")),
            ("XML names §6.2: namespaces do not matter",            "<s:a xmlns:s=\"urn:x\"><s:b>y</s:b></s:a>",         Some("a(\"\"b(\"y\"))")),
            ("XML 1.0 §4.6: predefined entities",                   "<a>&lt;&amp;&#x41;&#10;</a>",                       Some("a(\"<&A\\n\")")),
            ("XML 1.0 §2.7: CDATA",                                 "<a><![CDATA[<b>]]></a>",                            Some("a(\"<b>\")")),
            ("S3: white space in a key is the key's",               "<a> x </a>",                                        Some("a(\" x \")")),
            ("no DOCTYPE, so no entities of its own",               "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",         None),
            ("XML 1.0 §4.1: an unknown entity",                     "<a>&x;</a>",                                        None),
            ("XML 1.0 §2.1: one root",                              "<a/><b/>",                                          None),
            ("XML 1.0 §3: what opens closes",                       "<a><b></a>",                                        None),
            ("XML 1.0 §2.1: not text alone",                        "x",                                                 None),
            ("XML 1.0 §2.1: text behind the root",                  "<a/>x",                                             None),
            ("nothing",                                             "",                                                  None),
            ("deeper than any document of S3's",                    "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>", None),
        ];
        for (rule, document, tree) in table {
            assert_eq!(parse(document.as_bytes()).as_ref().map(shown).as_deref(), tree, "{rule}: {document}");
        }
    }

    #[test]
    fn keys_in_listings() {
        let key = "a b/ü&+~.txt";
        assert_eq!(url_encoded(key), "a%20b/%C3%BC%26%2B~.txt");
        let mut out = String::new();
        element(&mut out, "Key", "<&>\u{1}");
        assert_eq!(out, "<Key>&lt;&amp;&gt;\u{fffd}</Key>");
    }

    #[test]
    fn what_parses_parses_again_and_nothing_panics() {
        fn write(out: &mut String, tree: &Element) {
            nested(out, &tree.name, |out| {
                let mut text = String::new();
                element(&mut text, "t", &tree.text);
                out.push_str(text.trim_start_matches("<t>").trim_end_matches("</t>"));
                tree.children.iter().for_each(|child| write(out, child));
            });
        }
        bolero::check!(name = "s3_documents").for_each(|bytes: &[u8]| {
            if let Some(tree) = parse(bytes) {
                let mut again = String::new();
                write(&mut again, &tree);
                let names = |tree: &Element| (tree.name.clone(), tree.children.len());
                assert_eq!(parse(again.as_bytes()).as_ref().map(names), Some(names(&tree)), "{again}");
            }
        });
    }
}
