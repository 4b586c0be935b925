//! The root key: what everything else is wrapped under, in the end.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use sekisho_types::{Random, Secret, SecretKey};

/// 256 bits that the operator keeps. It seals little: data keys and private keys, each under a random nonce.
#[derive(Clone, Debug)]
pub struct RootKey {
    key: SecretKey,
}

/// The bytes do not open: another root key, other additional data, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the root key does not open this")]
pub struct UnwrapError;

impl RootKey {
    /// Takes the key over.
    pub fn new(key: SecretKey) -> Self {
        Self { key }
    }

    /// The key itself, for whoever wraps it.
    pub fn secret(&self) -> &SecretKey {
        &self.key
    }

    /// A key for one purpose alone (RFC 5869, with the label as info).
    pub fn derive(&self, label: &str) -> SecretKey {
        let pseudorandom = Salt::new(HKDF_SHA256, b"sekisho root key").extract(self.key.expose());
        let mut out = [0; 32];
        let info = [label.as_bytes()];
        let expanded = pseudorandom.expand(&info, HKDF_SHA256).and_then(|okm| okm.fill(&mut out));
        expanded.expect("HKDF-SHA256 gives 32 bytes");
        SecretKey::new(out)
    }

    /// Seals a data key; `aad` says what for, and must be said again to open it.
    pub fn wrap(&self, aad: &[u8], key: &SecretKey, random: &mut dyn Random) -> Vec<u8> {
        self.seal(aad, key.expose(), random)
    }

    /// Opens a data key.
    ///
    /// # Errors
    /// [`UnwrapError`], without saying which of its causes it was.
    pub fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<SecretKey, UnwrapError> {
        let opened = self.open(aad, wrapped)?;
        let key: [u8; 32] = opened.expose().try_into().map_err(|_| UnwrapError)?;
        Ok(SecretKey::new(key))
    }

    /// Seals any secret (a private key in DER): `nonce (12 B) ‖ ciphertext ‖ tag (16 B)`.
    pub fn seal(&self, aad: &[u8], secret: &[u8], random: &mut dyn Random) -> Vec<u8> {
        seal(&self.key, aad, secret, random)
    }

    /// Opens what [`RootKey::seal`] made.
    ///
    /// # Errors
    /// [`UnwrapError`].
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret, UnwrapError> {
        open(&self.key, aad, sealed)
    }
}

/// `nonce ‖ ciphertext ‖ tag` under `key`, the nonce random: for keys that seal far fewer than 2³² times.
pub(crate) fn seal(key: &SecretKey, aad: &[u8], plaintext: &[u8], random: &mut dyn Random) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed[NONCE_LEN..])
        .expect("far below AES-GCM's limit");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

pub(crate) fn open(key: &SecretKey, aad: &[u8], sealed: &[u8]) -> Result<Secret, UnwrapError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(UnwrapError)?;
    let mut buffer = ciphertext.to_vec();
    let opened = cipher(key).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer);
    let length = opened.map_err(|_| UnwrapError)?.len();
    buffer.truncate(length);
    Ok(Secret::new(buffer))
}

fn cipher(key: &SecretKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("a SecretKey has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> impl FnMut(&mut [u8]) {
        let mut next = 0u8;
        move |out: &mut [u8]| {
            out.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
        }
    }

    #[test]
    fn what_is_wrapped_opens_with_the_same_key_and_purpose_only() {
        let (root, other) = (RootKey::new(SecretKey::new([1; 32])), RootKey::new(SecretKey::new([2; 32])));
        let key = SecretKey::new([9; 32]);
        let wrapped = root.wrap(b"purpose", &key, &mut counter());
        assert_eq!(root.unwrap(b"purpose", &wrapped), Ok(key));
        assert_eq!(root.unwrap(b"another", &wrapped), Err(UnwrapError));
        assert_eq!(other.unwrap(b"purpose", &wrapped), Err(UnwrapError));
        for at in 0..wrapped.len() {
            let mut flipped = wrapped.clone();
            flipped[at] ^= 1;
            assert_eq!(root.unwrap(b"purpose", &flipped), Err(UnwrapError), "byte {at}");
        }
        assert_eq!(root.unwrap(b"purpose", b"short"), Err(UnwrapError));
    }

    #[test]
    fn each_label_has_a_key_of_its_own() {
        let root = RootKey::new(SecretKey::new([1; 32]));
        assert_eq!(root.derive("a"), root.derive("a"));
        assert_ne!(root.derive("a"), root.derive("b"));
    }
}
