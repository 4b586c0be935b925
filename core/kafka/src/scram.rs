//! SASL SCRAM (RFC 5802, RFC 7677), without channel binding: the password is never sent, and the broker shows that it knows it too.
use std::num::NonZeroU32;

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::hmac::{self, Key, sign};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use crate::error::KafkaError;
use crate::properties::Mechanism;

/// Iterations that are taken: RFC 7677 §4 wants 4,096 at least, and a broker is not to keep us busy for minutes.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// One conversation.
pub struct Scram {
    algorithms: Algorithms,
    password: String,
    nonce: String,
    first_bare: String,
}

#[derive(Clone, Copy)]
struct Algorithms {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

/// What the last message of a broker has to be.
pub struct Expected(Vec<u8>);

impl Scram {
    /// With a nonce that was never used before.
    pub fn new(mechanism: Mechanism, username: &str, password: &str, nonce: [u8; 24]) -> Option<Self> {
        let algorithms = match mechanism {
            Mechanism::Plain => return None,
            Mechanism::ScramSha256 => {
                Algorithms { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 }
            }
            Mechanism::ScramSha512 => {
                Algorithms { digest: &digest::SHA512, hmac: hmac::HMAC_SHA512, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512 }
            }
        };
        Some(Self::with_nonce(algorithms, username, password, BASE64_STANDARD.encode(nonce)))
    }

    fn with_nonce(algorithms: Algorithms, username: &str, password: &str, nonce: String) -> Self {
        let username = username.replace('=', "=3D").replace(',', "=2C");
        Self { algorithms, password: password.to_owned(), first_bare: format!("n={username},r={nonce}"), nonce }
    }

    /// `client-first-message`
    pub fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// `client-final-message`, to `server-first-message`.
    ///
    /// # Errors
    /// [`KafkaError::Sasl`] for what is none, or weaker than it may be.
    pub fn last(&self, server_first: &[u8]) -> Result<(String, Expected), KafkaError> {
        let refused = |what: &str| KafkaError::Sasl(format!("the broker's first message: {what}"));
        let server_first = std::str::from_utf8(server_first).map_err(|_| refused("is not text"))?;
        let part = |name: &str| server_first.split(',').find_map(|part| part.strip_prefix(name));
        let nonce = part("r=").filter(|nonce| nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len());
        let nonce = nonce.ok_or_else(|| refused("has no nonce of its own"))?;
        let salt =
            part("s=").and_then(|salt| BASE64_STANDARD.decode(salt).ok()).ok_or_else(|| refused("has no salt"))?;
        let iterations = part("i=").and_then(|count| count.parse().ok()).filter(|count| ITERATIONS.contains(count));
        let iterations =
            iterations.and_then(NonZeroU32::new).ok_or_else(|| refused("has no number of iterations from 4096 on"))?;

        let mut salted = vec![0; self.algorithms.digest.output_len()];
        pbkdf2::derive(self.algorithms.pbkdf2, iterations, &salt, self.password.as_bytes(), &mut salted);
        let hmac = |key: &[u8], text: &[u8]| sign(&Key::new(self.algorithms.hmac, key), text);
        let client_key = hmac(&salted, b"Client Key");
        let stored_key = digest(self.algorithms.digest, client_key.as_ref());
        let without_proof = format!("c=biws,r={nonce}");
        let said = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = hmac(stored_key.as_ref(), said.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = hmac(&salted, b"Server Key");
        let expected = hmac(server_key.as_ref(), said.as_bytes()).as_ref().to_vec();
        Ok((format!("{without_proof},p={}", BASE64_STANDARD.encode(proof)), Expected(expected)))
    }
}

impl Expected {
    /// Whether `server-final-message` shows that the broker knows the password.
    ///
    /// # Errors
    /// [`KafkaError::Sasl`]
    pub fn check(&self, server_last: &[u8]) -> Result<(), KafkaError> {
        let said = std::str::from_utf8(server_last).unwrap_or_default();
        let part = |name: &str| said.split(',').find_map(|part| part.strip_prefix(name));
        if let Some(error) = part("e=") {
            return Err(KafkaError::Sasl(error.to_owned()));
        }
        match part("v=").and_then(|value| BASE64_STANDARD.decode(value).ok()) {
            Some(value) if bool::from(value.ct_eq(&self.0)) => Ok(()),
            _ => Err(KafkaError::Sasl("the broker does not know the password".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: Algorithms =
        Algorithms { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 };

    fn scram() -> Scram {
        Scram::with_nonce(SHA256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO".into())
    }

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example_of_the_rfc() {
        let scram = scram();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server_first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (last, expected) = scram.last(server_first).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        expected.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(expected.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err());
        assert_eq!(expected.check(b"e=other-error"), Err(KafkaError::Sasl("other-error".into())));
    }

    #[test]
    fn who_is_no_broker_or_a_weak_one() {
        #[rustfmt::skip] // what it says first                                          what is wrong
        let table: &[(&[u8], &str)] = &[
            (b"\xff",                                                                   "is not text"),
            (b"",                                                                       "has no nonce of its own"),
            (b"r=another,s=W22Z,i=4096",                                                "has no nonce of its own"),
            (b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",                                   "has no nonce of its own"),
            (b"r=rOprNGfwEbeRWgbNEkqOx,s=*,i=4096",                                     "has no salt"),
            (b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1",                                     "has no number of iterations"),
            (b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4294967295",                            "has no number of iterations"),
        ];
        for (said, wrong) in table {
            let error = scram().last(said).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
        let names = Scram::with_nonce(SHA256, "a,b=c", "", "r".into());
        assert_eq!(names.first(), "n,,n=a=2Cb=3Dc,r=r");
        assert!(Scram::new(Mechanism::Plain, "u", "p", [0; 24]).is_none());
    }
}
