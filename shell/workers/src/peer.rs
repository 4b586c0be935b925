//! Who is at the other end of a connection: an address, what it came with, and how it is spoken to.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_broker::ConnectionId;
use sekisho_policy::Principal;
use sekisho_sigv4::{NoSigner, Operator, RoleSession};
use sekisho_types::{AuthorizerName, CertificateId, Secret};

use crate::custom::Custom;
use crate::gateway::Gateway;
use crate::links::Link;
use crate::role_sessions::signer_of_session;
use crate::tls_details::TlsDetails;

/// How often it is asked whether a role's session still stands; what becomes of its certificate is told at once.
const SESSION_LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The other end of the socket, or who a proxy says it is.
    pub address: SocketAddr,
    /// What it came with.
    pub credential: Credential,
    /// The name it came by, if it is one of the server's, see [`crate::Gateway::domain_name`].
    pub domain_name: Option<DomainName>,
    /// What was agreed on in the handshake, where there was one.
    pub tls: Option<TlsDetails>,
}

/// What somebody came with. Whether it is enough is asked at CONNECT, and again whenever something about it changes.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The certificate whose key signed the handshake.
    Certificate(CertificateId),
    /// A signature, which was verified.
    Operator {
        /// Whose.
        operator: Operator,
        /// The session token that came with it: a role's session ends before its connection may.
        token: Option<Secret>,
    },
    /// What a custom authorizer is to believe, or has believed.
    Custom(Arc<Custom>),
}

impl Peer {
    /// The certificate it came with, if it came with one.
    pub const fn certificate_id(&self) -> Option<CertificateId> {
        match &self.credential {
            Credential::Certificate(certificate_id) => Some(*certificate_id),
            Credential::Operator { .. } | Credential::Custom(_) => None,
        }
    }

    /// The certificate whose changes concern it, and whose policies: its own, or the one its role's session was given to.
    pub(crate) fn certificate_behind(&self) -> Option<CertificateId> {
        match &self.credential {
            Credential::Certificate(certificate_id) => Some(*certificate_id),
            Credential::Operator { operator, .. } => operator.session()?.certificate_id,
            Credential::Custom(_) => None,
        }
    }

    /// The access key it signed with, if it signed.
    pub fn access_key_id(&self) -> Option<&str> {
        match &self.credential {
            Credential::Operator { operator, .. } => Some(operator.access_key_id()),
            Credential::Certificate(_) | Credential::Custom(_) => None,
        }
    }

    /// As whom a custom authorizer knows it, and which one.
    pub fn known_as(&self) -> Option<(String, AuthorizerName)> {
        match &self.credential {
            Credential::Custom(custom) => custom.known_as(),
            Credential::Certificate(_) | Credential::Operator { .. } => None,
        }
    }
}

/// One of the server's names, by its place among them: a connection keeps no text for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainName(pub(crate) usize);

impl Gateway {
    /// Whether somebody is let in as things are now.
    pub fn is_let_in(&self, peer: &Peer) -> bool {
        self.identify(peer).is_ok()
    }

    /// When it is to be asked again whether somebody is let in who is now, because that may end by itself, by the clock as it is set now;
    /// nobody is told then.
    pub fn valid_for(&self, peer: &Peer) -> Option<Duration> {
        let who = self.identify(peer).ok()?;
        match &peer.credential {
            Credential::Certificate(_) => who.valid_for(self.state.now()),
            Credential::Operator { token, .. } => token.as_ref().map(|_| SESSION_LOOK_EVERY),
            Credential::Custom(custom) => custom.good_for(Instant::now()),
        }
    }

    pub(crate) fn identify(&self, peer: &Peer) -> Result<Principal, String> {
        match &peer.credential {
            Credential::Certificate(certificate_id) => self.identify_device(*certificate_id),
            Credential::Operator { operator, token: None } => Ok(operator.clone().into()),
            Credential::Operator { operator, token: Some(token) } => {
                let token = String::from_utf8_lossy(token.expose());
                match signer_of_session(&self.state, operator.access_key_id(), &token) {
                    // It may do here what its device may, as [`crate::authorize_data`] has it.
                    Ok(_) => match peer.certificate_behind() {
                        Some(certificate_id) => self.identify_device(certificate_id),
                        None => Ok(operator.clone().into()),
                    },
                    Err(NoSigner::Expired) => Err("its session token has expired".to_owned()),
                    Err(NoSigner::AccessKey | NoSigner::SessionToken) => {
                        Err("its session token is good no more, because of its certificate or its role alias"
                            .to_owned())
                    }
                }
            }
            Credential::Custom(custom) => self.identify_custom(custom),
        }
    }

    fn identify_device(&self, certificate_id: CertificateId) -> Result<Principal, String> {
        let identity = self.state.read().registry.identify(certificate_id, self.state.now());
        identity.map(Principal::from).map_err(|error| error.to_string())
    }

    /// A link for a new connection.
    pub fn open_link(&self, id: ConnectionId, peer: &Arc<Peer>) -> Arc<Link> {
        self.links.open(id, peer.clone(), self.principal_of(peer).into())
    }

    /// As whom rules and events see somebody: a certificate's id, what a custom authorizer calls it, or AWS's user id: of a role's session `AROA…:<session>`, of the account's
    /// root the account (IAM user guide: "Unique identifiers").
    pub(crate) fn principal_of(&self, peer: &Peer) -> String {
        let account = || self.state.tenant().account.to_string();
        match &peer.credential {
            Credential::Certificate(certificate_id) => certificate_id.to_string(),
            Credential::Operator { operator, .. } => operator.session().map_or_else(account, RoleSession::user_id),
            Credential::Custom(custom) => custom.known_as().map_or_else(account, |(principal_id, _)| principal_id),
        }
    }
}
