//! RSA keys made ahead: one takes about a third of a second, too long for a thread that serves connections.
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use sekisho_identity::{Signer, SigningKey, SubjectPublicKeyInfo};
use sekisho_types::Secret;
use tokio::sync::{Mutex, mpsc};

/// Keys kept ready. And then: callers wait for the next to be made.
const READY_MAX: usize = 4;

/// A key of 2048 bits, as `CreateKeysAndCertificate` hands it out.
#[derive(Debug)]
pub struct RsaKey {
    /// PKCS#1 in PEM (`BEGIN RSA PRIVATE KEY`).
    pub private_pem: Secret,
    /// The public half.
    pub subject_public_key_info: SubjectPublicKeyInfo,
}

/// A small stock of keys, refilled by a thread of its own for as long as this exists.
#[derive(Clone)]
pub struct RsaKeys {
    ready: Arc<Mutex<mpsc::Receiver<Result<RsaKey, String>>>>,
}

impl RsaKeys {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(READY_MAX);
        let make = move || {
            // Ends when nobody can ask any more.
            while sender.blocking_send(generate()).is_ok() {}
        };
        std::thread::Builder::new().name("rsa-keys".to_owned()).spawn(make)?;
        Ok(Self { ready: Arc::new(Mutex::new(receiver)) })
    }

    /// None, ever: for tests that need no key.
    pub fn none() -> Self {
        Self { ready: Arc::new(Mutex::new(mpsc::channel(1).1)) }
    }

    /// A key nobody else has, at once or as soon as one is made.
    ///
    /// # Errors
    /// What kept it from being made.
    pub async fn take(&self) -> Result<RsaKey, String> {
        let made = self.ready.lock().await.recv().await;
        made.ok_or_else(|| "the thread that makes RSA keys has ended".to_owned())?
    }
}

fn generate() -> Result<RsaKey, String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| error.to_string())?;
    let pkcs8 = Secret::new(der.as_ref().to_vec());
    let key = SigningKey::from_pkcs8(&pkcs8).map_err(|error| error.to_string())?;
    let private_pem = SigningKey::private_key_pem(&pkcs8).map_err(|error| error.to_string())?;
    Ok(RsaKey { private_pem, subject_public_key_info: key.subject_public_key_info().clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_come_in_the_forms_aws_gives_them_and_none_twice() {
        let keys = RsaKeys::start().unwrap();
        let (one, two) = (keys.take().await.unwrap(), keys.take().await.unwrap());
        let public = one.subject_public_key_info.to_pem();
        assert_ne!(public, two.subject_public_key_info.to_pem());
        let private = String::from_utf8(one.private_pem.expose().to_vec()).unwrap();
        assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----\nMIIE"), "{private}");
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjAN") && public.ends_with("-----\n"), "{public}");
    }
}
