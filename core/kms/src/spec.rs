//! Key specs: what each may be used for, and with which algorithms (KMS developer guide, "Key spec reference").
/// An enumeration in AWS's words, on the wire and in the journal alike.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// AWS's word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// By AWS's word; `None` for one that is not offered.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use words;

words! {
    /// What kind of material a key has.
    KeySpec {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256k1 = "ECC_SECG_P256K1",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
    }

    /// What a key is for. It is said once, when the key is made.
    KeyUsage {
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        SignVerify = "SIGN_VERIFY",
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        KeyAgreement = "KEY_AGREEMENT",
    }

    /// Where a key's material comes from.
    Origin {
        AwsKms = "AWS_KMS",
        External = "EXTERNAL",
    }

    /// `EncryptionAlgorithmSpec`
    EncryptionAlgorithm {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
    }

    /// `SigningAlgorithmSpec`
    SigningAlgorithm {
        RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        EcdsaSha256 = "ECDSA_SHA_256",
        EcdsaSha384 = "ECDSA_SHA_384",
        EcdsaSha512 = "ECDSA_SHA_512",
        Ed25519Sha512 = "ED25519_SHA_512",
        MlDsaShake256 = "ML_DSA_SHAKE_256",
    }

    /// `MacAlgorithmSpec`
    MacAlgorithm {
        HmacSha224 = "HMAC_SHA_224",
        HmacSha256 = "HMAC_SHA_256",
        HmacSha384 = "HMAC_SHA_384",
        HmacSha512 = "HMAC_SHA_512",
    }
}

/// The three types of key that an alias may not be moved between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// One secret that encrypts.
    Symmetric,
    /// A private key and a public one.
    Asymmetric,
    /// One secret that makes codes.
    Hmac,
}

impl KeySpec {
    /// Which type of key this is.
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::SymmetricDefault => KeyType::Symmetric,
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => KeyType::Hmac,
            Self::Rsa2048
            | Self::Rsa3072
            | Self::Rsa4096
            | Self::EccNistP256
            | Self::EccNistP384
            | Self::EccNistP521
            | Self::EccSecgP256k1
            | Self::EccNistEdwards25519
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => KeyType::Asymmetric,
        }
    }

    /// Whether it is the one spec whose ciphertext says which key and material made it.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::SymmetricDefault)
    }

    /// What a key of this spec may be made for.
    pub const fn usages(self) -> &'static [KeyUsage] {
        match self {
            Self::SymmetricDefault => &[KeyUsage::EncryptDecrypt],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify],
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => {
                &[KeyUsage::SignVerify, KeyUsage::KeyAgreement]
            }
            Self::EccSecgP256k1 | Self::EccNistEdwards25519 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => {
                &[KeyUsage::SignVerify]
            }
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[KeyUsage::GenerateVerifyMac],
        }
    }

    /// How many bytes of secret it takes; `None` for a key pair, whose private key is PKCS#8.
    pub const fn secret_bytes(self) -> Option<usize> {
        match self {
            Self::SymmetricDefault | Self::Hmac256 => Some(32),
            Self::Hmac224 => Some(28),
            Self::Hmac384 => Some(48),
            Self::Hmac512 => Some(64),
            Self::Rsa2048
            | Self::Rsa3072
            | Self::Rsa4096
            | Self::EccNistP256
            | Self::EccNistP384
            | Self::EccNistP521
            | Self::EccSecgP256k1
            | Self::EccNistEdwards25519
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => None,
        }
    }

    /// Bytes of an RSA modulus; `None` for everything else.
    pub const fn modulus_bytes(self) -> Option<usize> {
        match self {
            Self::Rsa2048 => Some(256),
            Self::Rsa3072 => Some(384),
            Self::Rsa4096 => Some(512),
            _ => None,
        }
    }

    /// How it encrypts, where its usage is to encrypt.
    pub const fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        match (self, self.modulus_bytes()) {
            (Self::SymmetricDefault, _) => &[EncryptionAlgorithm::SymmetricDefault],
            (_, Some(_)) => &[EncryptionAlgorithm::RsaesOaepSha1, EncryptionAlgorithm::RsaesOaepSha256],
            (_, None) => &[],
        }
    }

    /// How it signs, where its usage is to sign.
    pub const fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm as S;
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                S::RsassaPkcs1V15Sha256,
                S::RsassaPkcs1V15Sha384,
                S::RsassaPkcs1V15Sha512,
                S::RsassaPssSha256,
                S::RsassaPssSha384,
                S::RsassaPssSha512,
            ],
            Self::EccNistP256 | Self::EccSecgP256k1 => &[S::EcdsaSha256],
            Self::EccNistP384 => &[S::EcdsaSha384],
            Self::EccNistP521 => &[S::EcdsaSha512],
            Self::EccNistEdwards25519 => &[S::Ed25519Sha512],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[S::MlDsaShake256],
            Self::SymmetricDefault | Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[],
        }
    }

    /// How it makes codes.
    pub const fn mac_algorithms(self) -> &'static [MacAlgorithm] {
        match self {
            Self::Hmac224 => &[MacAlgorithm::HmacSha224],
            Self::Hmac256 => &[MacAlgorithm::HmacSha256],
            Self::Hmac384 => &[MacAlgorithm::HmacSha384],
            Self::Hmac512 => &[MacAlgorithm::HmacSha512],
            _ => &[],
        }
    }
}

/// The kind every key was of before there were others: what an entry of the journal means that does not say.
impl Default for KeySpec {
    fn default() -> Self {
        Self::SymmetricDefault
    }
}

#[expect(clippy::derivable_impls, reason = "as above: only some of the words have a default")]
impl Default for KeyUsage {
    fn default() -> Self {
        Self::EncryptDecrypt
    }
}

#[expect(clippy::derivable_impls, reason = "as above: only some of the words have a default")]
impl Default for Origin {
    fn default() -> Self {
        Self::AwsKms
    }
}

impl EncryptionAlgorithm {
    /// The most bytes that fit: RFC 8017 §7.1.1, k − 2·hLen − 2.
    pub const fn plaintext_bytes_max(self, modulus_bytes: usize) -> usize {
        match self {
            Self::SymmetricDefault => crate::PLAINTEXT_BYTES_MAX,
            Self::RsaesOaepSha1 => modulus_bytes - 2 * 20 - 2,
            Self::RsaesOaepSha256 => modulus_bytes - 2 * 32 - 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_of_every_spec_has_an_algorithm() {
        for spec in KeySpec::ALL {
            for usage in spec.usages() {
                let algorithms = match usage {
                    KeyUsage::EncryptDecrypt => spec.encryption_algorithms().len(),
                    KeyUsage::SignVerify => spec.signing_algorithms().len(),
                    KeyUsage::GenerateVerifyMac => spec.mac_algorithms().len(),
                    KeyUsage::KeyAgreement => 1,
                };
                assert!(algorithms > 0, "{spec} for {usage}");
            }
            assert_eq!(KeySpec::parse(spec.as_str()), Some(*spec));
            assert_eq!(serde_json::to_value(spec).unwrap(), spec.as_str());
            assert_eq!(spec.secret_bytes().is_none(), spec.key_type() == KeyType::Asymmetric, "{spec}");
        }
        assert_eq!(KeySpec::parse("SM2"), None);
    }

    #[test]
    fn what_fits_into_an_rsa_block() {
        #[rustfmt::skip] // Encrypt: "Plaintext"   SHA-1  SHA-256
        let table = [
            (KeySpec::Rsa2048,                     214,   190),
            (KeySpec::Rsa3072,                     342,   318),
            (KeySpec::Rsa4096,                     470,   446),
        ];
        for (spec, sha_1, sha_256) in table {
            let bytes = spec.modulus_bytes().unwrap();
            assert_eq!(EncryptionAlgorithm::RsaesOaepSha1.plaintext_bytes_max(bytes), sha_1, "{spec}");
            assert_eq!(EncryptionAlgorithm::RsaesOaepSha256.plaintext_bytes_max(bytes), sha_256, "{spec}");
        }
    }
}
