//! Asks custom authorizers' functions who somebody is. What is no answer is a no.
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_authorizer::{Answer, BadAnswer, BadBrought, BadToken, Brought, Token};
use sekisho_policy::{MalformedPolicy, PolicySet};
use sekisho_registry::{Authorizer, AuthorizerStatus};
use sekisho_state::State;
use sekisho_types::{AuthorizerName, Random};
use tokio::sync::Semaphore;

use super::credential::{Custom, Grant};
use crate::functions::{CallLimits, Functions};

/// Calls under way at once: a function may be a process of its own. And then: the next waits, see [`WAIT_MAX`].
pub const AUTHORIZER_CALLS_MAX: usize = 64;
/// Those who wait for their call, and those under way. And then: the next is refused, and its device connects again.
const ASKING_MAX: usize = 8 * 1024;
/// How long one waits. With the call it is less than the time the gate gives a CONNECT. And then: as for [`ASKING_MAX`].
const WAIT_MAX: Duration = Duration::from_secs(4);
/// A function that takes longer has said no (iot dev guide: config-custom-auth). Ten documents are 20,480 characters, and white space.
const LIMITS: CallLimits = CallLimits { time: Duration::from_secs(5), answer_bytes: 128 * 1024 };

/// Who asks.
pub struct Authorizers {
    state: Arc<State>,
    functions: Arc<Functions>,
    seconds_min: u32,
    asking: Semaphore,
    calls: Semaphore,
}

/// Why nobody vouches for somebody; the wire says only that they are not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// The client's.
    #[error(transparent)]
    Brought(#[from] BadBrought),
    /// The client's, or the operator's.
    #[error(
        "custom authentication: no authorizer is named, and there is no default one (a certificate goes with ALPN `x-amzn-mqtt-ca`)"
    )]
    NotNamed,
    /// The client's, or the operator's.
    #[error("there is no custom authorizer `{0}`")]
    NotThere(AuthorizerName),
    /// The operator's.
    #[error("custom authorizer `{0}` is INACTIVE")]
    Inactive(AuthorizerName),
    /// The client's.
    #[error("custom authorizer `{0}` was not asked: {1}")]
    Token(AuthorizerName, BadToken),
    /// Nobody's: later.
    #[error(
        "custom authorizer `{0}` was not asked: {AUTHORIZER_CALLS_MAX} calls are under way already, and others wait"
    )]
    Crowded(AuthorizerName),
    /// The function's.
    #[error("custom authorizer `{0}`: {1}")]
    Failed(AuthorizerName, String),
    /// The client's, if it says no; else the function's.
    #[error("custom authorizer `{0}`: `{1}` {2}")]
    Answer(AuthorizerName, String, BadAnswer),
    /// The function's.
    #[error("custom authorizer `{0}`: `{1}` did not answer as it should: {2}")]
    Policy(AuthorizerName, String, MalformedPolicy),
}

impl Authorizers {
    /// Of the account's authorizers. `seconds_min` is the least number of seconds an answer may speak of.
    pub fn new(state: Arc<State>, functions: Arc<Functions>, seconds_min: u32) -> Self {
        let (asking, calls) = (Semaphore::new(ASKING_MAX), Semaphore::new(AUTHORIZER_CALLS_MAX));
        Self { state, functions, seconds_min, asking, calls }
    }

    /// Whether there is one that is asked.
    pub fn are_there(&self) -> bool {
        self.state.read().registry.authorizers().any(|authorizer| authorizer.status == AuthorizerStatus::Active)
    }

    /// Whether there is one that is asked where none is named.
    pub fn has_default(&self) -> bool {
        let cores = self.state.read();
        cores.registry.default_authorizer().is_some_and(|authorizer| authorizer.status == AuthorizerStatus::Active)
    }

    /// Whether what was granted is good for further requests over HTTP: the authorizer that would be asked is the same still, and says so.
    pub fn caches_for_http(&self, custom: &Custom) -> bool {
        let granted =
            custom.granted(|grant| (grant.authorizer.clone(), grant.made, grant.brought.authorizer_name().ok()));
        let Ok((name, made, Some(named))) = granted else { return false };
        self.find(named).is_ok_and(|found| {
            found.authorizer_name == name && found.creation_date == made && found.enable_caching_for_http
        })
    }

    /// Asks for somebody who has sent an HTTP request and nothing else. On success what was granted is theirs.
    ///
    /// # Errors
    /// [`NotVouched`].
    pub async fn vouch_for_request(&self, custom: &Custom) -> Result<(), NotVouched> {
        let grant = self.ask(custom, Arc::new(custom.brought(None)), None).await?;
        custom.settle(Ok(grant));
        Ok(())
    }

    /// How long what was granted just now is good for further requests.
    pub fn good_for(&self, custom: &Custom) -> Option<Duration> {
        custom.granted(|grant| grant.refresh_after.min(grant.disconnect_after)).ok()
    }

    /// Asks the authorizer of that name, or the one that is named in what was brought, or the default one.
    pub(crate) async fn ask(
        &self,
        custom: &Custom,
        brought: Arc<Brought>,
        name: Option<AuthorizerName>,
    ) -> Result<Grant, NotVouched> {
        let named = brought.authorizer_name()?; // asked first: it says whether there is too much of it, too
        let authorizer = self.find(name.or(named))?;
        let name = &authorizer.authorizer_name;
        let token = brought.token(authorizer.token_key_name.as_deref(), authorizer.signers());
        let token = token.map_err(|error| NotVouched::Token(name.clone(), error))?;
        let id = custom.connection_id(|| connection_id(&self.state));
        let (Answer { who, refresh_after_s, disconnect_after_s, .. }, policies) =
            self.call(&authorizer, &brought, &token, id).await?;
        Ok(Grant {
            who,
            policies,
            authorizer: authorizer.authorizer_name,
            made: authorizer.creation_date,
            brought,
            asked: Instant::now(),
            refresh_after: Duration::from_secs(refresh_after_s.into()),
            disconnect_after: Duration::from_secs(disconnect_after_s.into()),
            is_asked_again: false,
        })
    }

    fn find(&self, name: Option<AuthorizerName>) -> Result<Authorizer, NotVouched> {
        let cores = self.state.read();
        let found = match name {
            Some(name) => cores.registry.authorizer(&name).map_err(|_| NotVouched::NotThere(name))?,
            None => cores.registry.default_authorizer().ok_or(NotVouched::NotNamed)?,
        };
        match found.status {
            AuthorizerStatus::Active => Ok(found.clone()),
            AuthorizerStatus::Inactive => Err(NotVouched::Inactive(found.authorizer_name.clone())),
        }
    }

    /// `TestInvokeAuthorizer`: the same, of an authorizer that may be inactive, for what somebody might bring.
    ///
    /// # Errors
    /// [`NotVouched`].
    pub async fn test(
        &self,
        authorizer: &Authorizer,
        brought: &Brought,
        (token, signature): (Option<String>, Option<String>),
    ) -> Result<Answer, NotVouched> {
        let key_name = authorizer.token_key_name.as_deref().unwrap_or_default();
        let token = Token::check(token, signature, key_name, authorizer.signers());
        let token = token.map_err(|error| NotVouched::Token(authorizer.authorizer_name.clone(), error))?;
        self.call(authorizer, brought, &token, &connection_id(&self.state)).await.map(|(answer, _)| answer)
    }

    async fn call(
        &self,
        authorizer: &Authorizer,
        brought: &Brought,
        token: &Token,
        connection_id: &str,
    ) -> Result<(Answer, PolicySet), NotVouched> {
        let (name, arn) = (&authorizer.authorizer_name, &authorizer.authorizer_function_arn);
        let crowded = || NotVouched::Crowded(name.clone());
        let _asking = self.asking.try_acquire().map_err(|_| crowded())?;
        let turn = tokio::time::timeout(WAIT_MAX, self.calls.acquire()).await;
        let _turn = turn.map_err(|_| crowded())?.map_err(|_| crowded())?;
        let event = brought.event(token, connection_id).to_string().into_bytes();
        let began = Instant::now();
        let answer = self.functions.call(arn, event, LIMITS).await;
        metrics::histogram!("sekisho_authorizer_call_seconds").record(began.elapsed().as_secs_f64());
        let answer = answer.map_err(|error| NotVouched::Failed(name.clone(), error.to_string()))?;
        let answer = Answer::parse(&answer, self.seconds_min);
        let answer = answer.map_err(|error| NotVouched::Answer(name.clone(), arn.clone(), error))?;
        let policies = PolicySet::of_answer(&answer.policy_documents);
        let policies = policies.map_err(|error| NotVouched::Policy(name.clone(), arn.clone(), error))?;
        Ok((answer, policies))
    }
}

fn connection_id(state: &State) -> String {
    uuid::Builder::from_random_bytes(state.random().array()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use sekisho_authorizer::MqttPart;
    use sekisho_journal::Durability;
    use sekisho_kms::RootKey;
    use sekisho_registry::{AuthorizerSettings, RegistryError};
    use sekisho_types::{AccountId, Region, SecretKey, Tenant, Timestamp};

    use super::*;
    use crate::FunctionTarget;

    const FUNCTION: &str = "arn:aws:lambda:eu-north-1:000000000000:function:who";

    /// An account with one authorizer, `a`, whose function is `command`.
    async fn authorizers(command: &str) -> (Authorizers, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() };
        let clock: sekisho_state::Clock = Arc::new(|| Timestamp::from_seconds(1_800_000_000));
        let (journal, key) = (directory.path().join("journal"), RootKey::new(SecretKey::new([7; 32])));
        let opened = sekisho_state::open(&journal, tenant, key, Durability::Relaxed, clock, &mut |_, _| {}).unwrap();
        let state = Arc::new(opened.state);
        let settings = AuthorizerSettings {
            authorizer_function_arn: Some(FUNCTION.into()),
            status: Some(AuthorizerStatus::Active),
            ..AuthorizerSettings::default()
        };
        let name = AuthorizerName::parse("a").unwrap();
        let made = state.commit(|cores| {
            let events = cores.registry.create_authorizer(state.now(), name, settings, true)?;
            Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), ()))
        });
        made.await.unwrap();
        let target = FunctionTarget::parse(&format!("command:{command}")).unwrap();
        let functions = Functions::new(HashMap::from([(FUNCTION.to_owned(), target)]));
        (Authorizers::new(state, Arc::new(functions), 300), directory)
    }

    async fn ask(authorizers: &Authorizers) -> String {
        let custom = Custom::default();
        let user_name = Some("pump?x-amz-customauthorizer-name=a".to_owned());
        let brought = custom.brought(Some(MqttPart { user_name, ..MqttPart::default() }));
        match authorizers.ask(&custom, Arc::new(brought), None).await {
            Ok(grant) => grant.who.principal_id().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_takes_too_long_has_said_no() {
        let (authorizers, _directory) = authorizers("sleep 600").await;
        let told = ask(&authorizers).await;
        assert_eq!(told, format!("custom authorizer `a`: `{FUNCTION}` took longer than 5 s"));
        assert_eq!(authorizers.calls.available_permits(), AUTHORIZER_CALLS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_may_be_under_way_waits_and_is_refused() {
        let (authorizers, directory) = authorizers("cat /nonexistent/answer").await;
        let began = tokio::time::Instant::now();
        let others = authorizers.calls.acquire_many(AUTHORIZER_CALLS_MAX as u32).await.unwrap();
        let told = ask(&authorizers).await;
        assert!(told.ends_with("64 calls are under way already, and others wait"), "{told}");
        assert_eq!(began.elapsed().as_secs(), WAIT_MAX.as_secs());
        drop(others);
        let waiting = authorizers.asking.acquire_many(ASKING_MAX as u32).await.unwrap();
        assert!(ask(&authorizers).await.contains("others wait"), "and those who wait are not without number");
        drop(waiting);
        tokio::time::resume(); // a process does not wait for a clock that stands still
        let told = ask(&authorizers).await;
        assert!(told.contains("it ended with exit status: 1"), "{told}");
        assert_eq!(authorizers.asking.available_permits(), ASKING_MAX);
        drop(directory);
    }
}
