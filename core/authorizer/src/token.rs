//! The token somebody brings, and who signed it: whoever has no token of the right issuer does not get as far as the function
//! (iot dev guide: config-custom-auth).
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_identity::{KeyType, SubjectPublicKeyInfo, decode_pem};

use crate::{BadBrought, Brought, SIGNATURE};

/// The shortest key a token may be signed with (iot dev guide: config-custom-auth, "Token signing public key").
pub const TOKEN_KEY_BITS_MIN: u32 = 2048;

/// Public keys in PEM, by the names they are given.
pub type TokenKeys = BTreeMap<String, String>;

/// Why a public key is none for tokens: the operator's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTokenKey {
    /// Not a PEM block `PUBLIC KEY` and nothing else.
    #[error("is not one public key in PEM")]
    NotPem,
    /// Another algorithm.
    #[error("is not an RSA key")]
    NotRsa,
    /// Too short.
    #[error("has {0} bits, fewer than {TOKEN_KEY_BITS_MIN}")]
    TooShort(u32),
}

/// Why a token is not one the function is asked about: the client's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// See there.
    #[error(transparent)]
    Brought(#[from] BadBrought),
    /// The authorizer wants one.
    #[error("there is no token: `{0}` is missing")]
    Missing(String),
    /// And its signature.
    #[error("the token is not signed: `{SIGNATURE}` is missing")]
    NotSigned,
    /// It cannot be a signature.
    #[error("the token's signature is not base64")]
    NotBase64,
    /// No key of the authorizer has made it.
    #[error("the token's signature was not made by a key of the authorizer")]
    Signature,
}

/// A token that may be shown to the function.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Option<String>,
    verified: bool,
}

/// Whether tokens can be signed with a key.
///
/// # Errors
/// [`BadTokenKey`].
pub fn check_token_key(pem: &str) -> Result<(), BadTokenKey> {
    parse(pem).map(drop)
}

fn parse(pem: &str) -> Result<SubjectPublicKeyInfo, BadTokenKey> {
    let blocks = decode_pem(&["PUBLIC KEY"], pem).ok_or(BadTokenKey::NotPem)?;
    let [der] = &blocks[..] else { return Err(BadTokenKey::NotPem) };
    let key = SubjectPublicKeyInfo::parse(der).ok_or(BadTokenKey::NotPem)?;
    match key.key_type() {
        KeyType::Rsa { bits } if bits < TOKEN_KEY_BITS_MIN => Err(BadTokenKey::TooShort(bits)),
        KeyType::Rsa { .. } => Ok(key),
        _ => Err(BadTokenKey::NotRsa),
    }
}

impl Brought {
    /// The token under `key_name`; its signature has been checked where `keys` says whose it has to be.
    ///
    /// # Errors
    /// [`BadToken`].
    pub fn token(&self, key_name: Option<&str>, keys: Option<&TokenKeys>) -> Result<Token, BadToken> {
        let text = key_name.map_or(Ok(None), |key_name| self.value(key_name))?;
        Token::check(text, self.value(SIGNATURE)?, key_name.unwrap_or_default(), keys)
    }
}

impl Token {
    /// A token and its signature as they were given; the signature is checked where `keys` says whose it has to be.
    ///
    /// # Errors
    /// [`BadToken`].
    pub fn check(
        text: Option<String>,
        signature: Option<String>,
        key_name: &str,
        keys: Option<&TokenKeys>,
    ) -> Result<Self, BadToken> {
        let Some(keys) = keys else { return Ok(Self { text, verified: false }) };
        let text = text.ok_or_else(|| BadToken::Missing(key_name.to_owned()))?;
        let signature = BASE64_STANDARD.decode(signature.ok_or(BadToken::NotSigned)?);
        let signature = signature.map_err(|_| BadToken::NotBase64)?;
        let mut keys = keys.values().filter_map(|pem| parse(pem).ok());
        match keys.any(|key| key.has_signed_rsa_sha256(text.as_bytes(), &signature)) {
            true => Ok(Self { text: Some(text), verified: true }),
            false => Err(BadToken::Signature),
        }
    }

    /// It, if there is one.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Whether a key of the authorizer has signed it.
    pub fn is_verified(&self) -> bool {
        self.verified
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    };
    use sekisho_identity::encode_pem;

    use super::*;
    use crate::MqttPart;

    fn pem(key: &KeyPair) -> String {
        let public: &PublicKey = key.public_key();
        encode_pem("PUBLIC KEY", AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(public).unwrap().as_ref())
    }

    fn sign(key: &KeyPair, token: &str) -> String {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).unwrap();
        BASE64_STANDARD.encode(signature)
    }

    #[test]
    fn a_token_is_signed_by_a_key_of_the_authorizer() {
        let (old, new, other) = (
            KeyPair::generate(KeySize::Rsa2048),
            KeyPair::generate(KeySize::Rsa3072),
            KeyPair::generate(KeySize::Rsa2048),
        );
        let (old, new, other) = (old.unwrap(), new.unwrap(), other.unwrap());
        let keys = TokenKeys::from([("old".into(), pem(&old)), ("new".into(), pem(&new))]);
        let bring = |query: String| {
            let mqtt = MqttPart { user_name: Some(format!("u?{query}")), ..MqttPart::default() };
            Brought { mqtt: Some(mqtt), ..Brought::default() }.token(Some("t"), Some(&keys))
        };
        for key in [&old, &new] {
            let signature = sign(key, "pump 7");
            for written in [signature.clone(), signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")] {
                let token = bring(format!("{SIGNATURE}={written}&t=pump%207")).unwrap();
                assert_eq!((token.text(), token.is_verified()), (Some("pump 7"), true));
            }
        }
        let right = sign(&old, "a");
        let mut sha512 = vec![0; old.public_modulus_len()];
        old.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), b"a", &mut sha512).unwrap();
        let sha512 = BASE64_STANDARD.encode(sha512);
        #[rustfmt::skip] // what is brought                                 why nobody is asked
        let table = [
            (format!("t=a&{SIGNATURE}={}", sign(&other, "a")),              BadToken::Signature),
            (format!("t=b&{SIGNATURE}={right}"),                            BadToken::Signature),
            (format!("t=a&{SIGNATURE}={sha512}"),                           BadToken::Signature),
            (format!("t=a&{SIGNATURE}="),                                   BadToken::Signature),
            (format!("t=a&{SIGNATURE}=%%"),                                 BadToken::NotBase64),
            ("t=a".to_owned(),                                              BadToken::NotSigned),
            (format!("{SIGNATURE}={right}"),                                BadToken::Missing("t".into())),
            (format!("t=a&t=a&{SIGNATURE}={right}"),                        BadToken::Brought(BadBrought::Twice("t".into()))),
        ];
        for (query, why) in table {
            assert_eq!(bring(query.clone()).err(), Some(why), "{query}");
        }
        let unsigned = Token::check(Some("a".into()), None, "t", None).unwrap();
        assert_eq!((unsigned.text(), unsigned.is_verified()), (Some("a"), false), "signing is disabled");
        assert_eq!(
            Token::check(None, Some(right), "", Some(&TokenKeys::new())).err(),
            Some(BadToken::Missing("".into()))
        );
    }

    #[test]
    fn keys_are_rsa_and_long_enough() {
        let key = pem(&KeyPair::generate(KeySize::Rsa2048).unwrap());
        assert_eq!(check_token_key(&key), Ok(()));
        assert_eq!(check_token_key(&format!("{key}{key}")), Err(BadTokenKey::NotPem));
        assert_eq!(check_token_key(""), Err(BadTokenKey::NotPem));
        assert_eq!(check_token_key(&encode_pem("PUBLIC KEY", b"key")), Err(BadTokenKey::NotPem));
        assert_eq!(check_token_key(&key.replace("PUBLIC KEY", "CERTIFICATE")), Err(BadTokenKey::NotPem));
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let ec = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(ec.public_key()).unwrap();
        assert_eq!(check_token_key(&encode_pem("PUBLIC KEY", ec.as_ref())), Err(BadTokenKey::NotRsa));
        // openssl genrsa 1024
        const SHORT: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLxO0t8FFIPBB8B8Z4YFuhUlUqAu6ss/g2GrLCTJB+csnZaQ4iWM8jUo7j5RTg31HNB2IifIk0Vqkazqjh9TusNL63LaSfEP3yL9qmUWbdasEZkC6HjP/NuOtCkzw0Po/E2OyRusORHxu8ecdb7LXy5QbhzpnDxrow8nyAPB4jaQIDAQAB\n-----END PUBLIC KEY-----\n";
        assert_eq!(check_token_key(SHORT), Err(BadTokenKey::TooShort(1024)));
    }
}
