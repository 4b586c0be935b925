//! What somebody came with who has neither certificate nor signature, and what a custom authorizer granted for it, as long as that is good.
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sekisho_authorizer::{Authenticated, BadBrought, Brought, HttpPart, MqttPart};
use sekisho_policy::PolicySet;
use sekisho_types::{AuthorizerName, Timestamp};

/// While an authorizer is asked again, it is looked this often whether it has answered; whoever answers tells the connection, too.
const ANSWER_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Somebody for whom a custom authorizer is to speak. Shared by the connection and whoever asks for it.
#[derive(Default)]
pub struct Custom {
    /// What came before CONNECT.
    before: Brought,
    /// What the function is told of the connection.
    connection_id: OnceLock<String>,
    standing: Mutex<Standing>,
}

#[derive(Default)]
enum Standing {
    /// Nobody was asked yet.
    #[default]
    Unasked,
    /// Left by the next answer.
    Granted(Box<Grant>),
    /// The authorizer was asked again and takes back what it granted. Terminal.
    Withdrawn(String),
}

/// What an authorizer granted.
pub(crate) struct Grant {
    pub who: Authenticated,
    /// All that it may do.
    pub policies: PolicySet,
    pub authorizer: AuthorizerName,
    /// When that authorizer was made; another one made later under its name has granted nothing.
    pub made: Timestamp,
    /// To ask again with.
    pub brought: Arc<Brought>,
    pub asked: Instant,
    pub refresh_after: Duration,
    pub disconnect_after: Duration,
    /// It is being asked again.
    pub is_asked_again: bool,
}

impl Custom {
    /// Somebody who called the server that name in the handshake (empty: by none; `None`: there was no handshake), and sent this request.
    pub fn new(server_name: Option<Box<str>>, http: Option<HttpPart>) -> Self {
        Self { before: Brought { server_name, http, mqtt: None }, ..Self::default() }
    }

    /// Whether what came before CONNECT can be what an authorizer is asked with.
    ///
    /// # Errors
    /// [`BadBrought`].
    pub fn check(&self) -> Result<(), BadBrought> {
        self.before.authorizer_name().map(drop)
    }

    /// All that was brought.
    pub(crate) fn brought(&self, mqtt: Option<MqttPart>) -> Brought {
        Brought { mqtt, ..self.before.clone() }
    }

    /// The same for all calls for this connection.
    pub(crate) fn connection_id(&self, make: impl FnOnce() -> String) -> &str {
        self.connection_id.get_or_init(make)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what an authorizer answered.
    pub(crate) fn settle(&self, answer: Result<Grant, String>) {
        let mut standing = self.standing();
        *standing = match answer {
            Ok(grant) => Standing::Granted(Box::new(grant)),
            Err(reason) => Standing::Withdrawn(reason),
        };
    }

    /// Something of what was granted.
    pub(crate) fn granted<T>(&self, of: impl FnOnce(&Grant) -> T) -> Result<T, String> {
        match &*self.standing() {
            Standing::Granted(grant) => Ok(of(grant)),
            Standing::Unasked => Err("no custom authorizer was asked".to_owned()),
            Standing::Withdrawn(reason) => Err(reason.clone()),
        }
    }

    /// As whom it is known, and to which authorizer.
    pub fn known_as(&self) -> Option<(String, AuthorizerName)> {
        self.granted(|grant| (grant.who.principal_id().to_string(), grant.authorizer.clone())).ok()
    }

    /// When it is to be looked at again.
    pub(crate) fn good_for(&self, now: Instant) -> Option<Duration> {
        self.granted(|grant| match grant.is_asked_again {
            true => ANSWER_LOOK_EVERY,
            false => (grant.asked + grant.refresh_after).saturating_duration_since(now),
        })
        .ok()
    }

    /// Whom to ask again, and with what, if it is time; it is not again until [`Custom::settle`].
    pub(crate) fn take_turn(&self, now: Instant) -> Option<(AuthorizerName, Arc<Brought>)> {
        let Standing::Granted(grant) = &mut *self.standing() else { return None };
        if grant.is_asked_again || now < grant.asked + grant.refresh_after {
            return None;
        }
        grant.is_asked_again = true;
        Some((grant.authorizer.clone(), grant.brought.clone()))
    }
}

/// Passwords and tokens are in it.
impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("known_as", &self.known_as()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use sekisho_authorizer::Answer;

    use super::*;

    fn grant(asked: Instant, principal: &str) -> Grant {
        let answer = format!(
            r#"{{"isAuthenticated": true, "principalId": "{principal}", "policyDocuments": [],
                "disconnectAfterInSeconds": 600, "refreshAfterInSeconds": 300}}"#
        );
        let answer = Answer::parse(answer.as_bytes(), 300).unwrap();
        Grant {
            who: answer.who,
            policies: PolicySet::default(),
            authorizer: AuthorizerName::parse("a").unwrap(),
            made: Timestamp::from_seconds(0),
            brought: Arc::default(),
            asked,
            refresh_after: Duration::from_secs(300),
            disconnect_after: Duration::from_secs(600),
            is_asked_again: false,
        }
    }

    #[test]
    fn it_is_asked_again_when_it_is_time_and_once() {
        let (custom, begin) = (Custom::default(), Instant::now());
        let after = |s| begin + Duration::from_secs(s);
        assert!(custom.take_turn(begin).is_none() && custom.good_for(begin).is_none() && custom.known_as().is_none());
        custom.settle(Ok(grant(begin, "pump7")));
        assert_eq!(custom.good_for(after(100)), Some(Duration::from_secs(200)));
        assert!(custom.take_turn(after(299)).is_none());
        assert_eq!(custom.take_turn(after(300)).unwrap().0.as_str(), "a");
        assert!(custom.take_turn(after(301)).is_none(), "a call is under way");
        assert_eq!(custom.good_for(after(301)), Some(ANSWER_LOOK_EVERY));
        assert_eq!(custom.known_as().unwrap().0, "pump7", "meanwhile nothing changes");
        custom.settle(Ok(grant(after(302), "pump8")));
        assert_eq!(custom.good_for(after(302)), Some(Duration::from_secs(300)));
        custom.settle(Err("said no".into()));
        assert_eq!(custom.granted(|_| ()), Err("said no".to_owned()));
        assert!(custom.take_turn(after(9999)).is_none() && custom.good_for(after(9999)).is_none());
    }

    #[test]
    fn debug_prints_no_secret() {
        let http = HttpPart { headers: vec![("token".into(), "hunter2".into())], query: Some("t=hunter2".into()) };
        assert!(!format!("{:?}", Custom::new(None, Some(http))).contains("hunter2"));
    }
}
