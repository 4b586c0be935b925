//! A decision with everything that took part in it, for who asks before a device does.
use std::fmt;

use sekisho_types::PolicyName;

use crate::document::Effect;
use crate::evaluate::applies;
use crate::{ActionName, Context, PolicySet};

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement allows it.
    ImplicitDeny,
}

/// A statement, by its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatementName {
    /// The policy it stands in.
    pub policy: PolicyName,
    /// Its place there, from 1.
    pub statement: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
}

/// A decision, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub outcome: Outcome,
    /// The statements that allow it.
    pub allows: Vec<StatementName>,
    /// The statements that deny it.
    pub denies: Vec<StatementName>,
    /// Statements one of whose conditions cannot be evaluated: such an allow does not count, such a deny does.
    pub unevaluated: Vec<StatementName>,
    /// Policies without a statement that allows or denies it.
    pub silent: Vec<PolicyName>,
    /// Variables and condition keys without a value, in statements about this action: each once.
    pub missing: Vec<String>,
}

/// Decides as [`crate::authorize`] does, but looks at every statement, and lets nobody do anything.
pub fn explain(action: ActionName, resource: &str, policies: &PolicySet, context: &Context) -> Verdict {
    let (mut allows, mut denies, mut unevaluated) = (Vec::new(), Vec::new(), Vec::new());
    let (mut silent, mut missing) = (Vec::new(), Vec::new());
    for (name, document) in policies.iter() {
        let before = allows.len() + denies.len();
        for (number, statement) in (1..).zip(document.statements()) {
            if !statement.actions.covers(action) {
                continue;
            }
            note(&mut missing, statement.missing(resource, context), usize::MAX);
            let named = StatementName { policy: name.clone(), statement: number, sid: statement.sid.clone() };
            match (statement.effect, applies(statement, action, resource, context)) {
                (_, Some(false)) => {}
                (Effect::Allow, Some(true)) => allows.push(named),
                (Effect::Deny, Some(true)) => denies.push(named),
                (Effect::Allow, None) => unevaluated.push(named),
                (Effect::Deny, None) => {
                    unevaluated.push(named.clone());
                    denies.push(named);
                }
            }
        }
        if allows.len() + denies.len() == before {
            silent.push(name.clone());
        }
    }
    let outcome = match (denies.is_empty(), allows.is_empty()) {
        (false, _) => Outcome::ExplicitDeny,
        (true, false) => Outcome::Allowed,
        (true, true) => Outcome::ImplicitDeny,
    };
    Verdict { outcome, allows, denies, unevaluated, silent, missing }
}

/// Adds names that are not there yet, but keeps to `most`.
pub(crate) fn note<'a>(known: &mut Vec<String>, names: impl Iterator<Item = &'a str>, most: usize) {
    for name in names {
        if known.len() < most && !known.iter().any(|known| known == name) {
            known.push(name.to_owned());
        }
    }
}

/// ``statement 2 (`no`) of policy `p` ``
impl fmt::Display for StatementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.statement)?;
        if let Some(sid) = &self.sid {
            write!(f, " (`{sid}`)")?;
        }
        write!(f, " of policy `{}`", self.policy)
    }
}
