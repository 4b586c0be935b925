//! What goes into a certificate we sign, shown to the builder the way it wants to see it.
use signature::Keypair;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::der::Document;
use x509_cert::der::asn1::{Any, ObjectIdentifier, OctetString};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SubjectPublicKeyInfoRef,
};

use crate::{DistinguishedName, SignatureAlgorithm, Signer};

/// Who signs, as the certificate will name it.
pub(crate) struct IssuerNames {
    pub(crate) subject: DistinguishedName,
    pub(crate) key_identifier: Box<[u8]>,
}

/// What the certificate is for.
pub(crate) enum Role {
    /// A device: signs handshakes.
    Device,
    /// Our server, under these names.
    Server(Vec<GeneralName>),
    /// A CA that signs end entities.
    Ca,
}

/// One certificate to be.
pub(crate) struct Profile {
    pub(crate) issuer: IssuerNames,
    pub(crate) subject: DistinguishedName,
    pub(crate) role: Role,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.subject.to_name().expect("a DistinguishedName holds the DER of a Name")
    }

    fn get_subject(&self) -> Name {
        self.subject.to_name().expect("a DistinguishedName holds the DER of a Name")
    }

    fn build_extensions(
        &self,
        spk: SubjectPublicKeyInfoRef<'_>,
        _issuer_spk: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        let mut extensions = Vec::new();
        if !matches!(self.role, Role::Ca) {
            let key_identifier = Some(OctetString::new(self.issuer.key_identifier.clone())?);
            let authority = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
            extensions.push(authority.to_extension(subject, &[])?);
        }
        extensions.push(SubjectKeyIdentifier::try_from(spk)?.to_extension(subject, &[])?);
        let (constraints, usage) = match self.role {
            Role::Device | Role::Server(_) => {
                (BasicConstraints { ca: false, path_len_constraint: None }, KeyUsages::DigitalSignature.into())
            }
            Role::Ca => (
                BasicConstraints { ca: true, path_len_constraint: Some(0) },
                KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            ),
        };
        extensions.push(constraints.to_extension(subject, &[])?);
        extensions.push(KeyUsage(usage).to_extension(subject, &[])?);
        if let Role::Server(names) = &self.role {
            const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
            extensions.push(ExtendedKeyUsage(vec![SERVER_AUTH]).to_extension(subject, &[])?);
            if !names.is_empty() {
                extensions.push(SubjectAltName(names.clone()).to_extension(subject, &[])?);
            }
        }
        Ok(extensions)
    }
}

/// Shows a [`Signer`] to the builder.
pub(crate) struct Adapter<'a>(pub(crate) &'a dyn Signer);

#[derive(Clone)]
pub(crate) struct AdapterKey(Box<[u8]>);

impl Keypair for Adapter<'_> {
    type VerifyingKey = AdapterKey;

    fn verifying_key(&self) -> AdapterKey {
        AdapterKey(self.0.subject_public_key_info().as_der().into())
    }
}

impl EncodePublicKey for AdapterKey {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        Ok(Document::try_from(&*self.0)?)
    }
}

impl DynSignatureAlgorithmIdentifier for Adapter<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
        const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
        Ok(match self.0.algorithm() {
            // RFC 4055 §5: the parameters are NULL. RFC 5758 §3.2: they are absent.
            SignatureAlgorithm::Sha256WithRsaEncryption => {
                AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::null()) }
            }
            SignatureAlgorithm::EcdsaWithSha256 => {
                AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None }
            }
        })
    }
}
