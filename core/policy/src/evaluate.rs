//! The decision: explicit deny, else allow, else implicit deny (IAM user guide: "Policy evaluation logic").
use sekisho_authorizer::Authenticated;
use sekisho_identity::DeviceIdentity;
use sekisho_sigv4::Operator;
use sekisho_types::TopicName;

use crate::denied::MISSING_MAX;
use crate::document::{Effect, Statement};
use crate::verdict::note;
use crate::{Action, ActionName, Context, Denied, Permit, PolicySet, Publish, Reason, StatementName};

/// Asks whether `who` may do `action`.
///
/// # Errors
/// [`Denied`], with the statement at fault.
pub fn authorize<A: Action>(
    who: &DeviceIdentity,
    action: A,
    policies: &PolicySet,
    context: &Context,
) -> Result<Permit<A>, Denied> {
    decide(A::NAME, &context.tenant.arn("iot", action.resource()), policies, context)?;
    Ok(Permit::new(Some(who.certificate_id()), action))
}

/// Asks whether somebody may do `action` whom a custom authorizer has recognized; `policies` are those of its answer.
///
/// # Errors
/// [`Denied`], with the statement at fault.
pub fn authorize_custom<A: Action>(
    _: &Authenticated,
    action: A,
    policies: &PolicySet,
    context: &Context,
) -> Result<Permit<A>, Denied> {
    decide(A::NAME, &context.tenant.arn("iot", action.resource()), policies, context)?;
    Ok(Permit::new(None, action))
}

/// The account's operator may do everything: IoT policies speak of devices.
pub fn authorize_operator<A: Action>(_: &Operator, action: A) -> Permit<A> {
    Permit::new(None, action)
}

/// The prefixes of topics on which the server tells what happened in it, and to things.
const SERVERS_OWN: [&str; 2] = ["$aws/events/", "$aws/things/"];

/// What happened in the server is told on `$aws/events/…` and `$aws/things/…`, and nowhere else; nobody's policy is asked.
pub fn authorize_event(topic: TopicName) -> Option<Permit<Publish>> {
    let is_servers_own = SERVERS_OWN.iter().any(|prefix| topic.as_str().starts_with(prefix));
    is_servers_own.then(|| Permit::new(None, Publish { topic }))
}

/// A rule republishes in the account's name, on any topic but those where the server alone tells what happened.
pub fn authorize_rule(topic: TopicName) -> Option<Permit<Publish>> {
    let is_events = topic.as_str().starts_with(SERVERS_OWN[0]);
    (!is_events).then(|| Permit::new(None, Publish { topic }))
}

fn decide(action: ActionName, resource: &str, policies: &PolicySet, context: &Context) -> Result<(), Denied> {
    let mut allowed = false;
    for (name, document) in policies.iter() {
        for (number, statement) in (1..).zip(document.statements()) {
            match statement.effect {
                Effect::Deny => {
                    let unevaluated = match applies(statement, action, resource, context) {
                        Some(false) => continue,
                        Some(true) => false,
                        None => true,
                    };
                    let (policy, sid) = (name.clone(), statement.sid.clone());
                    let statement = StatementName { policy, statement: number, sid };
                    let reason = Reason::Explicit { statement, unevaluated };
                    return Err(Denied::new(action, resource, reason));
                }
                Effect::Allow => allowed = allowed || applies(statement, action, resource, context) == Some(true),
            }
        }
    }
    if allowed { Ok(()) } else { Err(Denied::new(action, resource, implicit(action, resource, policies, context))) }
}

/// Whether a statement speaks of this; `None` if one of its conditions cannot be evaluated and no other one fails.
pub(crate) fn applies(statement: &Statement, action: ActionName, resource: &str, context: &Context) -> Option<bool> {
    if !statement.actions.covers(action) || !statement.resources.covers(resource, context) {
        return Some(false);
    }
    let mut holds = Some(true);
    for condition in &statement.conditions {
        match condition.holds(context) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => holds = None,
        }
    }
    holds
}

/// Why no statement allows it. Only asked after a refusal.
fn implicit(action: ActionName, resource: &str, policies: &PolicySet, context: &Context) -> Reason {
    let (mut unevaluated, mut missing) = (Vec::new(), Vec::new());
    for (name, document) in policies.iter() {
        for (number, statement) in (1..).zip(document.statements()) {
            if statement.effect == Effect::Deny || !statement.actions.covers(action) {
                continue;
            }
            note(&mut missing, statement.missing(resource, context), MISSING_MAX);
            if applies(statement, action, resource, context).is_none() {
                let (policy, sid) = (name.clone(), statement.sid.clone());
                unevaluated.push(StatementName { policy, statement: number, sid });
            }
        }
    }
    let policies = policies.iter().map(|(name, _)| name.clone()).collect();
    Reason::Implicit { policies, unevaluated, missing }
}

#[cfg(test)]
mod tests;
