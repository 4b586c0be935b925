//! What one holds in memory, weighed together with what all others hold.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of all.
#[derive(Clone, Debug, Default)]
pub struct Total(Arc<AtomicUsize>);

impl Total {
    /// How many there are.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, of so many bytes.
    pub fn weigh(&self, bytes: usize) -> Weight {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Weight { total: self.clone(), bytes }
    }
}

/// Bytes of one: part of the total until it is dropped.
#[derive(Debug)]
pub struct Weight {
    total: Total,
    bytes: usize,
}

impl Weight {
    /// How many it has.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those of all, this one's among them.
    pub fn total(&self) -> usize {
        self.total.bytes()
    }

    /// It has so many now.
    pub fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.total.0.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else if bytes < self.bytes {
            self.total.0.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_is_part_of_the_total_until_it_is_dropped() {
        let total = Total::default();
        let (mut one, other) = (total.weigh(3), total.weigh(4));
        assert_eq!((total.bytes(), one.total()), (7, 7));
        one.set(10);
        assert_eq!((one.bytes(), total.bytes()), (10, 14));
        one.set(1);
        assert_eq!((one.bytes(), total.bytes()), (1, 5));
        drop(other);
        assert_eq!(total.bytes(), 1);
        drop(one);
        assert_eq!(total.bytes(), 0);
    }
}
