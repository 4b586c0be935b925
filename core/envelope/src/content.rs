//! Content ciphers: what an object's body is encrypted with, under its data key.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Salt};
use aws_lc_rs::iv::FixedLength;
use sekisho_types::SecretKey;
use zeroize::Zeroize;

/// Bytes of a message id, and of a key commitment: 224 bits.
pub(crate) const COMMITTED_BYTES: usize = 28;
/// The suite's number, big-endian: additional data of 0x0073, and the beginning of what its keys are derived for.
const SUITE_0073: &[u8] = b"\x00\x73";
/// The one nonce of 0x0073. Safe because its key is derived with a random message id, and encrypts one body.
const NONCE_0073: [u8; NONCE_LEN] = [1; NONCE_LEN];
/// Bytes of a GCM tag, which follows the ciphertext.
const TAG_BYTES: usize = 16;

/// A content cipher with what it needs besides the data key. Named as in the S3 Encryption Client's specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// 0x0070, ALG_AES_256_CBC_IV16_NO_KDF. Legacy: whoever can change the body can change the plaintext.
    Cbc {
        /// Initialization vector.
        iv: [u8; 16],
    },
    /// 0x0072, ALG_AES_256_GCM_IV12_TAG16_NO_KDF.
    Gcm {
        /// Initialization vector.
        iv: [u8; NONCE_LEN],
    },
    /// 0x0073, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY: a body opens under one data key, not under two.
    CommittedGcm {
        /// Salt of the derivation.
        message_id: [u8; COMMITTED_BYTES],
        /// What the data key and the message id derive to.
        commitment: [u8; COMMITTED_BYTES],
    },
}

/// Why a body did not open. Whoever reads it learns which, since both mean that it was changed; CBC has one answer to
/// everything, so that nobody can ask about its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentError {
    /// The data key is not the one it was encrypted under.
    Commitment,
    /// Changed bytes, or another key.
    Body,
}

impl Content {
    /// What envelopes, encryption contexts and wrapped keys call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cbc { .. } => "AES/CBC/PKCS5Padding",
            Self::Gcm { .. } => "AES/GCM/NoPadding",
            Self::CommittedGcm { .. } => "115",
        }
    }

    /// Whether it authenticates nothing, and is read only where that is asked for.
    pub const fn is_legacy(&self) -> bool {
        matches!(self, Self::Cbc { .. })
    }

    /// Decrypts `body`. The key commitment is compared before, the tag verified before a byte is handed on.
    pub(crate) fn open(&self, data_key: &SecretKey, mut body: Vec<u8>) -> Result<Vec<u8>, ContentError> {
        let opened = match self {
            Self::Cbc { iv } => open_cbc(data_key, iv, &mut body),
            Self::Gcm { iv } => open_gcm(data_key, *iv, &[], &mut body),
            Self::CommittedGcm { message_id, commitment } => {
                let derived = Derived::from(data_key, message_id);
                verify_slices_are_equal(&derived.commitment, commitment).map_err(|_| ContentError::Commitment)?;
                open_gcm(&derived.key, NONCE_0073, SUITE_0073, &mut body)
            }
        };
        match opened {
            Ok(length) => {
                body.truncate(length);
                Ok(body)
            }
            // What is in the buffer now may be plaintext that nobody vouches for.
            Err(error) => {
                body.zeroize();
                Err(error)
            }
        }
    }

    /// Encrypts `plaintext` with 0x0073. `message_id` must be fresh and random: it is what makes nonce and key meet once.
    pub(crate) fn seal(
        data_key: &SecretKey,
        message_id: [u8; COMMITTED_BYTES],
        mut plaintext: Vec<u8>,
    ) -> (Self, Vec<u8>) {
        let Derived { key, commitment } = Derived::from(data_key, &message_id);
        let (nonce, aad) = (Nonce::assume_unique_for_key(NONCE_0073), Aad::from(SUITE_0073));
        gcm(&key)
            .seal_in_place_append_tag(nonce, aad, &mut plaintext)
            .expect("BODY_BYTES_MAX is below AES-GCM's limit");
        (Self::CommittedGcm { message_id, commitment }, plaintext)
    }
}

/// What 0x0073 derives from a data key.
struct Derived {
    key: SecretKey,
    commitment: [u8; COMMITTED_BYTES],
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl Derived {
    /// HKDF (RFC 5869) with SHA-512: extract with the message id as salt, expand for each use.
    fn from(data_key: &SecretKey, message_id: &[u8; COMMITTED_BYTES]) -> Self {
        let pseudorandom = Salt::new(HKDF_SHA512, message_id).extract(data_key.expose());
        let expand = |label: &[u8], out: &mut [u8]| {
            let info = [SUITE_0073, label];
            let expanded = pseudorandom.expand(&info, Bytes(out.len())).and_then(|okm| okm.fill(out));
            expanded.expect("HKDF-SHA512 gives far more than 32 bytes");
        };
        let (mut key, mut commitment) = ([0; 32], [0; COMMITTED_BYTES]);
        expand(b"DERIVEKEY", &mut key);
        expand(b"COMMITKEY", &mut commitment);
        Self { key: SecretKey::new(key), commitment }
    }
}

fn open_gcm(key: &SecretKey, nonce: [u8; NONCE_LEN], aad: &[u8], body: &mut [u8]) -> Result<usize, ContentError> {
    if body.len() < TAG_BYTES {
        return Err(ContentError::Body);
    }
    let opened = gcm(key).open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), body);
    opened.map(|plaintext| plaintext.len()).map_err(|_| ContentError::Body)
}

fn open_cbc(key: &SecretKey, iv: &[u8; 16], body: &mut [u8]) -> Result<usize, ContentError> {
    let key = UnboundCipherKey::new(&AES_256, key.expose()).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let opened = key.and_then(|key| key.decrypt(body, context).map(|plaintext| plaintext.len()));
    opened.map_err(|_| ContentError::Body)
}

pub(crate) fn gcm(key: &SecretKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("a SecretKey has 32 bytes"))
}
