//! Message authentication codes: HMAC (RFC 2104) under a key's secret.
use aws_lc_rs::hmac::{self, HMAC_SHA224, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use sekisho_types::Secret;

use crate::MacAlgorithm;

fn key(algorithm: MacAlgorithm, secret: &Secret) -> hmac::Key {
    let algorithm = match algorithm {
        MacAlgorithm::HmacSha224 => HMAC_SHA224,
        MacAlgorithm::HmacSha256 => HMAC_SHA256,
        MacAlgorithm::HmacSha384 => HMAC_SHA384,
        MacAlgorithm::HmacSha512 => HMAC_SHA512,
    };
    hmac::Key::new(algorithm, secret.expose())
}

/// The code of `message`.
pub(crate) fn generate(algorithm: MacAlgorithm, secret: &Secret, message: &[u8]) -> Vec<u8> {
    hmac::sign(&key(algorithm, secret), message).as_ref().to_vec()
}

/// Whether `mac` is the code of `message`, all of it; takes as long whatever differs.
pub(crate) fn verify(algorithm: MacAlgorithm, secret: &Secret, message: &[u8], mac: &[u8]) -> bool {
    hmac::verify(&key(algorithm, secret), message, mac).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3, key `Jefe`.
    #[test]
    fn the_rfcs_codes() {
        let secret = Secret::new(b"Jefe".to_vec());
        #[rustfmt::skip] // RFC 4231 §4.3
        let table = [
            (MacAlgorithm::HmacSha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (MacAlgorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (MacAlgorithm::HmacSha384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"),
            (MacAlgorithm::HmacSha512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
        ];
        for (algorithm, expected) in table {
            let mac = generate(algorithm, &secret, b"what do ya want for nothing?");
            assert_eq!(crate::crypto::hex(&mac), expected, "{algorithm}");
            assert!(verify(algorithm, &secret, b"what do ya want for nothing?", &mac));
            assert!(!verify(algorithm, &secret, b"what do ya want for nothing?", &mac[1..]), "a part is not the whole");
            assert!(!verify(algorithm, &secret, b"what do ya want for nothing!", &mac));
        }
    }
}
