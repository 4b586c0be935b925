//! Topic filters in a tree of levels. A walk visits the filters that match a topic name and nothing else, and allocates
//! nothing.
use std::collections::HashMap;

/// Whether `sensor/#` matches `sensor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashMatch {
    /// It does not (AWS IoT Core developer guide, "MQTT": differences).
    #[default]
    WithoutParent,
    /// It does (MQTT5 §4.7.1.2).
    WithParent,
}

/// A set of (topic filter, value) pairs.
#[derive(Clone, Debug)]
pub struct TopicTrie<T> {
    root: Node<T>,
    hash_match: HashMatch,
}

#[derive(Clone, Debug)]
struct Node<T> {
    children: HashMap<Box<str>, Node<T>>,
    /// `+`
    single: Option<Box<Node<T>>>,
    /// `#` below this node
    multi: Vec<T>,
    /// filters that end here
    here: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), single: None, multi: Vec::new(), here: Vec::new() }
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.single.is_none() && self.multi.is_empty() && self.here.is_empty()
    }
}

impl<T: PartialEq> TopicTrie<T> {
    /// An empty one.
    pub fn new(hash_match: HashMatch) -> Self {
        Self { root: Node::default(), hash_match }
    }

    /// Adds a pair. `filter` is well-formed and not `$share/…`.
    pub fn insert(&mut self, filter: &str, value: T) {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    node.multi.push(value);
                    return;
                }
                "+" => node.single.get_or_insert_default(),
                name => node.children.entry(name.into()).or_default(),
            };
        }
        node.here.push(value);
    }

    /// Takes the first pair out that has this filter and a value `which` accepts.
    pub fn remove(&mut self, filter: &str, which: impl Fn(&T) -> bool) -> Option<T> {
        remove(&mut self.root, filter.split('/'), &which)
    }

    /// Visits the value of every pair whose filter matches `topic`. A filter that begins with a wildcard matches no topic
    /// that begins with `$` ([MQTT-4.7.2-1] MQTT5).
    pub fn for_each_match(&self, topic: &str, visit: &mut impl FnMut(&T)) {
        let reserved = topic.starts_with('$');
        self.walk(&self.root, Some(topic), reserved, visit);
    }

    fn walk(&self, node: &Node<T>, rest: Option<&str>, no_wildcard: bool, visit: &mut impl FnMut(&T)) {
        let Some(rest) = rest else {
            node.here.iter().for_each(&mut *visit);
            if self.hash_match == HashMatch::WithParent {
                node.multi.iter().for_each(visit);
            }
            return;
        };
        let (level, rest) = rest.split_once('/').map_or((rest, None), |(level, rest)| (level, Some(rest)));
        if !no_wildcard {
            node.multi.iter().for_each(&mut *visit);
            if let Some(single) = &node.single {
                self.walk(single, rest, false, visit);
            }
        }
        if let Some(child) = node.children.get(level) {
            self.walk(child, rest, false, visit);
        }
    }
}

fn remove<'a, T>(
    node: &mut Node<T>,
    mut levels: impl Iterator<Item = &'a str>,
    which: &impl Fn(&T) -> bool,
) -> Option<T> {
    let take = |values: &mut Vec<T>| values.iter().position(which).map(|at| values.swap_remove(at));
    match levels.next() {
        None => take(&mut node.here),
        Some("#") => take(&mut node.multi),
        Some("+") => {
            let child = node.single.as_mut()?;
            let removed = boxed(child, &mut levels, which);
            if child.is_empty() {
                node.single = None;
            }
            removed
        }
        Some(name) => {
            let child = node.children.get_mut(name)?;
            let removed = boxed(child, &mut levels, which);
            if child.is_empty() {
                node.children.remove(name);
            }
            removed
        }
    }
}

/// The recursion's type would grow with each level if the iterator were passed by value.
fn boxed<'a, T>(
    node: &mut Node<T>,
    levels: &mut dyn Iterator<Item = &'a str>,
    which: &impl Fn(&T) -> bool,
) -> Option<T> {
    remove(node, levels, which)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(hash_match: HashMatch, filter: &str, topic: &str) -> bool {
        let mut trie = TopicTrie::new(hash_match);
        trie.insert(filter, ());
        let mut found = 0;
        trie.for_each_match(topic, &mut |()| found += 1);
        assert!(found <= 1);
        found == 1
    }

    #[rustfmt::skip] // statement                     filter            topic              standard, AWS
    const SELECTS: &[(&str, &str, &str, bool, bool)] = &[
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant",           true,  false),
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant/",          true,  true),
        ("MQTT5 §4.7.1.2",                            "plant/#",        "plant/7/oven",    true,  true),
        ("MQTT5 §4.7.1.2",                            "#",              "plant/7/oven",    true,  true),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant",           false, false),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant/",          true,  true),
        ("MQTT5 §4.7.1.3",                            "plant/+",        "plant/7/oven",    false, false),
        ("MQTT5 §4.7.1.3",                            "+/+",            "/finance",        true,  true),
        ("MQTT5 §4.7.1.3",                            "/+",             "/finance",        true,  true),
        ("MQTT5 §4.7.1.3",                            "+",              "/finance",        false, false),
        ("MQTT5 §4.7.1.3",                            "plant/+/oven/#", "plant/7/oven/a/b", true, true),
        ("MQTT5 [MQTT-4.7.2-1]",                      "#",              "$SYS/uptime",     false, false),
        ("MQTT5 [MQTT-4.7.2-1]",                      "+/monitor",      "$SYS/monitor",    false, false),
        ("MQTT5 §4.7.2",                              "$SYS/#",         "$SYS/uptime",     true,  true),
        ("MQTT5 §4.7.3: letter case counts",          "ACCOUNTS",       "Accounts",        false, false),
    ];

    #[test]
    fn selects() {
        for (statement, filter, topic, standard, aws) in SELECTS {
            assert_eq!(
                matches(HashMatch::WithParent, filter, topic),
                *standard,
                "{statement}: `{filter}` on `{topic}`"
            );
            assert_eq!(
                matches(HashMatch::WithoutParent, filter, topic),
                *aws,
                "AWS, {statement}: `{filter}` on `{topic}`"
            );
        }
    }

    /// Says what the trie should, one filter at a time.
    fn naive(filter: &str, topic: &str) -> bool {
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let (filters, topics): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
        for (at, level) in filters.iter().enumerate() {
            match (*level, topics.get(at)) {
                ("#", _) => return topics.len() > at,
                ("+", Some(_)) => {}
                (name, Some(other)) if name == *other => {}
                _ => return false,
            }
        }
        filters.len() == topics.len()
    }

    #[test]
    fn agrees_with_a_naive_matcher_and_empties_when_everything_is_removed() {
        bolero::check!().with_type::<(Vec<Vec<u8>>, Vec<u8>)>().for_each(|(filters, topic)| {
            let level = |byte: &u8| ["a", "b", "", "+", "$x", "c"][usize::from(byte % 6)];
            let text = |bytes: &[u8]| bytes.iter().take(5).map(level).collect::<Vec<_>>().join("/");
            let filters: Vec<String> = filters
                .iter()
                .take(8)
                .map(|bytes| {
                    let text = text(bytes);
                    if bytes.first().is_some_and(|byte| byte % 3 == 0) { format!("{text}/#") } else { text }
                })
                .collect();
            let topic = text(topic).replace('+', "a");
            let mut trie = TopicTrie::new(HashMatch::WithoutParent);
            filters.iter().enumerate().for_each(|(number, filter)| trie.insert(filter, number));
            let mut found = Vec::new();
            trie.for_each_match(&topic, &mut |number| found.push(*number));
            found.sort_unstable();
            let expected: Vec<usize> = (0..filters.len()).filter(|number| naive(&filters[*number], &topic)).collect();
            assert_eq!(found, expected, "{filters:?} on `{topic}`");
            for (number, filter) in filters.iter().enumerate() {
                assert_eq!(trie.remove(filter, |value| *value == number), Some(number));
            }
            assert!(trie.root.is_empty());
        });
    }
}
