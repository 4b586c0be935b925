//! Sessions of roles: temporary credentials for a device with a certificate (iot dev guide: authorizing-direct-aws), or for the account's
//! operator (STS: AssumeRole).
//!
//! Nothing is kept of them: what they are stands in the session token, sealed under a key of its own that the root key gives. A
//! session ends at its time, and one of a device as soon as its certificate is not let in any more or its alias is gone.
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_kms::RootKey;
use sekisho_policy::{Action, AssumeRoleWithCertificate, Permit, authorize, authorize_operator};
use sekisho_sigv4::{NoSigner, Operator, RoleSession, Signer};
use sekisho_state::State;
use sekisho_types::{CertificateId, Random, RoleAliasName, Secret, ThingName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::gateway::Gateway;
use crate::peer::Peer;

/// What the key is for, and what is sealed under it: nothing else opens as a session token.
const PURPOSE: &str = "session tokens of roles";
/// Characters of a session token that are looked at. And then: it is none of ours.
const TOKEN_CHARS_MAX: usize = 8 * 1024;
/// Characters of a secret access key.
const SECRET_CHARS: usize = 40;

/// Temporary credentials, as their holder is given them.
#[derive(Clone, Debug)]
pub struct TemporaryCredentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// What comes with every request.
    pub session_token: String,
    /// How long they are good.
    pub expiration: Timestamp,
    /// Whose they are.
    pub session: RoleSession,
}

/// Why a device is given no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCredentials {
    /// It named a thing that its certificate is not attached to.
    #[error("Invalid thing name passed")]
    ThingName,
    /// It is not let in, or no policy lets it have this role.
    #[error("Access Denied")]
    Denied,
    /// There is no such alias.
    #[error("Role alias does not exist")]
    RoleAlias,
}

/// What is sealed in a token.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access_key_id: String,
    secret_access_key: String,
    role_arn: String,
    role_id: String,
    session_name: String,
    expiration: Timestamp,
    /// By what a device was given them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<By>,
}

/// A device's certificate, and the alias it named; an alias made again under the same name is another.
#[derive(Serialize, Deserialize)]
struct By {
    certificate_id: CertificateId,
    role_alias: RoleAliasName,
    made: Timestamp,
}

impl Gateway {
    /// Whether a device may have a role's credentials. A thing it names has to be its own, and is what policy variables tell of.
    ///
    /// # Errors
    /// [`NoCredentials`], the first that applies in the order of its variants.
    pub fn authorize_role(
        &self,
        peer: &Peer,
        role_alias: RoleAliasName,
        thing_name: Option<&str>,
    ) -> Result<Permit<AssumeRoleWithCertificate>, NoCredentials> {
        let refuse = |reason: String, because: NoCredentials| {
            self.refuse(peer, None, "request", reason);
            because
        };
        let who = self.identify(peer).map_err(|reason| refuse(reason, NoCredentials::Denied))?;
        let named = |name: &str| {
            let thing_name = ThingName::parse(name).ok()?;
            self.state.read().registry.thing_named(peer.certificate_id()?, &thing_name)
        };
        let thing = thing_name.map(|name| {
            let none = || format!("`x-amzn-iot-thingname` is `{name}`, to which its certificate is not attached");
            named(name).ok_or_else(|| refuse(none(), NoCredentials::ThingName))
        });
        let thing = thing.transpose()?;
        let (policies, mut context) = self.policies(&who, None, peer, false, false);
        context.thing = thing;
        who.authorize(AssumeRoleWithCertificate { role_alias }, &policies, &context)
            .map_err(|denied| refuse(denied.to_string(), NoCredentials::Denied))
    }

    /// The credentials of the role an alias stands for, for the device that may have them. The session has its certificate's name.
    ///
    /// # Errors
    /// [`NoCredentials::RoleAlias`].
    pub fn assume_role(
        &self,
        peer: &Peer,
        permit: &Permit<AssumeRoleWithCertificate>,
    ) -> Result<TemporaryCredentials, NoCredentials> {
        let role_alias = &permit.action().role_alias;
        let certificate_id = permit.principal().ok_or(NoCredentials::Denied)?;
        let found = self.state.read().registry.role_alias(role_alias).cloned();
        let alias = found.map_err(|error| {
            self.refuse(peer, None, "request", error.to_string());
            NoCredentials::RoleAlias
        })?;
        let by = By { certificate_id, role_alias: role_alias.clone(), made: alias.creation_date };
        let (session_name, duration_s) = (certificate_id.to_string(), alias.credential_duration_s);
        Ok(open_session(&self.state, alias.role_arn, session_name, duration_s, Some(by)))
    }
}

/// Who calls the API, and how: what policies may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who signs.
    pub operator: &'a Operator,
    /// From where.
    pub address: IpAddr,
    /// By which of the server's names.
    pub domain_name: Option<&'a str>,
}

/// Asks whether a caller of the API may do something on IoT's data plane: the account's operator may do everything. A session that a
/// device was given may do what the device may: here there are no IAM policies that could say what else its role is for.
///
/// # Errors
/// Why not.
pub fn authorize_data<A: Action>(state: &State, caller: Caller<'_>, action: A) -> Result<Permit<A>, String> {
    let Caller { operator, address, domain_name } = caller;
    let Some(certificate_id) = operator.session().and_then(|session| session.certificate_id) else {
        return Ok(authorize_operator(operator, action));
    };
    let (cores, now) = (state.read(), state.now());
    let who = cores.registry.identify(certificate_id, now).map_err(|error| error.to_string())?;
    let policies = cores.registry.policies_of(certificate_id, None);
    let mut context = cores.registry.context_of(now, certificate_id, None, &policies);
    (context.source_ip, context.domain_name) = (Some(address), domain_name.map(Into::into));
    authorize(&who, action, &policies, &context).map_err(|denied| denied.to_string())
}

/// A session that the account's operator asks for (STS: AssumeRole).
pub fn assume_role_as_operator(
    state: &State,
    role_arn: String,
    session_name: String,
    duration_s: u32,
) -> TemporaryCredentials {
    open_session(state, role_arn, session_name, duration_s, None)
}

fn open_session(
    state: &State,
    role_arn: String,
    session_name: String,
    duration_s: u32,
    by: Option<By>,
) -> TemporaryCredentials {
    let mut random = state.random();
    let (mut id, mut secret) = ([0; 16], [0; SECRET_CHARS]);
    random.fill(&mut id);
    random.fill(&mut secret);
    let access_key_id = format!("ASIA{}", spell(&id, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let secret_access_key = spell(&secret, alphabet);
    let role_id = role_id(&role_arn);
    // Whole seconds, as they are told.
    let expiration = Timestamp::from_seconds(state.now().plus(Duration::from_secs(duration_s.into())).seconds());
    let sealed = Sealed {
        access_key_id: access_key_id.clone(),
        secret_access_key: secret_access_key.clone(),
        role_arn: role_arn.clone(),
        role_id: role_id.clone(),
        session_name: session_name.clone(),
        expiration,
        by,
    };
    let certificate_id = sealed.by.as_ref().map(|by| by.certificate_id);
    let plaintext = Secret::new(serde_json::to_vec(&sealed).expect("texts and numbers"));
    let token = key(state).seal(PURPOSE.as_bytes(), plaintext.expose(), &mut random);
    let account = state.tenant().account.to_string();
    TemporaryCredentials {
        access_key_id,
        secret_access_key: Secret::new(secret_access_key.into_bytes()),
        session_token: BASE64_STANDARD.encode(token),
        expiration,
        session: RoleSession { account, role_arn, session_name, role_id, certificate_id },
    }
}

/// Who signs with these credentials, as things are now.
///
/// # Errors
/// [`NoSigner`].
pub fn signer_of_session(state: &State, access_key_id: &str, token: &str) -> Result<Signer, NoSigner> {
    let sealed = open(state, token).filter(|sealed| sealed.access_key_id == access_key_id);
    let sealed = sealed.ok_or(NoSigner::SessionToken)?;
    let now = state.now();
    if sealed.expiration <= now {
        return Err(NoSigner::Expired);
    }
    if let Some(By { certificate_id, role_alias, made }) = &sealed.by {
        let cores = state.read();
        let is_let_in = cores.registry.identify(*certificate_id, now).is_ok();
        let is_there = cores.registry.role_alias(role_alias).is_ok_and(|alias| alias.creation_date == *made);
        if !is_let_in || !is_there {
            return Err(NoSigner::SessionToken);
        }
    }
    let account = state.tenant().account.to_string();
    let Sealed { secret_access_key, role_arn, role_id, session_name, by, .. } = sealed;
    let certificate_id = by.map(|by| by.certificate_id);
    let session = RoleSession { account, role_arn, session_name, role_id, certificate_id };
    Ok(Signer { secret: Secret::new(secret_access_key.into_bytes()), session: Some(session) })
}

fn open(state: &State, token: &str) -> Option<Sealed> {
    let sealed = BASE64_STANDARD.decode(Some(token).filter(|token| token.len() <= TOKEN_CHARS_MAX)?).ok()?;
    let plaintext = key(state).open(PURPOSE.as_bytes(), &sealed).ok()?;
    serde_json::from_slice(plaintext.expose()).ok()
}

fn key(state: &State) -> RootKey {
    RootKey::new(state.root_key().derive(PURPOSE))
}

/// `AROA…`, the same for a role each time.
fn role_id(role_arn: &str) -> String {
    let digest = sekisho_sigv4::sha256_hex(role_arn.as_bytes());
    format!("AROA{}", spell(&digest.as_bytes()[..17], b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
}

fn spell(bytes: &[u8], alphabet: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use sekisho_journal::Durability;
    use sekisho_types::{AccountId, Region, SecretKey, Tenant};

    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/devices/reader";

    /// A state whose clock stands where it is put.
    fn state(root_key: u8) -> (State, Arc<AtomicI64>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() };
        let now = Arc::new(AtomicI64::new(1_800_000_000_500));
        let told = now.clone();
        let clock: sekisho_state::Clock = Arc::new(move || Timestamp::from_millis(told.load(Ordering::SeqCst)));
        let (journal, key) = (directory.path().join("journal"), RootKey::new(SecretKey::new([root_key; 32])));
        let opened = sekisho_state::open(&journal, tenant, key, Durability::Relaxed, clock, &mut |_, _| {}).unwrap();
        (opened.state, now, directory)
    }

    #[tokio::test]
    async fn a_session_is_good_until_its_time_and_with_its_own_key_alone() {
        let (state, now, _directory) = state(7);
        let given = assume_role_as_operator(&state, ROLE.into(), "ci".into(), 900);
        assert_eq!(given.expiration, Timestamp::from_seconds(1_800_000_900));
        let ask = |id: &str, token: &str| signer_of_session(&state, id, token).map(|signer| signer.secret);
        let (id, token) = (given.access_key_id.as_str(), given.session_token.as_str());
        assert_eq!(ask(id, token), Ok(given.secret_access_key.clone()));
        assert_eq!(given.session.arn(), "arn:aws:sts::000000000000:assumed-role/reader/ci");
        let other = assume_role_as_operator(&state, ROLE.into(), "ci".into(), 900);
        assert_eq!(other.session.role_id, given.session.role_id, "a role's id stays");
        for (id, token) in [(other.access_key_id.as_str(), token), (id, &other.session_token), (id, ""), (id, "%")] {
            assert_eq!(ask(id, token), Err(NoSigner::SessionToken), "{id} {token}");
        }
        let bytes = BASE64_STANDARD.decode(token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(ask(id, &BASE64_STANDARD.encode(changed)), Err(NoSigner::SessionToken), "byte {at}");
        }
        now.store(1_800_000_899_999, Ordering::SeqCst);
        assert!(ask(id, token).is_ok());
        now.store(1_800_000_900_000, Ordering::SeqCst);
        assert_eq!(ask(id, token), Err(NoSigner::Expired));
    }

    #[tokio::test]
    async fn another_root_key_opens_none() {
        let ((state, ..), (elsewhere, ..)) = (state(7), state(8));
        let given = assume_role_as_operator(&state, ROLE.into(), "ci".into(), 900);
        let found = signer_of_session(&elsewhere, &given.access_key_id, &given.session_token);
        assert_eq!(found.unwrap_err(), NoSigner::SessionToken);
        // What the same root key seals for another purpose is no token either.
        let sealed = state.root_key().seal(PURPOSE.as_bytes(), b"{}", &mut state.random());
        let found = signer_of_session(&state, &given.access_key_id, &BASE64_STANDARD.encode(sealed));
        assert_eq!(found.unwrap_err(), NoSigner::SessionToken);
    }
}
