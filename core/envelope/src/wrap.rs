//! How a data key is wrapped, and what it takes to unwrap it.
use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use sekisho_types::{Random, Secret, SecretKey};
use zeroize::Zeroizing;

use crate::content::gcm;
use crate::{Pairs, RsaPrivateKey, RsaPublicKey};

/// KMS: a context's pair that says which content cipher the data key is for.
pub(crate) const CONTEXT_CIPHER: &str = "aws:x-amz-cek-alg";
/// KMS: a pair that [`Wrap::Kms`] keeps the key's id in.
const CONTEXT_KEY_ID: &str = "kms_cmk_id";
/// Pairs of a context that are the client's, not the caller's.
pub(crate) const RESERVED: [&str; 2] = [CONTEXT_CIPHER, CONTEXT_KEY_ID];

/// How a data key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// KMS, with the caller's encryption context and the content cipher's name.
    KmsContext,
    /// AES-256-GCM under a key of the reader's.
    AesGcm,
    /// RSA-OAEP with SHA-1 under a key of the reader's. (OAEP asks of its hash nothing that SHA-1 has lost.)
    RsaOaepSha1,
    /// Legacy: KMS, with the key's id as context.
    Kms,
    /// Legacy: AES key wrap (RFC 3394).
    AesWrap,
    /// Legacy: RSA-OAEP with SHA-256, its MGF1 too.
    RsaOaepSha256,
    /// Legacy, V1 alone: AES-256-ECB with PKCS #7 padding.
    Aes,
    /// Legacy, V1 alone: RSA with PKCS #1 v1.5 padding.
    Rsa,
}

/// Whose key opens a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Kms,
    AesKey,
    RsaKey,
}

#[rustfmt::skip] //          wrap                 V1 and V2                                  V3          legacy
const WRAPS: &[(Wrap, &str, Option<&str>, bool)] = &[
    (Wrap::KmsContext,     "kms+context",                                Some("12"), false),
    (Wrap::AesGcm,         "AES/GCM",                                    Some("02"), false),
    (Wrap::RsaOaepSha1,    "RSA-OAEP-SHA1",                              Some("22"), false),
    (Wrap::Kms,            "kms",                                        None,       true),
    (Wrap::AesWrap,        "AESWrap",                                    None,       true),
    (Wrap::RsaOaepSha256,  "RSA/ECB/OAEPWithSHA-256AndMGF1Padding",      None,       true),
    (Wrap::Aes,            "AES",                                        None,       true),
    (Wrap::Rsa,            "RSA",                                        None,       true),
];

impl Wrap {
    fn row(self) -> &'static (Self, &'static str, Option<&'static str>, bool) {
        WRAPS.iter().find(|row| row.0 == self).expect("each wrap has a row")
    }

    /// As V1 and V2 name it.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// As V3 names it, which knows three.
    pub(crate) fn code(self) -> Option<&'static str> {
        self.row().2
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        WRAPS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        WRAPS.iter().find(|row| row.2 == Some(code)).map(|row| row.0)
    }

    /// Whether it says nothing of the content cipher, and is read only where that is asked for.
    pub fn is_legacy(self) -> bool {
        self.row().3
    }

    pub(crate) const fn holder(self) -> Holder {
        match self {
            Self::KmsContext | Self::Kms => Holder::Kms,
            Self::AesGcm | Self::AesWrap | Self::Aes => Holder::AesKey,
            Self::RsaOaepSha1 | Self::RsaOaepSha256 | Self::Rsa => Holder::RsaKey,
        }
    }
}

/// A data key as it travels with what it encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedDataKey {
    /// How it is wrapped.
    pub wrap: Wrap,
    /// The wrapped key: of KMS a ciphertext blob.
    pub bytes: Vec<u8>,
    /// With KMS the whole encryption context, the client's own pairs included; else what its writer says of the wrapping
    /// key, which nothing vouches for.
    pub description: Pairs,
}

impl EncryptedDataKey {
    /// What the caller's encryption context must have been: the whole one without the client's own pairs.
    pub(crate) fn callers_context(&self) -> Pairs {
        let callers = self.description.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        callers.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Unwraps it with an AES key, for the content cipher named `cipher`. `None` for any reason it does not unwrap.
    pub(crate) fn unwrap_aes(&self, key: &SecretKey, cipher: &str) -> Option<SecretKey> {
        match self.wrap {
            Wrap::AesGcm => {
                let (nonce, sealed) = self.bytes.split_first_chunk::<NONCE_LEN>()?;
                let mut buffer = Zeroizing::new(sealed.to_vec());
                let nonce = Nonce::assume_unique_for_key(*nonce);
                data_key(gcm(key).open_in_place(nonce, Aad::from(cipher.as_bytes()), &mut buffer).ok()?)
            }
            Wrap::AesWrap => {
                let mut buffer = Zeroizing::new(vec![0; self.bytes.len()]);
                let key = AesKek::new(&key_wrap::AES_256, key.expose()).ok()?;
                data_key(key.unwrap(&self.bytes, &mut buffer).ok()?)
            }
            Wrap::Aes => {
                let mut buffer = Zeroizing::new(self.bytes.clone());
                let key = UnboundCipherKey::new(&AES_256, key.expose()).and_then(PaddedBlockDecryptingKey::ecb_pkcs7);
                data_key(key.ok()?.decrypt(&mut buffer, DecryptionContext::None).ok()?)
            }
            Wrap::KmsContext | Wrap::Kms | Wrap::RsaOaepSha1 | Wrap::RsaOaepSha256 | Wrap::Rsa => None,
        }
    }

    /// Unwraps it with an RSA key, for the content cipher named `cipher`. `None` for any reason it does not unwrap.
    pub(crate) fn unwrap_rsa(&self, key: &RsaPrivateKey, cipher: &str) -> Option<SecretKey> {
        match self.wrap {
            Wrap::RsaOaepSha1 => data_key_for(key.oaep_sha1(&self.bytes)?.expose(), cipher),
            Wrap::RsaOaepSha256 => data_key(key.oaep_sha256(&self.bytes)?.expose()),
            Wrap::Rsa => data_key(key.pkcs1(&self.bytes)?.expose()),
            Wrap::KmsContext | Wrap::Kms | Wrap::AesGcm | Wrap::AesWrap | Wrap::Aes => None,
        }
    }

    /// Wraps `data_key` under an AES key, for the content cipher named `cipher`: `nonce (12 B) ‖ ciphertext ‖ tag (16 B)`.
    /// Nonces are random, so a wrapping key wraps far fewer than 2³² data keys (NIST SP 800-38D §8.3).
    pub(crate) fn wrap_aes(key: &SecretKey, data_key: &SecretKey, cipher: &str, random: &mut dyn Random) -> Self {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = *data_key.expose();
        let (once, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(cipher.as_bytes()));
        let tag = gcm(key).seal_in_place_separate_tag(once, aad, &mut sealed).expect("32 bytes");
        let bytes = [nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat();
        Self { wrap: Wrap::AesGcm, bytes, description: Pairs::new() }
    }

    /// Wraps `data_key` under an RSA key, for the content cipher named `cipher`. `None` if the library fails.
    pub(crate) fn wrap_rsa(key: &RsaPublicKey, data_key: &SecretKey, cipher: &str) -> Option<Self> {
        let mut named = Zeroizing::new(vec![data_key.expose().len() as u8]);
        named.extend_from_slice(data_key.expose());
        named.extend_from_slice(cipher.as_bytes());
        let bytes = key.oaep_sha1(&named)?;
        Some(Self { wrap: Wrap::RsaOaepSha1, bytes, description: Pairs::new() })
    }
}

/// `length (1 B) ‖ data key ‖ cipher's name`, as RSA-OAEP-SHA1 wraps it.
fn data_key_for(named: &[u8], cipher: &str) -> Option<SecretKey> {
    let (length, rest) = named.split_first()?;
    let (key, name) = rest.split_at_checked(usize::from(*length))?;
    if name == cipher.as_bytes() { data_key(key) } else { None }
}

/// Every content cipher here takes 256 bits.
pub(crate) fn data_key(bytes: &[u8]) -> Option<SecretKey> {
    Some(SecretKey::new(bytes.try_into().ok()?))
}

/// A data key as KMS gives it.
pub(crate) fn data_key_of(plaintext: &Secret) -> Option<SecretKey> {
    data_key(plaintext.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_are_read_as_they_are_named() {
        for (wrap, name, code, _) in WRAPS {
            assert_eq!(Wrap::from_name(name), Some(*wrap));
            assert_eq!(code.and_then(Wrap::from_code), code.map(|_| *wrap));
        }
        assert_eq!((Wrap::from_name("12"), Wrap::from_code("kms+context"), Wrap::from_code("32")), (None, None, None));
    }

    #[rustfmt::skip] // source                                       wrapped by RSA                                  opens for 115
    const NAMED: &[(&str, &[&[u8]], bool)] = &[
        ("length, key, cipher",                                    &[&[32], &[7; 32], b"115"],                     true),
        ("another cipher: a V2 key is no V3 key",                  &[&[32], &[7; 32], b"AES/GCM/NoPadding"],       false),
        ("no cipher",                                              &[&[32], &[7; 32]],                             false),
        ("a key of 128 bits",                                      &[&[16], &[7; 16], b"115"],                     false),
        ("a length beyond the end",                                &[&[255], &[7; 32], b"115"],                    false),
        ("nothing",                                                &[],                                            false),
    ];

    #[test]
    fn a_key_wrapped_with_its_ciphers_name_is_for_that_cipher() {
        for (source, parts, opens) in NAMED {
            assert_eq!(data_key_for(&parts.concat(), "115").is_some(), *opens, "{source}");
        }
    }
}
