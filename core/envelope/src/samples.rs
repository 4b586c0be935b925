//! Objects that others encrypted: `samples/make.py` writes them.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::{Secret, SecretKey};
use serde::Deserialize;

use crate::{Ask, Envelope, EnvelopeError, Found, OpenError, Opener, Pairs, RsaPrivateKey, Terms};

/// All of them, and the keys they open with.
#[derive(Deserialize)]
pub(crate) struct Samples {
    data_key: String,
    aes_key: String,
    rsa_key: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Sample {
    pub(crate) source: String,
    pub(crate) legacy: bool,
    pub(crate) context: Pairs,
    pub(crate) metadata: Pairs,
    body: String,
    plaintext: String,
}

impl Samples {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("samples/samples.json")).unwrap()
    }

    pub(crate) fn find(&self, source: &str) -> Sample {
        self.samples.iter().find(|sample| sample.source == source).expect("such a sample").clone()
    }

    /// What V3 samples with KMS begin with, context included.
    pub(crate) fn committed(&self) -> Sample {
        let committed = |sample: &&Sample| sample.source.contains("COMMIT_KEY") && sample.source.contains("plant");
        self.samples.iter().find(committed).expect("such a sample").clone()
    }

    pub(crate) fn aes_key(&self) -> SecretKey {
        SecretKey::new(bytes(&self.aes_key).try_into().unwrap())
    }

    pub(crate) fn rsa_key(&self) -> RsaPrivateKey {
        RsaPrivateKey::from_pkcs8(&bytes(&self.rsa_key)).unwrap()
    }

    /// What KMS answers.
    pub(crate) fn data_key(&self) -> Secret {
        Secret::new(bytes(&self.data_key))
    }

    /// Whoever has the key unwraps.
    pub(crate) fn answer<'a>(&self, ask: Ask<'a>) -> Result<Opener<'a>, OpenError> {
        match ask {
            // KMS opens a blob in the context it was made in, and in no other: the callers look at what is asked.
            Ask::Kms(kms) => kms.answered(&self.data_key()),
            Ask::AesKey(wrapped) => wrapped.unwrap(&self.aes_key()),
            Ask::RsaKey(wrapped) => wrapped.unwrap(&self.rsa_key()),
        }
    }
}

impl Sample {
    pub(crate) fn body(&self) -> Vec<u8> {
        bytes(&self.body)
    }

    pub(crate) fn plaintext(&self) -> Vec<u8> {
        bytes(&self.plaintext)
    }

    pub(crate) fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        match Envelope::find(self.metadata())? {
            Found::Envelope(envelope) => Ok(*envelope),
            found => panic!("{}: {found:?}", self.source),
        }
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { legacy: self.legacy, context: &self.context }
    }
}

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}
