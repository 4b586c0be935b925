//! Topic filters in a tree of levels. A walk visits the filters that match a topic name and nothing else, and allocates
//! nothing.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};

use sekisho_types::TopicFilter;

/// Whether `sensor/#` matches `sensor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashMatch {
    /// It does not (iot dev guide: "MQTT", differences from the specification).
    #[default]
    Aws,
    /// It does (MQTT5 §4.7.1.2).
    Standard,
}

/// Values by topic filter and key.
#[derive(Clone, Debug)]
pub struct TopicTrie<K, V> {
    root: Node<K, V>,
    hash_match: HashMatch,
}

/// Many may listen to one filter, so that one of them is found by its key. Keys are ours and not a peer's to choose: a
/// hasher without a seed will do.
type Values<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

#[derive(Clone, Debug)]
struct Node<K, V> {
    /// Boxed, because most nodes have one child, and a table has room for three.
    children: HashMap<Box<str>, Box<Node<K, V>>>,
    /// `+`
    single: Option<Box<Node<K, V>>>,
    /// `#` below this node.
    multi: Values<K, V>,
    /// Filters that end here.
    here: Values<K, V>,
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Self { children: HashMap::new(), single: None, multi: Values::default(), here: Values::default() }
    }
}

impl<K, V> Node<K, V> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.single.is_none() && self.multi.is_empty() && self.here.is_empty()
    }
}

impl<K: Eq + Hash, V> TopicTrie<K, V> {
    /// An empty one.
    pub fn new(hash_match: HashMatch) -> Self {
        Self { root: Node::default(), hash_match }
    }

    /// Adds a value; answers the one that was there.
    pub fn insert(&mut self, filter: &TopicFilter, key: K, value: V) -> Option<V> {
        let mut node = &mut self.root;
        for level in filter.as_str().split('/') {
            node = match level {
                "#" => return node.multi.insert(key, value),
                "+" => node.single.get_or_insert_default(),
                name => {
                    if !node.children.contains_key(name) {
                        node.children.insert(name.into(), Box::default());
                    }
                    node.children.get_mut(name).expect("the level was inserted if it was missing")
                }
            };
        }
        node.here.insert(key, value)
    }

    /// Takes a value out.
    pub fn remove(&mut self, filter: &TopicFilter, key: &K) -> Option<V> {
        remove(&mut self.root, Some(filter.as_str()), key)
    }

    /// A value, to be changed.
    pub fn get_mut(&mut self, filter: &TopicFilter, key: &K) -> Option<&mut V> {
        let mut node = &mut self.root;
        for level in filter.as_str().split('/') {
            node = match level {
                "#" => return node.multi.get_mut(key),
                "+" => node.single.as_mut()?,
                name => node.children.get_mut(name)?,
            };
        }
        node.here.get_mut(key)
    }

    /// Visits the values of all filters that match `topic`. A filter that begins with a wildcard matches no topic that
    /// begins with `$` ([MQTT-4.7.2-1] MQTT5).
    pub fn for_each_match(&self, topic: &str, visit: &mut impl FnMut(&K, &V)) {
        self.walk(&self.root, Some(topic), !topic.starts_with('$'), visit);
    }

    /// Recurses as deep as the deepest filter at most, and [`TopicFilter`] bounds that.
    fn walk(&self, node: &Node<K, V>, rest: Option<&str>, wildcards: bool, visit: &mut impl FnMut(&K, &V)) {
        let Some(rest) = rest else {
            node.here.iter().for_each(|(key, value)| visit(key, value));
            if self.hash_match == HashMatch::Standard {
                node.multi.iter().for_each(|(key, value)| visit(key, value));
            }
            return;
        };
        let (level, rest) = first_level(rest);
        if wildcards {
            node.multi.iter().for_each(|(key, value)| visit(key, value));
            if let Some(single) = &node.single {
                self.walk(single, rest, true, visit);
            }
        }
        if let Some(child) = node.children.get(level) {
            self.walk(child, rest, true, visit);
        }
    }
}

fn remove<K: Eq + Hash, V>(node: &mut Node<K, V>, rest: Option<&str>, key: &K) -> Option<V> {
    let Some(rest) = rest else { return take(&mut node.here, key) };
    match first_level(rest) {
        ("#", _) => take(&mut node.multi, key),
        ("+", rest) => {
            let child = node.single.as_mut()?;
            let removed = remove(child, rest, key);
            if child.is_empty() {
                node.single = None;
            }
            removed
        }
        (name, rest) => {
            let child = node.children.get_mut(name)?;
            let removed = remove(child, rest, key);
            if child.is_empty() {
                node.children.remove(name);
            }
            removed
        }
    }
}

/// The last one gone takes the memory of a crowd along.
fn take<K: Eq + Hash, V>(values: &mut Values<K, V>, key: &K) -> Option<V> {
    let taken = values.remove(key);
    if values.is_empty() {
        *values = Values::default();
    }
    taken
}

fn first_level(text: &str) -> (&str, Option<&str>) {
    text.split_once('/').map_or((text, None), |(level, rest)| (level, Some(rest)))
}

/// Whether there is a topic name that both filters match. It may say so of two that only meet under
/// [`HashMatch::Standard`], or at topics that begin with `$`.
pub(crate) fn overlap(a: &TopicFilter, b: &TopicFilter) -> bool {
    let (mut a, mut b) = (a.as_str().split('/'), b.as_str().split('/'));
    loop {
        match (a.next(), b.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap()
    }

    fn matches(hash_match: HashMatch, text: &str, topic: &str) -> bool {
        let mut trie = TopicTrie::new(hash_match);
        trie.insert(&filter(text), (), ());
        let mut found = 0;
        trie.for_each_match(topic, &mut |(), ()| found += 1);
        assert!(found <= 1);
        found == 1
    }

    #[rustfmt::skip] // statement                     filter            topic              standard, AWS
    const SELECTS: &[(&str, &str, &str, bool, bool)] = &[
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant",           true,  false),
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant/",          true,  true),
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant/7/oven",    true,  true),
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plants/7",        false, false),
        ("MQTT5 §4.7.1.2",                            "#",              "plant/7/oven",    true,  true),
        ("MQTT5 §4.7.1.2",                            "#",              "/",               true,  true),
        ("MQTT5 §4.7.1.2",                            "+/#",            "plant",           true,  false),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant",           false, false),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant/",          true,  true),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant/7/oven",    false, false),
        ("MQTT5 §4.7.1.3",                            "+/+",            "/finance",        true,  true),
        ("MQTT5 §4.7.1.3",                            "/+",             "/finance",        true,  true),
        ("MQTT5 §4.7.1.3",                            "+",              "/finance",        false, false),
        ("MQTT5 §4.7.1.3",                            "plant/+/oven/#", "plant/7/oven/a/b", true, true),
        ("MQTT5 §4.7.1.1",                            "plant//oven",    "plant/oven",      false, false),
        ("MQTT5 §4.7.1.1",                            "plant/oven",     "plant/oven",      true,  true),
        ("MQTT5 §4.7.1.1",                            "plant/oven",     "plant/oven/a",    false, false),
        ("MQTT5 §4.7.1.1",                            "/plant",         "plant",           false, false),
        ("MQTT5 [MQTT-4.7.2-1]",                      "#",              "$SYS/uptime",     false, false),
        ("MQTT5 [MQTT-4.7.2-1]",                      "+/monitor",      "$SYS/monitor",    false, false),
        ("MQTT5 [MQTT-4.7.2-1]",                      "+/$SYS",         "a/$SYS",          true,  true),
        ("MQTT5 §4.7.2",                              "$SYS/#",         "$SYS/uptime",     true,  true),
        ("MQTT5 §4.7.2",                              "$SYS/monitor/+", "$SYS/monitor/a",  true,  true),
        ("MQTT5 [MQTT-4.7.3-4]: letter case counts",  "ACCOUNTS",       "Accounts",        false, false),
    ];

    #[test]
    fn selects() {
        for (statement, filter, topic, standard, aws) in SELECTS {
            assert_eq!(matches(HashMatch::Standard, filter, topic), *standard, "{statement}: `{filter}` on `{topic}`");
            assert_eq!(matches(HashMatch::Aws, filter, topic), *aws, "AWS, {statement}: `{filter}` on `{topic}`");
        }
    }

    #[rustfmt::skip] //       a         b            a topic for both?
    const OVERLAPS: &[(&str, &str, bool)] = &[
        ("a/b",     "a/b",       true),
        ("a/b",     "a/c",       false),
        ("a/+",     "+/b",       true),
        ("a/+",     "b/+",       false),
        ("a/#",     "a/b/c",     true),
        ("a/#",     "+/+/c/#",   true),
        ("a/+",     "a/b/c",     false),
        ("#",       "a",         true),
    ];

    #[test]
    fn overlaps() {
        for (a, b, expected) in OVERLAPS {
            assert_eq!(overlap(&filter(a), &filter(b)), *expected, "`{a}` and `{b}`");
            assert_eq!(overlap(&filter(b), &filter(a)), *expected, "`{b}` and `{a}`");
        }
    }

    /// Says what the trie should, one filter at a time.
    pub(crate) fn naive(hash_match: HashMatch, filter: &str, topic: &str) -> bool {
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let (filters, topics): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
        for (at, level) in filters.iter().enumerate() {
            match (*level, topics.get(at)) {
                ("#", next) => return next.is_some() || hash_match == HashMatch::Standard,
                ("+", Some(_)) => {}
                (name, Some(other)) if name == *other => {}
                _ => return false,
            }
        }
        filters.len() == topics.len()
    }

    #[test]
    fn agrees_with_a_naive_matcher_and_empties_when_everything_is_removed() {
        bolero::check!().with_type::<(bool, Vec<Vec<u8>>, Vec<u8>)>().for_each(|(standard, filters, topic)| {
            let hash_match = if *standard { HashMatch::Standard } else { HashMatch::Aws };
            let text = |bytes: &[u8]| {
                let levels = bytes.iter().take(5).map(|byte| ["a", "b", "", "+", "$x", "c"][usize::from(byte % 6)]);
                let text = levels.collect::<Vec<_>>().join("/");
                if text.is_empty() { "a".to_owned() } else { text }
            };
            let filters = filters.iter().take(8).map(|bytes| match bytes.split_first() {
                Some((0..64, [])) => filter("#"),
                Some((0..64, rest)) => filter(&format!("{}/#", text(rest))),
                _ => filter(&text(bytes)),
            });
            let filters: Vec<TopicFilter> = filters.collect();
            let topic = text(topic).replace('+', "a");
            let mut trie = TopicTrie::new(hash_match);
            for (number, filter) in filters.iter().enumerate() {
                assert_eq!(trie.insert(filter, number, ()), None);
                assert!(trie.get_mut(filter, &number).is_some());
            }
            let mut found = Vec::new();
            trie.for_each_match(&topic, &mut |number, ()| found.push(*number));
            found.sort_unstable();
            let selected = |number: &usize| naive(hash_match, filters[*number].as_str(), &topic);
            let expected: Vec<usize> = (0..filters.len()).filter(selected).collect();
            assert_eq!(found, expected, "{filters:?} on `{topic}`");
            for pair in expected.windows(2) {
                assert!(overlap(&filters[pair[0]], &filters[pair[1]]), "{filters:?} on `{topic}`");
            }
            for (number, filter) in filters.iter().enumerate() {
                assert_eq!(trie.remove(filter, &number), Some(()));
                assert_eq!(trie.remove(filter, &number), None);
            }
            assert!(trie.root.is_empty());
        });
    }
}
