//! `sekisho policy test`: asks the running server what it would decide about a device, without connecting.
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use sekisho_policy::{ActionName, Context, Outcome, PolicySet, StatementName, Verdict, explain};
use sekisho_registry::Registry;
use sekisho_state::State;
use sekisho_types::{CertificateId, ClientId, ThingName, TopicFilter, TopicName};
use sekisho_workers::only_the_server_publishes;
use serde::{Deserialize, Serialize};

use crate::admin_client::{self, Running};

/// Exit code where nothing could be decided: a script must not take it for a denial, which is 1.
const EXIT_UNDECIDED: u8 = 2;

/// The flags of `sekisho policy`.
#[derive(Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Say whether a device may do something, and which statements of which policies decide; exits with 0 if it may, 1 if not,
    /// 2 if that could not be asked
    Test(TestArgs),
}

#[derive(Args)]
struct TestArgs {
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    question: Question,
}

/// Who, and what.
#[derive(Args, Serialize, Deserialize)]
pub struct Question {
    /// The MQTT client id [default: the thing's name]
    #[arg(long, value_name = "ID", required_unless_present = "thing")]
    client_id: Option<String>,
    /// The device's certificate: its id or the beginning of it [default: the one of the thing, which is named by --thing or else by
    /// the client id]
    #[arg(long, value_name = "ID", conflicts_with = "thing")]
    certificate: Option<String>,
    /// The thing whose certificate it is
    #[arg(long, value_name = "NAME")]
    thing: Option<String>,
    /// Where it comes from: aws:SourceIp
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// The server's name it calls: iot:DomainName
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// It asks for a session that outlives the connection: iot:ConnectAttributes
    #[arg(long)]
    persistent: bool,
    /// It leaves a will: iot:ConnectAttributes
    #[arg(long)]
    will: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    /// Connect
    Connect,
    /// Publish to a topic
    Publish {
        /// The topic
        topic: String,
        /// As a message that is kept
        #[arg(long)]
        retain: bool,
    },
    /// Subscribe to a filter
    Subscribe {
        /// The filter
        filter: String,
    },
    /// Be given a message
    Receive {
        /// The topic it was published to
        topic: String,
    },
}

/// What the server says.
#[derive(Serialize, Deserialize)]
struct Answer {
    allowed: bool,
    text: String,
}

/// Asks, prints, and says by the exit code.
pub async fn run(args: PolicyArgs) -> ExitCode {
    let PolicyCommand::Test(args) = args.command;
    match ask(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sekisho: {error:#}");
            ExitCode::from(EXIT_UNDECIDED)
        }
    }
}

async fn ask(args: &TestArgs) -> Result<bool> {
    let body = serde_json::to_vec(&args.question)?;
    let answer = admin_client::command(&args.running.data, "/policy/test", body).await?;
    let answer: Answer = serde_json::from_slice(&answer)?;
    std::io::Write::write_all(&mut std::io::stdout().lock(), answer.text.as_bytes())?;
    Ok(answer.allowed)
}

/// The server's side.
///
/// # Errors
/// If it is not clear who is meant, or what is asked for cannot be.
pub fn answer(state: &State, body: &[u8]) -> Result<String> {
    let question: Question = serde_json::from_slice(body)?;
    Ok(serde_json::to_string(&question.answer(state)?)?)
}

impl Question {
    fn answer(&self, state: &State) -> Result<Answer> {
        let registry = &state.read().registry;
        let client_id =
            self.client_id.as_deref().or(self.thing.as_deref()).context("as which client? --client-id ID")?;
        let client_id = ClientId::parse(client_id).with_context(|| format!("`{}`", client_id.escape_debug()))?;
        let certificate_id = self.certificate(registry, &client_id)?;
        let policies = registry.policies_of(certificate_id, Some(&client_id));
        let mut context = registry.context_of(state.now(), certificate_id, Some(&client_id), &policies);
        context.source_ip = self.source_ip;
        context.domain_name = self.domain.as_deref().map(Into::into);
        (context.persistent_connect, context.last_will) = (self.persistent, self.will);

        let mut text = format!("client `{}`, certificate {certificate_id}", client_id.as_str().escape_debug());
        text.push_str(&match &context.thing {
            None => ", no thing\n".to_owned(),
            Some(thing) if thing.is_attached => format!(", thing `{}`\n", thing.thing_name),
            Some(thing) => format!(", no thing: the certificate is not attached to `{}`\n", thing.thing_name),
        });
        if let Err(error) = registry.identify(certificate_id, state.now()) {
            text.push_str(&format!("DENIED everything: {error}\n"));
            return Ok(Answer { allowed: false, text });
        }
        let mut allowed = true;
        for (action, resource) in self.asked(&client_id)? {
            let decided = Decided::by(&policies, &context, action, &resource);
            allowed &= decided.is_allowed();
            text.push_str(&decided.to_string());
        }
        if let Action::Publish { topic, .. } = &self.action
            && only_the_server_publishes(topic)
        {
            allowed = false;
            text.push_str("DENIED all the same: only the server publishes to that topic\n");
        }
        let connect = Decided::by(&policies, &context, ActionName::Connect, &format!("client/{client_id}"));
        if !matches!(self.action, Action::Connect) && !connect.is_allowed() {
            text.push_str("note: it could not connect in the first place\n");
            text.push_str(&connect.to_string());
        }
        Ok(Answer { allowed, text })
    }

    /// The actions it comes to, and the resource of each.
    fn asked(&self, client_id: &ClientId) -> Result<Vec<(ActionName, String)>> {
        let topic = |topic: &str| {
            let parsed = TopicName::parse(topic).with_context(|| format!("`{}`", topic.escape_debug()))?;
            Ok::<_, anyhow::Error>(format!("topic/{}", parsed.as_str()))
        };
        Ok(match &self.action {
            Action::Connect => vec![(ActionName::Connect, format!("client/{client_id}"))],
            Action::Publish { topic: to, retain: false } => vec![(ActionName::Publish, topic(to)?)],
            Action::Publish { topic: to, retain: true } => {
                vec![(ActionName::Publish, topic(to)?), (ActionName::RetainPublish, topic(to)?)]
            }
            Action::Subscribe { filter } => {
                let parsed = TopicFilter::parse(filter).with_context(|| format!("`{}`", filter.escape_debug()))?;
                vec![(ActionName::Subscribe, format!("topicfilter/{}", parsed.as_str()))]
            }
            Action::Receive { topic: from } => vec![(ActionName::Receive, topic(from)?)],
        })
    }

    fn certificate(&self, registry: &Registry, client_id: &ClientId) -> Result<CertificateId> {
        if let Some(begins) = &self.certificate {
            let begins = begins.rsplit('/').next().unwrap_or_default(); // an ARN will do
            let ids = registry.certificates().map(|certificate| certificate.certificate_id);
            let found: Vec<_> = ids.filter(|id| id.to_string().starts_with(begins)).collect();
            return match found.as_slice() {
                [one] => Ok(*one),
                [] => bail!("no certificate's id begins with `{}`", begins.escape_debug()),
                _ => bail!("the ids of {} certificates begin with `{begins}`", found.len()),
            };
        }
        let name = self.thing.as_deref().unwrap_or(client_id.as_str());
        let principals = ThingName::parse(name).ok().map(|name| registry.principals_of_thing(&name));
        let Some(Ok(principals)) = principals else {
            let name = name.escape_debug();
            bail!("whose certificate? there is no thing `{name}`: --certificate ID, or --thing NAME");
        };
        let ids: Vec<_> = principals.iter().filter_map(|(arn, _)| registry.certificate_of_arn(arn)).collect();
        match ids.as_slice() {
            [one] => Ok(*one),
            [] => bail!("no certificate is attached to thing `{name}`: --certificate ID"),
            several => {
                let several: Vec<_> = several.iter().map(ToString::to_string).collect();
                bail!("which certificate of thing `{name}`? --certificate {}", several.join(" or "))
            }
        }
    }
}

struct Decided<'a> {
    action: ActionName,
    resource: String,
    policies: &'a PolicySet,
    verdict: Verdict,
}

impl<'a> Decided<'a> {
    fn by(policies: &'a PolicySet, context: &Context, action: ActionName, resource: &str) -> Self {
        let resource = context.tenant.arn("iot", resource);
        let verdict = explain(action, &resource, policies, context);
        Self { action, resource, policies, verdict }
    }

    fn is_allowed(&self) -> bool {
        self.verdict.outcome == Outcome::Allowed
    }
}

impl std::fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Verdict { outcome, allows, denies, unevaluated, silent, missing } = &self.verdict;
        let word = match outcome {
            Outcome::Allowed => "ALLOWED",
            Outcome::ExplicitDeny | Outcome::ImplicitDeny => "DENIED",
        };
        writeln!(f, "{word} {} on {}", self.action, self.resource.escape_debug())?;
        if self.policies.is_empty() {
            return writeln!(f, "  no policy is attached to the certificate, nor to a group of its things");
        }
        let mut lines = |verb: &str, statements: &[StatementName]| {
            statements.iter().try_for_each(|statement| writeln!(f, "  {verb} {}", printable(statement)))
        };
        lines("denied by", denies)?;
        lines("allowed by", allows)?;
        lines("cannot be evaluated:", unevaluated)?;
        if *outcome == Outcome::ImplicitDeny {
            writeln!(f, "  no statement allows it")?;
        }
        let mut list = |intro: &str, names: Vec<String>| {
            if names.is_empty() { Ok(()) } else { writeln!(f, "  {intro} {}", names.join(", ")) }
        };
        list("without a statement about it:", silent.iter().map(|name| format!("policy `{name}`")).collect())?;
        list("without a value:", missing.iter().map(|name| format!("`{}`", name.escape_debug())).collect())
    }
}

/// A `Sid` is any text: nothing in it may move the cursor of a terminal.
fn printable(statement: &StatementName) -> StatementName {
    let sid = statement.sid.as_ref().map(|sid| sid.escape_debug().to_string());
    StatementName { sid, ..statement.clone() }
}
