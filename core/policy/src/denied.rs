//! Why something is not allowed.
use std::fmt;
use std::sync::Arc;

use sekisho_types::PolicyName;

use crate::ActionName;

/// Something that is not allowed, and why: for the log and for `sekisho why`, never for the peer. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(Arc<Refusal>);

#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    action: ActionName,
    resource: String,
    reason: Reason,
}

/// Why something is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A statement denies it.
    Explicit {
        /// The policy it stands in.
        policy: PolicyName,
        /// Its place there, from 1.
        statement: usize,
        /// Its `Sid`, if it has one.
        sid: Option<String>,
        /// One of its conditions cannot be evaluated, and therefore it applies.
        unevaluated: bool,
    },
    /// No statement allows it.
    Implicit {
        /// The policies that were asked.
        policies: Vec<PolicyName>,
        /// The statements, from 1, that might allow it if their conditions could be evaluated.
        unevaluated: Vec<(PolicyName, usize)>,
        /// Variables without a value in statements about this action, each as written.
        unresolved: Vec<String>,
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
            Reason::Explicit { policy, statement, sid, unevaluated } => {
                write!(f, "statement {statement}")?;
                if let Some(sid) = sid {
                    write!(f, " (`{sid}`)")?;
                }
                write!(f, " of policy `{policy}` denies it")?;
                f.write_str(if *unevaluated { ", because its condition cannot be evaluated" } else { "" })
            }
            Reason::NotATopicName => f.write_str("it is not a topic name"),
            Reason::Implicit { policies, .. } if policies.is_empty() => {
                f.write_str("no policy is attached to the certificate")
            }
            Reason::Implicit { policies, unevaluated, unresolved } => {
                f.write_str("no statement allows it in ")?;
                list(f, policies)?;
                for (policy, statement) in unevaluated {
                    write!(f, "; the condition of statement {statement} of policy `{policy}` cannot be evaluated")?;
                }
                if !unresolved.is_empty() {
                    f.write_str("; without a value: ")?;
                    list(f, unresolved)?;
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
