//! What the account has one of: the CAs we sign with, and the endpoint's prefix.
use sekisho_types::Random;
use serde::{Deserialize, Serialize};

use crate::{Event, Registry};

/// How many characters the first label of an endpoint has.
const ENDPOINT_PREFIX_CHARS: usize = 14;

/// A CA of our own. Whoever made the private key sealed it; here it is text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaRecord {
    /// Its certificate.
    pub certificate_pem: String,
    /// Its private key, sealed, in base64.
    pub sealed_private_key: String,
}

impl Registry {
    /// The CA that signs device certificates, once there is one.
    pub fn issuing_ca(&self) -> Option<&CaRecord> {
        self.issuing_ca.as_ref()
    }

    /// The CA that signs the server's certificate, once there is one.
    pub fn server_ca(&self) -> Option<&CaRecord> {
        self.server_ca.as_ref()
    }

    /// The key an intermediate of a customer's was asked for with, until its certificate is installed.
    pub fn pending_ca_key(&self) -> Option<&str> {
        self.pending_ca_key.as_deref()
    }

    /// Keeps a key for the intermediate whose certificate is going to be installed.
    pub fn set_pending_ca_key(&self, sealed_private_key: String) -> Vec<Event> {
        vec![Event::PendingCaKeySet { sealed_private_key }]
    }

    /// Keeps `ca` for signing device certificates.
    pub fn set_issuing_ca(&self, ca: CaRecord) -> Vec<Event> {
        vec![Event::IssuingCaSet { ca }]
    }

    /// Keeps `ca` for signing the server's certificate.
    pub fn set_server_ca(&self, ca: CaRecord) -> Vec<Event> {
        vec![Event::ServerCaSet { ca }]
    }

    /// The first label of the account's endpoint, if it was asked for before.
    pub fn endpoint_prefix(&self) -> Option<&str> {
        self.endpoint_prefix.as_deref()
    }

    /// The first label of the account's endpoint: `a` and 13 more of a-z and 0-9, drawn when it is first asked for.
    pub fn ensure_endpoint_prefix(&self, random: &mut dyn Random) -> (Vec<Event>, String) {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
        if let Some(prefix) = &self.endpoint_prefix {
            return (Vec::new(), prefix.clone());
        }
        let mut bytes = [0; ENDPOINT_PREFIX_CHARS - 1];
        random.fill(&mut bytes);
        let drawn = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        let prefix: String = std::iter::once('a').chain(drawn).collect();
        (vec![Event::EndpointPrefixSet { prefix: prefix.clone() }], prefix)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn the_endpoint_prefix_is_drawn_once() {
        let mut world = World::new();
        let prefix = world.run("endpoint");
        assert_eq!(prefix.len(), 14, "iot DescribeEndpoint: a and 13 more");
        assert!(prefix.starts_with('a') && prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!(world.run("endpoint"), prefix);
        assert_eq!(world.history.len(), 1);
    }
}
