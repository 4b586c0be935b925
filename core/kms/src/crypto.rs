//! Decrypt, GenerateDataKey, GenerateDataKeyPair: AES-256-GCM under a key's material, the encryption context as additional data.
use sekisho_types::{Random, Secret};

use crate::blob::Blob;
use crate::{EncryptionAlgorithm, EncryptionContext, KeySpec, Kms, KmsError, Operation, RootKey, Via, pair};

/// AWS's bound on what Encrypt takes.
pub const PLAINTEXT_BYTES_MAX: usize = 4096;
/// AWS's bound on GenerateDataKey's NumberOfBytes.
const DATA_KEY_BYTES_MAX: usize = 1024;

/// What Encrypt answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// Of a symmetric key, it carries which key and material made it; of an RSA key, it is RSAES-OAEP's output and no more.
    pub ciphertext_blob: Vec<u8>,
    /// The key's ARN.
    pub key_arn: String,
    /// Which of a symmetric key's materials.
    pub key_material_id: Option<String>,
    /// How.
    pub algorithm: EncryptionAlgorithm,
}

/// What Decrypt answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// What was encrypted.
    pub plaintext: Secret,
    /// The key's ARN.
    pub key_arn: String,
    /// Which of a symmetric key's materials.
    pub key_material_id: Option<String>,
    /// How it was encrypted.
    pub algorithm: EncryptionAlgorithm,
}

/// What GenerateDataKey answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The key in the clear.
    pub plaintext: Secret,
    /// The same, for [`Kms::decrypt`] with the same context.
    pub ciphertext_blob: Vec<u8>,
    /// The KMS key's ARN.
    pub key_arn: String,
    /// Which of its materials.
    pub key_material_id: String,
}

/// What GenerateDataKeyPair answers, beside the private key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyPair {
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// The private key in PKCS#8, for [`Kms::decrypt`] with the same context.
    pub private_key_ciphertext_blob: Vec<u8>,
    /// The KMS key's ARN.
    pub key_arn: String,
    /// Which of its materials.
    pub key_material_id: String,
}

/// What material is wrapped for.
pub(crate) fn material_aad(key_id: &str, material_id: &str) -> Vec<u8> {
    format!("sekisho kms material {key_id} {material_id}").into_bytes()
}

impl Kms {
    /// Decrypts a blob of a symmetric key for a service that made it; with `key`, only if that key made it. The key's policy is
    /// judged here.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn decrypt(
        &self,
        via: Via,
        root_key: &RootKey,
        blob: &[u8],
        context: &EncryptionContext,
        key: Option<&str>,
    ) -> Result<Decrypted, KmsError> {
        if let Some(key) = Blob::decode(blob).ok().and_then(|blob| self.key(&blob.key_id)) {
            self.authorize_service(via, key, "Decrypt", context)?;
        }
        self.decrypt_for(Operation::Decrypt, root_key, blob, context, key)
    }

    /// Decrypt, or the half of ReEncrypt that does the same, for a caller who was judged already.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn decrypt_for(
        &self,
        operation: Operation,
        root_key: &RootKey,
        blob: &[u8],
        context: &EncryptionContext,
        key: Option<&str>,
    ) -> Result<Decrypted, KmsError> {
        let asked = key.map(|key| self.resolve(key)).transpose()?;
        let blob = Blob::decode(blob).map_err(|_| KmsError::InvalidCiphertext)?;
        if asked.is_some_and(|asked| asked.key_id != blob.key_id) {
            return Err(KmsError::IncorrectKey);
        }
        let key = self.shared(&blob.key_id).ok_or(KmsError::InvalidCiphertext)?;
        self.in_use(operation, key)?.open(root_key, context, &blob)
    }

    /// Encrypts a data key that a service made, under the symmetric key that `key` names. The key's policy is judged here, as
    /// what the service asks on AWS: GenerateDataKey.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn encrypt(
        &self,
        via: Via,
        root_key: &RootKey,
        (key, context): (&str, &EncryptionContext),
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<Encrypted, KmsError> {
        self.authorize_service(via, self.resolve(key)?, "GenerateDataKey", context)?;
        let key = self.use_key(Operation::GenerateDataKey, key)?;
        key.encrypt(root_key, EncryptionAlgorithm::SymmetricDefault, context, plaintext, random)
    }

    /// Makes a data key of `bytes` bytes for a service, under the key that `key` names. The key's policy is judged here.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn generate_data_key(
        &self,
        via: Via,
        root_key: &RootKey,
        (key, context): (&str, &EncryptionContext),
        bytes: usize,
        random: &mut dyn Random,
    ) -> Result<DataKey, KmsError> {
        self.authorize_service(via, self.resolve(key)?, "GenerateDataKey", context)?;
        self.generate_data_key_for(Operation::GenerateDataKey, root_key, (key, context), bytes, random)
    }

    /// GenerateDataKey, for a caller who was judged already.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn generate_data_key_for(
        &self,
        operation: Operation,
        root_key: &RootKey,
        (key, context): (&str, &EncryptionContext),
        bytes: usize,
        random: &mut dyn Random,
    ) -> Result<DataKey, KmsError> {
        if !(1..=DATA_KEY_BYTES_MAX).contains(&bytes) {
            return Err(KmsError::Validation(format!("NumberOfBytes is 1 to {DATA_KEY_BYTES_MAX}")));
        }
        let key = self.use_key(operation, key)?;
        let mut plaintext = vec![0; bytes];
        random.fill(&mut plaintext);
        let plaintext = Secret::new(plaintext);
        let (ciphertext_blob, key_material_id) = key.seal(root_key, context, plaintext.expose(), random)?;
        Ok(DataKey { plaintext, ciphertext_blob, key_arn: key.arn().to_owned(), key_material_id })
    }

    /// Seals a new private key of `spec`, PKCS#8, under the symmetric key that `key` names.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn seal_data_key_pair(
        &self,
        root_key: &RootKey,
        key: &str,
        context: &EncryptionContext,
        (spec, private_key): (KeySpec, &Secret),
        random: &mut dyn Random,
    ) -> Result<DataKeyPair, KmsError> {
        let key = self.use_key(Operation::GenerateDataKeyPair, key)?;
        let public_key = pair::public_key(spec, private_key).map_err(|_| KmsError::Material(spec.to_string()))?;
        let (private_key_ciphertext_blob, key_material_id) =
            key.seal(root_key, context, private_key.expose(), random)?;
        Ok(DataKeyPair { public_key, private_key_ciphertext_blob, key_arn: key.arn().to_owned(), key_material_id })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(out)
}
