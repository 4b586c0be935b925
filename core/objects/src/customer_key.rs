//! A key the customer brings with each request (S3 user guide: "Using server-side encryption with customer-provided keys"). It is
//! kept nowhere; what is kept recognises it.
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sekisho_types::{Random, SecretKey};
use serde::{Deserialize, Serialize};

use crate::ObjectsError;

const LABEL: &[u8] = b"sekisho customer key";

/// The key of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerKey(SecretKey);

/// The three headers, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct CustomerKeyHeaders<'a> {
    /// `…-customer-algorithm`
    pub algorithm: Option<&'a str>,
    /// `…-customer-key`
    pub key: Option<&'a str>,
    /// `…-customer-key-MD5`
    pub md5: Option<&'a str>,
}

impl CustomerKeyHeaders<'_> {
    /// The key they carry; `None` if there are no such headers.
    ///
    /// # Errors
    /// [`ObjectsError::InvalidEncryptionAlgorithm`], [`ObjectsError::InvalidArgument`], [`ObjectsError::CustomerKeyWrong`] for a
    /// read without the MD5.
    pub fn key(&self, reads: bool) -> Result<Option<CustomerKey>, ObjectsError> {
        let refused = |message: &str| ObjectsError::InvalidArgument {
            message: message.into(),
            name: "x-amz-server-side-encryption",
            value: "null".into(),
        };
        if self.algorithm.is_none() && self.key.is_none() && self.md5.is_none() {
            return Ok(None);
        }
        let algorithm = self.algorithm.ok_or_else(|| {
            refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            )
        })?;
        if algorithm != "AES256" {
            return Err(ObjectsError::InvalidEncryptionAlgorithm(algorithm.into()));
        }
        let key = self.key.ok_or_else(|| {
            refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            )
        })?;
        let invalid = || refused("The secret key was invalid for the specified algorithm.");
        let decoded = STANDARD.decode(key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = CustomerKey(SecretKey::new(decoded.ok_or_else(invalid)?));
        match self.md5 {
            None if reads => Err(ObjectsError::CustomerKeyWrong),
            None => Err(invalid()),
            Some(md5) if md5 != key.md5() => {
                Err(refused("The calculated MD5 hash of the key did not match the hash that was provided."))
            }
            Some(_) => Ok(Some(key)),
        }
    }
}

impl CustomerKey {
    /// Takes the key over.
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// The key itself.
    pub fn secret(&self) -> &SecretKey {
        &self.0
    }

    /// Its MD5 in base64, as the headers carry it.
    pub fn md5(&self) -> String {
        STANDARD.encode(Md5::digest(self.0.expose()))
    }
}

/// Recognises a customer's key: HMAC-SHA-256 of a random salt under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKeyCheck {
    salt: Box<str>,
    tag: Box<str>,
}

impl CustomerKeyCheck {
    /// Recognises `key` from now on.
    pub fn new(key: &CustomerKey, random: &mut dyn Random) -> Self {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let tag = hmac::sign(&hmac_key(key), &salted(&salt));
        Self { salt: STANDARD.encode(salt).into(), tag: STANDARD.encode(tag).into() }
    }

    /// Whether it is that key. Takes as long whether it is or not.
    pub fn is_of(&self, key: &CustomerKey) -> bool {
        let (Ok(salt), Ok(tag)) = (STANDARD.decode(&*self.salt), STANDARD.decode(&*self.tag)) else { return false };
        hmac::verify(&hmac_key(key), &salted(&salt), &tag).is_ok()
    }
}

fn hmac_key(key: &CustomerKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.0.expose())
}

fn salted(salt: &[u8]) -> Vec<u8> {
    [LABEL, salt].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let key = CustomerKey::new(SecretKey::new([7; 32]));
        let (text, md5) = (STANDARD.encode([7; 32]), key.md5());
        let (text, md5, short) = (Some(text.as_str()), Some(md5.as_str()), STANDARD.encode([7; 16]));
        #[rustfmt::skip] // source                                          algorithm       key           MD5          put    read
        let table = [
            ("SSE-C: all three",                                            Some("AES256"), text,         md5,         "key", "key"),
            ("no SSE-C",                                                    None,           None,         None,        "none", "none"),
            ("recorded: no algorithm",                                      None,           text,         md5,         "a valid encryption algorithm.", "a valid encryption algorithm."),
            ("recorded: another algorithm",                                 Some("AES128"), text,         md5,         "Supported value: AES256.", "Supported value: AES256."),
            ("recorded: no key",                                            Some("AES256"), None,         None,        "an appropriate secret key.", "an appropriate secret key."),
            ("recorded: no MD5",                                            Some("AES256"), text,         None,        "invalid for the specified algorithm.", "the correct secret key."),
            ("recorded: not 32 bytes",                                      Some("AES256"), Some(&*short), md5,        "invalid for the specified algorithm.", "invalid for the specified algorithm."),
            ("recorded: another's MD5",                                     Some("AES256"), text,         Some("AAAA"), "the hash that was provided.", "the hash that was provided."),
        ];
        for (source, algorithm, key, md5, put, read) in table {
            for (reads, expected) in [(false, put), (true, read)] {
                let outcome = match (CustomerKeyHeaders { algorithm, key, md5 }).key(reads) {
                    Ok(None) => "none".to_owned(),
                    Ok(Some(_)) => "key".to_owned(),
                    Err(error) => error.to_string(),
                };
                assert!(outcome.ends_with(expected), "{source}: {outcome}");
            }
        }
    }

    #[test]
    fn a_key_is_recognised_and_no_other_is() {
        let key = |byte| CustomerKey::new(SecretKey::new([byte; 32]));
        let mut next = 0u8;
        let mut random = |out: &mut [u8]| {
            next += 1;
            out.fill(next);
        };
        let (one, again) = (CustomerKeyCheck::new(&key(1), &mut random), CustomerKeyCheck::new(&key(1), &mut random));
        assert_ne!(one, again, "nobody sees that two objects have the same key");
        assert!(one.is_of(&key(1)) && again.is_of(&key(1)) && !one.is_of(&key(2)));
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<CustomerKeyCheck>(&json).unwrap(), one);
    }
}
