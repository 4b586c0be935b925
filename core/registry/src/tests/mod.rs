//! Customers' CAs and what their certificates become, from a CA's key to a provisioned device.
mod authorities; // registration of CAs, and of certificates they signed
mod first_connections; // JITR and JITP
mod fleet; // claims, tokens, bulk registration
mod written; // the events, as they lie on the disk
mod templates; // provisioning templates and what a plan does to what is there

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sekisho_identity::{
    DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE, PresentedCertificate, Signer, SigningKey, encode_pem,
    issue_ca, issue_device_certificate,
};
use sekisho_types::{Random, Secret, Timestamp};

use crate::testing::{NOW, tenant};
use crate::{CaRegistration, CertificateMode, Event, Registry, RegistryError};

/// Long after everything here has been registered, and before it expires.
const LATER: Timestamp = Timestamp::from_millis(NOW.millis() + 60_000);

/// A customer's CA: its key, its certificate.
struct Pki {
    key: SigningKey,
    der: Vec<u8>,
    drawn: u8,
}

impl Pki {
    fn new(name: &str) -> Self {
        Self::with_key(name, &new_key())
    }

    fn with_key(name: &str, pkcs8: &Secret) -> Self {
        let key = SigningKey::from_pkcs8(pkcs8).unwrap();
        let mut drawn = 0x40;
        let mut random = |out: &mut [u8]| {
            drawn += 1;
            out.fill(drawn);
        };
        let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(2_000_000_000));
        let der = issue_ca(&key, &DistinguishedName::common_name(name), lifetime, &mut random).unwrap();
        Self { key, der, drawn }
    }

    fn pem(&self) -> String {
        encode_pem(PEM_CERTIFICATE, &self.der)
    }

    /// A certificate for `common_name`, in PEM.
    fn sign(&mut self, common_name: &str) -> String {
        encode_pem(PEM_CERTIFICATE, self.presented(common_name).as_der())
    }

    fn presented(&mut self, common_name: &str) -> PresentedCertificate {
        self.drawn += 1;
        let serial = self.drawn;
        let mut random = |out: &mut [u8]| out.fill(serial);
        let issuer = Issuer::new(&self.der, &self.key).unwrap();
        let subject = DistinguishedName::common_name(common_name);
        let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(1_900_000_000));
        let spki = self.key.subject_public_key_info();
        let der = issue_device_certificate(&issuer, spki, &subject, lifetime, &mut random).unwrap();
        PresentedCertificate::parse(&der).unwrap()
    }
}

/// A CA renewed under the same name and key.
fn renewed(pki: &Pki, key: &Secret) -> Pki {
    let mut renewed = Pki::with_key("Example Root", key);
    let mut random = |out: &mut [u8]| out.fill(0x7e);
    let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(2_000_000_001));
    renewed.der =
        issue_ca(&renewed.key, &DistinguishedName::common_name("Example Root"), lifetime, &mut random).unwrap();
    renewed.drawn = pki.drawn + 0x10;
    renewed
}

fn new_key() -> Secret {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    Secret::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())
}

fn dice() -> impl Random {
    let mut drawn = 0;
    move |out: &mut [u8]| {
        drawn += 1;
        out.fill(drawn);
    }
}

/// Applies what a command yields, to the state and to one rebuilt from a snapshot each time: both must stay the same.
fn run<T, E>(registry: &mut Registry, command: impl FnOnce(&Registry) -> Result<(Vec<Event>, T), E>) -> Result<T, E> {
    let (events, output) = command(registry)?;
    let mut rebuilt = Registry::new(tenant());
    registry.snapshot().iter().for_each(|event| rebuilt.apply(event));
    for event in &events {
        // What is written is read, and is the same.
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), *event);
        registry.apply(event);
        rebuilt.apply(event);
    }
    assert!(sorted(registry) == sorted(&rebuilt), "a snapshot folds to the same state");
    Ok(output)
}

fn sorted(registry: &Registry) -> Vec<String> {
    let mut lines: Vec<_> = registry.snapshot().iter().map(|event| format!("{event:?}")).collect();
    lines.sort_unstable();
    lines
}

/// A registry in which `pki` is registered, by proof of possession, and active.
fn registered(pki: &mut Pki, change: impl FnOnce(&mut CaRegistration)) -> Registry {
    let mut registry = Registry::new(tenant());
    register(&mut registry, pki, |asked, _, _| change(asked)).unwrap();
    registry
}

/// Registers a CA; `change` may spoil the request, with the CA's key and the registration code at hand.
fn register(
    registry: &mut Registry,
    pki: &mut Pki,
    change: impl FnOnce(&mut CaRegistration, &mut Pki, &str),
) -> Result<crate::CaCertificate, RegistryError> {
    let mut random = dice();
    let code = run(registry, |r| Ok::<_, RegistryError>(r.ensure_registration_code(&mut random))).unwrap();
    let mut asked = CaRegistration {
        ca_certificate_pem: pki.pem(),
        verification_certificate_pem: Some(pki.sign(&code)),
        set_as_active: true,
        certificate_mode: CertificateMode::Default,
        ..CaRegistration::default()
    };
    change(&mut asked, pki, &code);
    run(registry, |r| r.register_ca_certificate(NOW, asked, &mut random))
}

/// An error by its variant.
fn variant<T: std::fmt::Debug>(outcome: Result<T, RegistryError>) -> String {
    let debug = format!("{:?}", outcome.expect_err("it should have been refused"));
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
