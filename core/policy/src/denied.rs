//! Why something is not allowed.
use std::fmt;
use std::sync::Arc;

use sekisho_types::PolicyName;

use crate::{ActionName, StatementName};

/// Names without a value that a refusal tells: refusals are remembered. And then: the others are told when these have values;
/// [`crate::explain`] tells all.
pub const MISSING_MAX: usize = 10;

/// Something that is not allowed, and why: for the log and for `sekisho why`, never for the peer. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Denied(Arc<Refusal>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Refusal {
    action: ActionName,
    resource: String,
    reason: Reason,
}

/// Why something is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A statement denies it.
    Explicit {
        /// Which.
        statement: StatementName,
        /// One of its conditions cannot be evaluated, and therefore it applies.
        unevaluated: bool,
    },
    /// No statement allows it.
    Implicit {
        /// The policies that were asked.
        policies: Vec<PolicyName>,
        /// The statements that might allow it if their conditions could be evaluated.
        unevaluated: Vec<StatementName>,
        /// Variables and condition keys without a value, in statements that allow this action; at most [`MISSING_MAX`].
        missing: Vec<String>,
    },
    /// The text is not a topic name.
    NotATopicName,
}

impl Denied {
    pub(crate) fn new(action: ActionName, resource: &str, reason: Reason) -> Self {
        Self(Arc::new(Refusal { action, resource: resource.to_owned(), reason }))
    }

    /// What was asked for.
    pub fn action(&self) -> ActionName {
        self.0.action
    }

    /// On what: an ARN, or the text that is not a topic name.
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Why not.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Whether a statement denies it; otherwise no statement allows it.
    pub fn is_explicit(&self) -> bool {
        matches!(self.0.reason, Reason::Explicit { .. })
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on `{}` is denied: ", self.0.action, self.0.resource)?;
        match &self.0.reason {
            Reason::Explicit { statement, unevaluated } => {
                write!(f, "{statement} denies it")?;
                f.write_str(if *unevaluated { ", because its condition cannot be evaluated" } else { "" })
            }
            Reason::NotATopicName => f.write_str("it is not a topic name"),
            Reason::Implicit { policies, .. } if policies.is_empty() => {
                f.write_str("no policy is attached to the certificate, nor in a custom authorizer's answer")
            }
            Reason::Implicit { policies, unevaluated, missing } => {
                f.write_str("no statement allows it in ")?;
                list(f, policies)?;
                for statement in unevaluated {
                    write!(f, "; the condition of {statement} cannot be evaluated")?;
                }
                if !missing.is_empty() {
                    f.write_str("; without a value: ")?;
                    list(f, missing)?;
                }
                Ok(())
            }
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(number, item)| write!(f, "{}`{item}`", if number == 0 { "" } else { ", " }))
}

impl std::error::Error for Denied {}
