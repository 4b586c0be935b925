//! Key pairs: what aws-lc does with a private key in PKCS#8 or a public one in SubjectPublicKeyInfo.
//!
//! Making a pair is the shell's business. Padding and nonces of signatures draw on the library's own randomness, since its
//! interface takes none.
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{
    self, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65,
    ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, UnparsedPublicKey, VerificationAlgorithm,
};
use sekisho_types::Secret;

use crate::{EncryptionAlgorithm, KeySpec, SigningAlgorithm};

/// The bytes are not what they are said to be, or the library failed. Which of the two it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairError;

impl From<Unspecified> for PairError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::KeyRejected> for PairError {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self
    }
}

/// What is signed, by what the algorithm needs of it.
#[derive(Clone, Copy)]
pub(crate) enum Signed<'a> {
    /// A digest, made here or by the caller.
    Digest(Digest),
    /// All of it: algorithms that do their own hashing.
    Whole(&'a [u8]),
}

impl SigningAlgorithm {
    /// What it hashes with, where a digest can be signed in the message's place.
    pub(crate) fn digest(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::RsassaPkcs1V15Sha256 | Self::RsassaPssSha256 | Self::EcdsaSha256 => Some(&SHA256),
            Self::RsassaPkcs1V15Sha384 | Self::RsassaPssSha384 | Self::EcdsaSha384 => Some(&SHA384),
            Self::RsassaPkcs1V15Sha512 | Self::RsassaPssSha512 | Self::EcdsaSha512 => Some(&SHA512),
            Self::Ed25519Sha512 | Self::MlDsaShake256 => None,
        }
    }

    fn rsa_encoding(self) -> Option<&'static dyn RsaEncoding> {
        Some(match self {
            Self::RsassaPkcs1V15Sha256 => &RSA_PKCS1_SHA256,
            Self::RsassaPkcs1V15Sha384 => &RSA_PKCS1_SHA384,
            Self::RsassaPkcs1V15Sha512 => &RSA_PKCS1_SHA512,
            Self::RsassaPssSha256 => &RSA_PSS_SHA256,
            Self::RsassaPssSha384 => &RSA_PSS_SHA384,
            Self::RsassaPssSha512 => &RSA_PSS_SHA512,
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 | Self::Ed25519Sha512 | Self::MlDsaShake256 => {
                return None;
            }
        })
    }

    /// How a signature of a key of `spec` is checked; `None` where the two do not go together.
    fn verification(self, spec: KeySpec) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, spec) {
            (Self::RsassaPkcs1V15Sha256, _) => &RSA_PKCS1_2048_8192_SHA256,
            (Self::RsassaPkcs1V15Sha384, _) => &RSA_PKCS1_2048_8192_SHA384,
            (Self::RsassaPkcs1V15Sha512, _) => &RSA_PKCS1_2048_8192_SHA512,
            (Self::RsassaPssSha256, _) => &RSA_PSS_2048_8192_SHA256,
            (Self::RsassaPssSha384, _) => &RSA_PSS_2048_8192_SHA384,
            (Self::RsassaPssSha512, _) => &RSA_PSS_2048_8192_SHA512,
            (Self::EcdsaSha256, KeySpec::EccSecgP256k1) => &ECDSA_P256K1_SHA256_ASN1,
            (Self::EcdsaSha256, _) => &ECDSA_P256_SHA256_ASN1,
            (Self::EcdsaSha384, _) => &ECDSA_P384_SHA384_ASN1,
            (Self::EcdsaSha512, _) => &ECDSA_P521_SHA512_ASN1,
            (Self::Ed25519Sha512, _) => &ED25519,
            (Self::MlDsaShake256, KeySpec::MlDsa44) => &ML_DSA_44,
            (Self::MlDsaShake256, KeySpec::MlDsa65) => &ML_DSA_65,
            (Self::MlDsaShake256, KeySpec::MlDsa87) => &ML_DSA_87,
            (Self::MlDsaShake256, _) => return None,
        })
    }
}

impl EncryptionAlgorithm {
    fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Self::SymmetricDefault => None,
            Self::RsaesOaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
            Self::RsaesOaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
        }
    }
}

fn ecdsa(spec: KeySpec) -> Option<&'static EcdsaSigningAlgorithm> {
    Some(match spec {
        KeySpec::EccNistP256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        KeySpec::EccNistP384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        KeySpec::EccNistP521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
        KeySpec::EccSecgP256k1 => &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        _ => return None,
    })
}

fn ml_dsa(spec: KeySpec) -> Option<&'static PqdsaSigningAlgorithm> {
    Some(match spec {
        KeySpec::MlDsa44 => &ML_DSA_44_SIGNING,
        KeySpec::MlDsa65 => &ML_DSA_65_SIGNING,
        KeySpec::MlDsa87 => &ML_DSA_87_SIGNING,
        _ => return None,
    })
}

/// The public half as SubjectPublicKeyInfo in DER, if `pkcs8` is a private key of `spec`.
pub(crate) fn public_key(spec: KeySpec, pkcs8: &Secret) -> Result<Vec<u8>, PairError> {
    let der: PublicKeyX509Der<'_> = if let Some(algorithm) = ecdsa(spec) {
        EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.expose())?.public_key().as_der()?
    } else if let Some(algorithm) = ml_dsa(spec) {
        PqdsaKeyPair::from_pkcs8(algorithm, pkcs8.expose())?.public_key().as_der()?
    } else if spec == KeySpec::EccNistEdwards25519 {
        Ed25519KeyPair::from_pkcs8(pkcs8.expose())?.public_key().as_der()?
    } else {
        let modulus_bytes = spec.modulus_bytes().ok_or(PairError)?;
        let pair = rsa::KeyPair::from_pkcs8(pkcs8.expose())?;
        if pair.public_modulus_len() != modulus_bytes {
            return Err(PairError);
        }
        pair.public_key().as_der()?
    };
    Ok(der.as_ref().to_vec())
}

/// Bytes of the modulus of an RSA private key.
pub(crate) fn modulus_bytes(pkcs8: &Secret) -> Result<usize, PairError> {
    Ok(PrivateDecryptingKey::from_pkcs8(pkcs8.expose())?.key_size_bytes())
}

/// Signs; ECDSA signatures come in DER (RFC 3279 §2.2.3).
pub(crate) fn sign(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    pkcs8: &Secret,
    signed: Signed<'_>,
) -> Result<Vec<u8>, PairError> {
    match signed {
        Signed::Digest(digest) => {
            if let Some(encoding) = algorithm.rsa_encoding() {
                let pair = rsa::KeyPair::from_pkcs8(pkcs8.expose())?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, &digest, &mut signature)?;
                return Ok(signature);
            }
            let pair = EcdsaKeyPair::from_pkcs8(ecdsa(spec).ok_or(PairError)?, pkcs8.expose())?;
            Ok(pair.sign_digest(&digest)?.as_ref().to_vec())
        }
        Signed::Whole(message) => {
            if let Some(algorithm) = ml_dsa(spec) {
                let mut signature = vec![0; algorithm.signature_len()];
                let length = PqdsaKeyPair::from_pkcs8(algorithm, pkcs8.expose())?.sign(message, &mut signature)?;
                signature.truncate(length);
                return Ok(signature);
            }
            Ok(Ed25519KeyPair::from_pkcs8(pkcs8.expose())?.try_sign(message)?.as_ref().to_vec())
        }
    }
}

/// Whether `signature` is one of `signed` by the private key to `public`.
pub(crate) fn verify(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    public: &[u8],
    signed: Signed<'_>,
    signature: &[u8],
) -> bool {
    let Some(verification) = algorithm.verification(spec) else { return false };
    let public = UnparsedPublicKey::new(verification, public);
    match signed {
        Signed::Digest(digest) => public.verify_digest(&digest, signature).is_ok(),
        Signed::Whole(message) => public.verify(message, signature).is_ok(),
    }
}

/// RSAES-OAEP with an empty label (RFC 8017 §7.1.1).
pub(crate) fn encrypt(algorithm: EncryptionAlgorithm, public: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, PairError> {
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public)?)?;
    let mut out = vec![0; key.ciphertext_size()];
    let length = key.encrypt(algorithm.oaep().ok_or(PairError)?, plaintext, &mut out, None)?.len();
    out.truncate(length);
    Ok(out)
}

/// Opens what [`encrypt`], or anybody with the public key, made.
pub(crate) fn decrypt(algorithm: EncryptionAlgorithm, pkcs8: &Secret, ciphertext: &[u8]) -> Result<Secret, PairError> {
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(pkcs8.expose())?)?;
    let mut out = vec![0; key.min_output_size()];
    let length = key.decrypt(algorithm.oaep().ok_or(PairError)?, ciphertext, &mut out, None)?.len();
    out.truncate(length);
    Ok(Secret::new(out))
}

/// The raw secret that both sides of an elliptic-curve Diffie-Hellman come to (NIST SP 800-56A §5.7.1.2).
pub(crate) fn agree(spec: KeySpec, pkcs8: &Secret, peer: &[u8]) -> Result<Secret, PairError> {
    let algorithm = match spec {
        KeySpec::EccNistP256 => &ECDH_P256,
        KeySpec::EccNistP384 => &ECDH_P384,
        KeySpec::EccNistP521 => &ECDH_P521,
        _ => return Err(PairError),
    };
    let private = agreement::PrivateKey::from_private_key_der(algorithm, pkcs8.expose())?;
    let peer = agreement::UnparsedPublicKey::new(algorithm, peer);
    agreement::agree(&private, peer, PairError, |secret| Ok(Secret::new(secret.to_vec())))
}
