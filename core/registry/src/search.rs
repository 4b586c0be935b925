//! The query language over things, as far as it is understood.
//!
//! `term (AND? term)*`, where a term is `thingName:…`, `thingTypeName:…`, `thingGroupNames:…` or `attributes.<name>:…`, and a
//! value is a quoted text, or a word with perhaps a `*` at its end for whatever follows. `*` alone is every thing. A value is
//! compared as a whole and in any case (iot dev guide: query-syntax, "Search is case insensitive", "The default operator is
//! AND"). Fleet indexing knows more (OR, NOT, ranges, `?`, shadows, connectivity); all of that is refused by name, for an
//! answer to half a query would be a wrong one.
use crate::{Registry, RegistryError, Thing};

/// Terms of a query (iot dev guide: query-syntax). More are refused.
pub const QUERY_TERMS_MAX: usize = 12;

/// A query. Every term must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    value: String,
    is_prefix: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    ThingName,
    ThingTypeName,
    ThingGroupNames,
    Attribute(String),
}

impl Query {
    /// Parses a query string.
    ///
    /// # Errors
    /// [`RegistryError::InvalidQuery`], which names the part that is not understood.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let words = words(text)?;
        if words == ["*"] {
            return Ok(Self { terms: Vec::new() });
        }
        let (mut terms, mut wants_term) = (Vec::new(), true);
        for word in &words {
            if *word == "AND" && !wants_term {
                wants_term = true;
            } else {
                terms.push(Term::parse(word)?);
                wants_term = false;
            }
        }
        if wants_term {
            return Err(not_understood(words.last().unwrap_or(&text)));
        }
        if terms.len() > QUERY_TERMS_MAX {
            let message = format!("a query can have at most {QUERY_TERMS_MAX} terms");
            return Err(RegistryError::InvalidQuery(message));
        }
        Ok(Self { terms })
    }
}

impl Term {
    fn parse(word: &str) -> Result<Self, RegistryError> {
        let refused = || not_understood(word);
        let (field, value) = word.split_once(':').ok_or_else(refused)?;
        let field = match field.strip_prefix("attributes.") {
            Some(name) if !name.is_empty() && !name.contains(SPECIAL) => Field::Attribute(name.to_owned()),
            Some(_) => return Err(refused()),
            None => match field {
                "thingName" => Field::ThingName,
                "thingTypeName" => Field::ThingTypeName,
                "thingGroupNames" => Field::ThingGroupNames,
                _ => return Err(refused()),
            },
        };
        if let Some(quoted) = value.strip_prefix('"') {
            let value = quoted.strip_suffix('"').filter(|value| !value.contains(['"', '\\'])).ok_or_else(refused)?;
            return Ok(Self { field, value: value.to_owned(), is_prefix: false });
        }
        let (value, is_prefix) = value.strip_suffix('*').map_or((value, false), |value| (value, true));
        if value.contains(SPECIAL) || (value.is_empty() && !is_prefix) {
            return Err(refused());
        }
        Ok(Self { field, value: value.to_owned(), is_prefix })
    }

    fn fits(&self, text: &str) -> bool {
        let length = if self.is_prefix { self.value.len() } else { text.len() };
        text.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(&self.value))
    }
}

/// What means something in the whole language, or would.
const SPECIAL: &[char] = &['(', ')', '[', ']', '{', '}', '<', '>', '=', '!', '?', '~', '^', '\\', '"', ':', '*'];

/// The words of a query, quotes kept together.
fn words(text: &str) -> Result<Vec<&str>, RegistryError> {
    let (mut words, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            ' ' | '\t' | '\r' | '\n' if !quoted => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    if quoted { Err(not_understood(words.last().unwrap_or(&text))) } else { Ok(words) }
}

fn not_understood(part: &str) -> RegistryError {
    let part: String = part.chars().take(300).collect();
    RegistryError::InvalidQuery(format!(
        "`{part}` is not understood: a query is thingName:, thingTypeName:, thingGroupNames: and attributes.<name>: joined by AND"
    ))
}

impl Registry {
    /// `SearchIndex` over `AWS_Things`: the things a query finds, by name, ascending.
    pub fn search<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Thing> {
        self.things.values().filter(|thing| query.terms.iter().all(|term| self.fits(term, thing)))
    }

    /// `thingGroupNames` of a thing in the index: "Thing group and billing group names" (iot ThingDocument).
    pub fn indexed_group_names(&self, thing: &Thing) -> impl Iterator<Item = &str> {
        let groups = self.thing_group_members.of(&thing.thing_name).map(|(name, ())| name.as_str());
        groups.chain(self.billing_group_of_thing(&thing.thing_name).map(|name| name.as_str()))
    }

    fn fits(&self, term: &Term, thing: &Thing) -> bool {
        match &term.field {
            Field::ThingName => term.fits(thing.thing_name.as_str()),
            Field::ThingTypeName => thing.thing_type_name.as_ref().is_some_and(|name| term.fits(name.as_str())),
            Field::ThingGroupNames => self.indexed_group_names(thing).any(|name| term.fits(name)),
            Field::Attribute(name) => thing.attributes.get(name).is_some_and(|value| term.fits(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn twelve_terms_and_no_more() {
        let query = |n: usize| Query::parse(&vec!["thingName:a"; n].join(" AND "));
        assert!(query(12).is_ok(), "iot dev guide: query-syntax, number of terms");
        let refused = Err(RegistryError::InvalidQuery("a query can have at most 12 terms".to_owned()));
        assert_eq!(query(13), refused, "iot dev guide: query-syntax, number of terms");
    }

    #[test]
    #[rustfmt::skip]
    fn queries() {
        const ELSE: &str = " is not understood: a query is thingName:, thingTypeName:, thingGroupNames: and attributes.<name>: joined by AND";
        // citation                                    query                                         things, or what is not understood
        const TABLE: &[(&str, &str, Result<&str, &str>)] = &[
            ("iot dev guide: query-syntax, name",      "thingName:pump-7",                           Ok("pump-7")),
            ("iot dev guide: query-syntax, wildcard",  "thingName:pump*",                            Ok("pump-7 pump:8")),
            ("iot dev guide: query-syntax, wildcard",  "thingName:*",                                Ok("oven pump-7 pump:8")),
            ("iot dev guide: query-syntax, all",       "*",                                          Ok("oven pump-7 pump:8")),
            ("iot dev guide: query-syntax, quotes",    "thingName:\"pump:8\"",                       Ok("pump:8")),
            ("iot dev guide: query-syntax, attribute", "attributes.site:a",                          Ok("oven pump-7")),
            ("iot dev guide: query-syntax, attribute", "attributes.absent:a",                        Ok("")),
            ("iot dev guide: query-syntax, type",      "thingTypeName:pump",                         Ok("pump-7")),
            ("iot dev guide: query-syntax, groups",    "thingGroupNames:hall",                       Ok("pump-7")),
            ("iot ThingDocument: billing group names", "thingGroupNames:payer",                      Ok("oven")),
            ("iot dev guide: query-syntax, AND",       "attributes.site:a AND  thingName:o*",        Ok("oven")),
            ("iot dev guide: query-syntax, default",   "attributes.site:a thingName:o*",             Ok("oven")),
            ("iot dev guide: query-syntax, case",      "thingName:PUMP-7 AND attributes.site:A*",    Ok("pump-7")),
            ("iot dev guide: query-syntax, case",      "THINGNAME:pump-7",                           Err("THINGNAME:pump-7")),
            ("iot: AND before anything",               "AND thingName:a",                            Err("AND")),
            ("iot: AND twice",                         "thingName:a AND AND thingName:a",            Err("AND")),
            ("iot dev guide: query-syntax, OR",        "thingName:a OR thingName:b",                 Err("OR")),
            ("iot dev guide: query-syntax, NOT",       "thingName:a AND NOT thingName:b",            Err("NOT")),
            ("iot dev guide: query-syntax, NOT",       "-thingName:a",                               Err("-thingName:a")),
            ("iot dev guide: query-syntax, range",     "attributes.site:[a TO b]",                   Err("attributes.site:[a")),
            ("iot dev guide: query-syntax, compare",   "attributes.site>3",                          Err("attributes.site>3")),
            ("iot dev guide: query-syntax, ?",         "thingName:pum?",                             Err("thingName:pum?")),
            ("iot dev guide: query-syntax, * within",  "thingName:p*7",                              Err("thingName:p*7")),
            ("iot dev guide: query-syntax, shadow",    "shadow.reported.a:1",                        Err("shadow.reported.a:1")),
            ("iot dev guide: query-syntax, connected", "connectivity.connected:true",                Err("connectivity.connected:true")),
            ("iot dev guide: query-syntax, group",     "(thingName:a)",                              Err("(thingName:a)")),
            ("iot dev guide: query-syntax, any field", "pump",                                       Err("pump")),
            ("iot: a query that does not end",         "thingName:a AND",                            Err("AND")),
            ("iot: a quote that does not end",         "thingName:\"a b",                            Err("thingName:\"a b")),
            ("iot: no value",                          "thingName:",                                 Err("thingName:")),
            ("iot: nothing at all",                    " ",                                          Err(" ")),
        ];
        let mut world = World::new();
        for command in [
            "create-type pump", "create-group hall", "create-billing-group payer", "create-thing pump-7 type:pump site=a",
            "create-thing pump:8 site=b", "create-thing oven site=a billing:payer", "add-to-group pump-7 hall",
        ] {
            assert_eq!(world.run(command), "ok");
        }
        for (citation, text, expected) in TABLE {
            let found = Query::parse(text).map(|query| {
                let names = world.registry.search(&query).map(|thing| thing.thing_name.as_str());
                names.collect::<Vec<_>>().join(" ")
            });
            let expected = expected.map(ToOwned::to_owned).map_err(|part| format!("`{part}`{ELSE}"));
            assert_eq!(found.map_err(|error| error.to_string()), expected, "{citation}: {text}");
        }
    }
}
