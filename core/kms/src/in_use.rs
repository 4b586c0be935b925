//! A key that may be used now, and what it does.
//!
//! It is taken out of the fold: an RSA signature takes a millisecond or more, and nobody waits for the state meanwhile.
use std::sync::Arc;

use aws_lc_rs::digest::{self, Digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::{Random, Secret, SecretKey};

use crate::blob::Blob;
use crate::context::additional_data;
use crate::crypto::{hex, material_aad, unhex};
use crate::pair::{self, Signed};
use crate::spec::words;
use crate::{
    Decrypted, Encrypted, EncryptionAlgorithm, EncryptionContext, Key, KeySpec, KeyType, KeyUsage, Kms, KmsError,
    MacAlgorithm, Material, PLAINTEXT_BYTES_MAX, RootKey, SigningAlgorithm, mac, root,
};

words! {
    /// What is asked of a key, by AWS's names.
    Operation {
        Encrypt = "Encrypt",
        Decrypt = "Decrypt",
        ReEncryptFrom = "ReEncryptFrom",
        ReEncryptTo = "ReEncryptTo",
        GenerateDataKey = "GenerateDataKey",
        GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
        GenerateDataKeyPair = "GenerateDataKeyPair",
        GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
        Sign = "Sign",
        Verify = "Verify",
        GenerateMac = "GenerateMac",
        VerifyMac = "VerifyMac",
        DeriveSharedSecret = "DeriveSharedSecret",
        GetPublicKey = "GetPublicKey",
        CreateGrant = "CreateGrant",
        RetireGrant = "RetireGrant",
        DescribeKey = "DescribeKey",
    }
}

impl Operation {
    /// The usage a key needs for it; `None` where any will do.
    const fn usage(self) -> Option<KeyUsage> {
        match self {
            Self::Encrypt
            | Self::Decrypt
            | Self::ReEncryptFrom
            | Self::ReEncryptTo
            | Self::GenerateDataKey
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext => Some(KeyUsage::EncryptDecrypt),
            Self::Sign | Self::Verify => Some(KeyUsage::SignVerify),
            Self::GenerateMac | Self::VerifyMac => Some(KeyUsage::GenerateVerifyMac),
            Self::DeriveSharedSecret => Some(KeyUsage::KeyAgreement),
            Self::GetPublicKey | Self::CreateGrant | Self::RetireGrant | Self::DescribeKey => None,
        }
    }

    /// Whether `key` can do it at all: a grant for anything else would mean nothing.
    pub(crate) fn fits(self, key: &Key) -> bool {
        match self {
            Self::CreateGrant | Self::RetireGrant | Self::DescribeKey => true,
            Self::GetPublicKey => key.spec.key_type() == KeyType::Asymmetric,
            Self::GenerateDataKey
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext => key.spec.is_symmetric(),
            _ => self.usage() == Some(key.usage),
        }
    }
}

/// What is to be signed, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// `RAW`: all of it.
    Raw(&'a [u8]),
    /// `DIGEST`: what the algorithm's hash makes of it.
    Digest(&'a [u8]),
}

/// A key that was enabled, and of the right usage, when [`Kms::use_key`] gave it out. There is no other way to get one.
#[derive(Clone, Debug)]
pub struct KeyInUse {
    key: Arc<Key>,
    arn: String,
}

impl Kms {
    /// The key that `key` names, for `operation`.
    ///
    /// # Errors
    /// Those of [`Kms::resolve`], [`KmsError::Disabled`], [`KmsError::PendingDeletion`], and [`KmsError::KeyUsage`].
    pub fn use_key(&self, operation: Operation, key: &str) -> Result<KeyInUse, KmsError> {
        self.in_use(operation, self.resolve(key)?)
    }

    pub(crate) fn in_use(&self, operation: Operation, key: &Arc<Key>) -> Result<KeyInUse, KmsError> {
        key.usable(self.tenant())?;
        let arn = key.arn(self.tenant());
        if operation.usage().is_some_and(|usage| usage != key.usage) {
            if matches!(operation, Operation::Decrypt | Operation::ReEncryptFrom) {
                return Err(KmsError::IncorrectKey);
            }
            // AWS calls the two halves of ReEncrypt by the operation's name.
            let name = operation.as_str().trim_end_matches("From").trim_end_matches("To");
            let message = format!("{arn} key usage is {} which is not valid for {name}.", key.usage);
            return Err(KmsError::KeyUsage(message));
        }
        Ok(KeyInUse { key: key.clone(), arn })
    }
}

impl KeyInUse {
    /// The key itself.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// GetPublicKey: SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KmsError::Unsupported`] for a key that has none.
    pub fn public_key(&self) -> Result<Vec<u8>, KmsError> {
        let Some(public) = &self.key.public_key else { return Err(KmsError::Unsupported(String::new())) };
        STANDARD.decode(public).map_err(|_| self.broken())
    }

    /// Encrypt.
    ///
    /// # Errors
    /// [`KmsError::Validation`], [`KmsError::KeyUsage`], [`KmsError::Material`].
    pub fn encrypt(
        &self,
        root_key: &RootKey,
        algorithm: EncryptionAlgorithm,
        context: &EncryptionContext,
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<Encrypted, KmsError> {
        if plaintext.is_empty() || plaintext.len() > PLAINTEXT_BYTES_MAX {
            let bound = if plaintext.is_empty() { "greater than or equal to 1" } else { "less than or equal to 4096" };
            let message = format!(
                "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
            );
            return Err(KmsError::Validation(message));
        }
        self.check_algorithm(algorithm.as_str(), self.key.spec.encryption_algorithms().contains(&algorithm))?;
        let (ciphertext_blob, key_material_id) = match self.key.spec.modulus_bytes() {
            None => {
                let (blob, id) = self.seal(root_key, context, plaintext, random)?;
                (blob, Some(id))
            }
            Some(modulus_bytes) => {
                refuse_context(context)?;
                let max = algorithm.plaintext_bytes_max(modulus_bytes);
                if plaintext.len() > max {
                    let spec = self.key.spec;
                    let message = format!(
                        "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {max} bytes."
                    );
                    return Err(KmsError::Validation(message));
                }
                let ciphertext = pair::encrypt(algorithm, &self.public_key()?, plaintext);
                (ciphertext.map_err(|_| self.broken())?, None)
            }
        };
        Ok(Encrypted { ciphertext_blob, key_arn: self.arn.clone(), key_material_id, algorithm })
    }

    /// Decrypt with a private key: what was encrypted here, or by anybody with the public key.
    ///
    /// # Errors
    /// [`KmsError::KeyUsage`], [`KmsError::Validation`], [`KmsError::InvalidCiphertext`], [`KmsError::Material`].
    pub fn decrypt_asymmetric(
        &self,
        root_key: &RootKey,
        algorithm: EncryptionAlgorithm,
        context: &EncryptionContext,
        ciphertext: &[u8],
    ) -> Result<Decrypted, KmsError> {
        let ours = self.key.spec.encryption_algorithms().contains(&algorithm);
        self.check_algorithm(algorithm.as_str(), ours && self.key.spec.key_type() == KeyType::Asymmetric)?;
        refuse_context(context)?;
        let plaintext = pair::decrypt(algorithm, &self.secret(root_key)?, ciphertext);
        let plaintext = plaintext.map_err(|_| KmsError::InvalidCiphertext)?;
        Ok(Decrypted { plaintext, key_arn: self.arn.clone(), key_material_id: None, algorithm })
    }

    /// Decrypt of a blob that names this key.
    pub(crate) fn open(
        &self,
        root_key: &RootKey,
        context: &EncryptionContext,
        blob: &Blob<'_>,
    ) -> Result<Decrypted, KmsError> {
        let material_id = hex(&blob.material_id);
        let material = self.key.materials.iter().find(|material| material.id == material_id);
        let opened = self.symmetric(root_key, material.ok_or(KmsError::InvalidCiphertext)?)?;
        let data = additional_data(&Blob::header(&blob.key_id, &blob.material_id), context)?;
        let plaintext = root::open(&opened, &data, blob.sealed).map_err(|_| KmsError::InvalidCiphertext)?;
        let algorithm = EncryptionAlgorithm::SymmetricDefault;
        Ok(Decrypted { plaintext, key_arn: self.arn.clone(), key_material_id: Some(material_id), algorithm })
    }

    /// Seals under the current material of a symmetric key; answers the blob, and which material that was.
    pub(crate) fn seal(
        &self,
        root_key: &RootKey,
        context: &EncryptionContext,
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, String), KmsError> {
        self.check_symmetric()?;
        let material = self.current()?;
        let opened = self.symmetric(root_key, material)?;
        let mut blob = Blob::header(&self.key.key_id, &unhex(&material.id).ok_or_else(|| self.broken())?);
        let data = additional_data(&blob, context)?;
        blob.extend(root::seal(&opened, &data, plaintext, random));
        Ok((blob, material.id.clone()))
    }

    /// Sign.
    ///
    /// # Errors
    /// [`KmsError::KeyUsage`], [`KmsError::Validation`], [`KmsError::Material`].
    pub fn sign(
        &self,
        root_key: &RootKey,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, KmsError> {
        let signed = self.signed(algorithm, message)?;
        pair::sign(self.key.spec, algorithm, &self.secret(root_key)?, signed).map_err(|_| self.broken())
    }

    /// Verify.
    ///
    /// # Errors
    /// [`KmsError::InvalidSignature`], [`KmsError::KeyUsage`], [`KmsError::Validation`].
    pub fn verify(&self, algorithm: SigningAlgorithm, message: Message<'_>, signature: &[u8]) -> Result<(), KmsError> {
        let signed = self.signed(algorithm, message)?;
        match pair::verify(self.key.spec, algorithm, &self.public_key()?, signed, signature) {
            true => Ok(()),
            false => Err(KmsError::InvalidSignature),
        }
    }

    /// GenerateMac.
    ///
    /// # Errors
    /// [`KmsError::KeyUsage`], [`KmsError::Material`].
    pub fn generate_mac(
        &self,
        root_key: &RootKey,
        algorithm: MacAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        self.check_algorithm(algorithm.as_str(), self.key.spec.mac_algorithms().contains(&algorithm))?;
        Ok(mac::generate(algorithm, &self.secret(root_key)?, message))
    }

    /// VerifyMac.
    ///
    /// # Errors
    /// [`KmsError::InvalidMac`], and as [`KeyInUse::generate_mac`].
    pub fn verify_mac(
        &self,
        root_key: &RootKey,
        algorithm: MacAlgorithm,
        message: &[u8],
        code: &[u8],
    ) -> Result<(), KmsError> {
        self.check_algorithm(algorithm.as_str(), self.key.spec.mac_algorithms().contains(&algorithm))?;
        match mac::verify(algorithm, &self.secret(root_key)?, message, code) {
            true => Ok(()),
            false => Err(KmsError::InvalidMac),
        }
    }

    /// DeriveSharedSecret with the peer's public key, SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KmsError::Validation`] for a public key that is none, or on another curve; [`KmsError::Material`].
    pub fn derive_shared_secret(&self, root_key: &RootKey, peer: &[u8]) -> Result<Secret, KmsError> {
        let secret = self.secret(root_key)?;
        pair::agree(self.key.spec, &secret, peer).map_err(|_| {
            KmsError::Validation(format!("PublicKey is not a public key on the curve of key spec {}", self.key.spec))
        })
    }

    fn signed<'a>(&self, algorithm: SigningAlgorithm, message: Message<'a>) -> Result<Signed<'a>, KmsError> {
        self.check_algorithm(algorithm.as_str(), self.key.spec.signing_algorithms().contains(&algorithm))?;
        match (algorithm.digest(), message) {
            (Some(hash), Message::Raw(message)) => Ok(Signed::Digest(digest::digest(hash, message))),
            (Some(hash), Message::Digest(digest)) => Digest::import_less_safe(digest, hash)
                .map(Signed::Digest)
                .map_err(|_| KmsError::Validation(format!("Digest is invalid length for algorithm {algorithm}."))),
            (None, Message::Raw(message)) => Ok(Signed::Whole(message)),
            (None, Message::Digest(_)) => {
                Err(KmsError::Validation(format!("Algorithm {algorithm} does not support message type DIGEST.")))
            }
        }
    }

    /// That it can seal what is longer than a number, and name itself in it.
    pub(crate) fn check_symmetric(&self) -> Result<(), KmsError> {
        self.check_algorithm("SYMMETRIC_DEFAULT", self.key.spec == KeySpec::SymmetricDefault)
    }

    fn check_algorithm(&self, algorithm: &str, is_ours: bool) -> Result<(), KmsError> {
        if is_ours {
            return Ok(());
        }
        let spec = self.key.spec;
        Err(KmsError::KeyUsage(format!("Algorithm {algorithm} is incompatible with key spec {spec}.")))
    }

    fn current(&self) -> Result<&Material, KmsError> {
        self.key.materials.last().ok_or_else(|| self.broken())
    }

    /// The current material: a key's bytes, or a private key in PKCS#8.
    fn secret(&self, root_key: &RootKey) -> Result<Secret, KmsError> {
        self.opened(root_key, self.current()?)
    }

    fn symmetric(&self, root_key: &RootKey, material: &Material) -> Result<SecretKey, KmsError> {
        let opened = self.opened(root_key, material)?;
        opened.expose().try_into().map(SecretKey::new).map_err(|_| self.broken())
    }

    fn opened(&self, root_key: &RootKey, material: &Material) -> Result<Secret, KmsError> {
        let wrapped = material.wrapped.as_ref().ok_or_else(|| KmsError::PendingImport(self.arn.clone()))?;
        let wrapped = STANDARD.decode(wrapped).map_err(|_| self.broken())?;
        let aad = material_aad(self.key.key_id.as_str(), &material.id);
        root_key.open(&aad, &wrapped).map_err(|_| self.broken())
    }

    /// Our move: what is kept of the key is not what was put there.
    fn broken(&self) -> KmsError {
        KmsError::Material(self.arn.clone())
    }
}

/// RSA has nothing to bind a context with; taking one would promise what is not done.
fn refuse_context(context: &EncryptionContext) -> Result<(), KmsError> {
    if context.is_empty() {
        return Ok(());
    }
    Err(KmsError::Validation("EncryptionContext is not supported with an asymmetric KMS key.".into()))
}
