//! A many-to-many index, both ways, with a kind on each link.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// Links from `A`s to `B`s. Each side finds the other in one look-up.
#[derive(Clone, Debug)]
pub(crate) struct Links<A, B, K> {
    forward: HashMap<A, BTreeMap<B, K>>,
    backward: HashMap<B, BTreeSet<A>>,
}

impl<A, B, K> Default for Links<A, B, K> {
    fn default() -> Self {
        Self { forward: HashMap::new(), backward: HashMap::new() }
    }
}

impl<A: Clone + Ord + Hash, B: Clone + Ord + Hash, K: Copy> Links<A, B, K> {
    pub(crate) fn attach(&mut self, a: &A, b: &B, kind: K) {
        self.forward.entry(a.clone()).or_default().insert(b.clone(), kind);
        self.backward.entry(b.clone()).or_default().insert(a.clone());
    }

    pub(crate) fn detach(&mut self, a: &A, b: &B) {
        if let Some(links) = self.forward.get_mut(a) {
            links.remove(b);
            if links.is_empty() {
                self.forward.remove(a);
            }
        }
        if let Some(links) = self.backward.get_mut(b) {
            links.remove(a);
            if links.is_empty() {
                self.backward.remove(b);
            }
        }
    }

    /// Forgets `a` and every link it has.
    pub(crate) fn remove(&mut self, a: &A) {
        for b in self.forward.get(a).map(|links| links.keys().cloned().collect::<Vec<_>>()).unwrap_or_default() {
            self.detach(a, &b);
        }
    }

    /// Forgets every link to `b`.
    pub(crate) fn remove_to(&mut self, b: &B) {
        for a in self.backward.get(b).map(|links| links.iter().cloned().collect::<Vec<_>>()).unwrap_or_default() {
            self.detach(&a, b);
        }
    }

    pub(crate) fn kind(&self, a: &A, b: &B) -> Option<K> {
        self.forward.get(a)?.get(b).copied()
    }

    /// What `a` links to, ascending.
    pub(crate) fn of(&self, a: &A) -> impl Iterator<Item = (&B, K)> {
        self.forward.get(a).into_iter().flatten().map(|(b, kind)| (b, *kind))
    }

    /// How many links `a` has.
    pub(crate) fn count(&self, a: &A) -> usize {
        self.forward.get(a).map_or(0, BTreeMap::len)
    }

    /// What links to `b`, ascending.
    pub(crate) fn to(&self, b: &B) -> impl Iterator<Item = &A> {
        self.backward.get(b).into_iter().flatten()
    }

    pub(crate) fn is_linked_to(&self, b: &B) -> bool {
        self.backward.contains_key(b)
    }
}

#[cfg(test)]
mod tests {
    use super::Links;

    #[test]
    fn both_sides_agree_and_nothing_empty_is_kept() {
        let mut links: Links<u8, char, bool> = Links::default();
        links.attach(&1, &'a', true);
        links.attach(&1, &'b', false);
        links.attach(&2, &'a', false);
        links.attach(&2, &'a', true); // the kind of a link can change
        assert_eq!(links.of(&1).collect::<Vec<_>>(), [(&'a', true), (&'b', false)]);
        assert_eq!(links.to(&'a').collect::<Vec<_>>(), [&1, &2]);
        assert_eq!((links.kind(&2, &'a'), links.kind(&2, &'b')), (Some(true), None));
        links.detach(&2, &'a');
        links.detach(&2, &'a');
        assert_eq!((links.count(&1), links.count(&2)), (2, 0));
        links.attach(&2, &'b', false);
        links.remove_to(&'b');
        assert_eq!((links.count(&1), links.count(&2)), (1, 0));
        links.remove(&1);
        assert!(!links.is_linked_to(&'a') && !links.is_linked_to(&'b'));
        assert!(links.forward.is_empty() && links.backward.is_empty());
    }
}
