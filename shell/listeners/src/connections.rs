//! Room for device connections: how many may be open at once on all device ports together.
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Device connections open at once, however many file descriptors there are. And then: no more are accepted until one ends; the
/// kernel's backlog holds those who wait. Whoever is not let in leaves by the deadlines of handshake, CONNECT and request.
pub const CONNECTIONS_MAX: usize = 1_000_000;

/// File descriptors that devices leave to API (4,096 connections), admin port, journal and object bodies. And then, where the
/// process may open less than twice as many: devices take half.
const DESCRIPTORS_KEPT: usize = 6 * 1024;

/// Device ports; each keeps a place for the next who comes.
const PORTS: usize = 4;

/// Places for device connections, shared by the ports.
#[derive(Clone, Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    most: usize,
}

impl Connections {
    /// As many as a process that may open `descriptors` files can hold beside everything else it does.
    pub fn within(descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
        let most = (descriptors - kept).clamp(PORTS, CONNECTIONS_MAX);
        Self { places: Arc::new(Semaphore::new(most)), most }
    }

    /// How many there may be at once.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// A place, if there is one now; it is free again when the answer is dropped.
    pub(crate) fn place_now(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Waits for a place; it is free again when the answer is dropped.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        if self.places.available_permits() == 0 {
            tracing::warn!(most = self.most, "no room for another device connection");
        }
        self.places.clone().acquire_owned().await.expect("the semaphore is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_leave_descriptors_to_the_rest() {
        #[rustfmt::skip] // descriptors  connections
        const WITHIN: &[(u64, usize)] = &[
            (0,                          4),
            (300,                      150),
            (1_024,                    512),
            (12_288,                 6_144),
            (120_000,              113_856), // a fleet of 100,000
            (1_048_576,          1_000_000),
            (u64::MAX,           1_000_000),
        ];
        for (descriptors, connections) in WITHIN {
            assert_eq!(Connections::within(*descriptors).most(), *connections, "{descriptors} descriptors");
        }
    }
}
