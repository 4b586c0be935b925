//! New private keys. One of RSA takes up to seconds, so they are made on threads that may be blocked.
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, ML_DSA_44_SIGNING,
    ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use sekisho_kms::KeySpec;
use sekisho_types::Secret;

use crate::ApiError;

/// A private key of `spec` that nobody else has, in PKCS#8.
pub(super) async fn generate(spec: KeySpec) -> Result<Secret, ApiError> {
    let made = tokio::task::spawn_blocking(move || make(spec)).await.map_err(ApiError::internal)?;
    made.map_err(|_| ApiError::internal(format_args!("no key pair of `{spec}` could be made")))
}

fn make(spec: KeySpec) -> Result<Secret, Unspecified> {
    match spec {
        KeySpec::Rsa2048 => make_rsa(KeySize::Rsa2048),
        KeySpec::Rsa3072 => make_rsa(KeySize::Rsa3072),
        KeySpec::Rsa4096 => make_rsa(KeySize::Rsa4096),
        KeySpec::EccNistP256 => make_ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeySpec::EccNistP384 => make_ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
        KeySpec::EccNistP521 => make_ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        KeySpec::EccSecgP256k1 => make_ecdsa(&ECDSA_P256K1_SHA256_ASN1_SIGNING),
        // Version 1 leaves the public key out, which is the form every other library reads.
        KeySpec::EccNistEdwards25519 => Ok(secret(Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?.as_ref())),
        KeySpec::MlDsa44 => make_ml_dsa(&ML_DSA_44_SIGNING),
        KeySpec::MlDsa65 => make_ml_dsa(&ML_DSA_65_SIGNING),
        KeySpec::MlDsa87 => make_ml_dsa(&ML_DSA_87_SIGNING),
        KeySpec::SymmetricDefault | KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
            Err(Unspecified)
        }
    }
}

fn make_rsa(size: KeySize) -> Result<Secret, Unspecified> {
    let der: Pkcs8V1Der<'_> = rsa::KeyPair::generate(size)?.as_der()?;
    Ok(secret(der.as_ref()))
}

fn make_ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Secret, Unspecified> {
    Ok(secret(EcdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref()))
}

fn make_ml_dsa(algorithm: &'static PqdsaSigningAlgorithm) -> Result<Secret, Unspecified> {
    Ok(secret(PqdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref()))
}

fn secret(der: &[u8]) -> Secret {
    Secret::new(der.to_vec())
}
