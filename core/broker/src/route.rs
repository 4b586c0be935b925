//! Basic ingest: topics that name a rule (iot dev guide: "Reducing messaging costs with Basic Ingest").
use sekisho_types::basic_ingest;

/// Where a topic leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// To whoever listens: subscribers, and rules by their filter.
    Listeners,
    /// `$aws/rules/<rule>/<topic>`: to this rule and to nobody else.
    Rule {
        /// Its name.
        name: &'a str,
        /// The topic as the rule sees it.
        topic: &'a str,
    },
}

impl<'a> Route<'a> {
    /// The route of a topic name.
    pub fn of(topic: &'a str) -> Self {
        basic_ingest(topic).map_or(Self::Listeners, |(name, topic)| Self::Rule { name, topic })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // source                         topic                   route
    const ROUTES: &[(&str, &str, Route<'_>)] = &[
        ("iot dev guide: Basic Ingest",                "$aws/rules/hot/a/b",   Route::Rule { name: "hot", topic: "a/b" }),
        ("iot dev guide: Basic Ingest",                "$aws/rules/hot/",      Route::Rule { name: "hot", topic: "" }),
        ("iot dev guide: Basic Ingest",                "$aws/rules/hot",       Route::Rule { name: "hot", topic: "" }),
        ("ours: no rule has this name",                "$aws/rules/",          Route::Rule { name: "", topic: "" }),
        ("iot dev guide: reserved topics",             "$aws/rules",           Route::Listeners),
        ("iot dev guide: reserved topics",             "$aws/things/a/shadow", Route::Listeners),
        ("iot dev guide: Basic Ingest",                "a/$aws/rules/hot",     Route::Listeners),
    ];

    #[test]
    fn routes() {
        for (source, topic, route) in ROUTES {
            assert_eq!(Route::of(topic), *route, "{source}: {topic}");
        }
    }
}
