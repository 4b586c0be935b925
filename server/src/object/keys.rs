//! Key files: an AES key, an RSA key.
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use sekisho_envelope::{RsaPrivateKey, RsaPublicKey};
use sekisho_types::{Secret, SecretKey};

/// A key of 256 bits: 32 bytes as they are, or their base64 on one line.
pub fn aes(path: &Path) -> Result<SecretKey> {
    let bytes = read(path)?;
    match aes_key(bytes.expose()) {
        Some(key) => Ok(key),
        None => bail!("`{}` is no AES key: 32 bytes, or their base64, were expected", path.display()),
    }
}

fn aes_key(bytes: &[u8]) -> Option<SecretKey> {
    if let Ok(key) = bytes.try_into() {
        return Some(SecretKey::new(key));
    }
    let decoded = Secret::new(STANDARD.decode(bytes.trim_ascii()).ok()?);
    Some(SecretKey::new(decoded.expose().try_into().ok()?))
}

/// A private key in PKCS #8 PEM.
pub fn rsa_private(path: &Path) -> Result<RsaPrivateKey> {
    let pem = read(path)?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose());
    let der = der.with_context(|| format!("`{}` holds no `BEGIN PRIVATE KEY`", path.display()))?;
    let key = RsaPrivateKey::from_pkcs8(der.secret_pkcs8_der());
    key.with_context(|| format!("cannot use `{}`", path.display()))
}

/// A public key in PEM, or the public half of a private one.
pub fn rsa_public(path: &Path) -> Result<RsaPublicKey> {
    let pem = read(path)?;
    match SubjectPublicKeyInfoDer::from_pem_slice(pem.expose()) {
        Ok(der) => RsaPublicKey::from_spki(&der).with_context(|| format!("cannot use `{}`", path.display())),
        Err(_) => Ok(rsa_private(path)
            .with_context(|| format!("`{}` holds no `BEGIN PUBLIC KEY`", path.display()))?
            .public_key()),
    }
}

fn read(path: &Path) -> Result<Secret> {
    Ok(Secret::new(std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aes_key_has_32_bytes_plain_or_in_base64() {
        let base64 = STANDARD.encode([7; 32]);
        for good in [&[7; 32][..], base64.as_bytes(), format!("{base64}\n").as_bytes()] {
            assert_eq!(aes_key(good).map(|key| *key.expose()), Some([7; 32]));
        }
        for bad in [&[7; 31][..], b"", STANDARD.encode([7; 16]).as_bytes(), b"not base64"] {
            assert!(aes_key(bad).is_none());
        }
    }
}
