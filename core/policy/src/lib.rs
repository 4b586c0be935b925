//! IoT policies: may this device do this?
//!
//! Receives a [`Principal`], proven elsewhere, and an action; hands on a [`Permit`]. Knows nothing of connections or storage.
mod certificate; // iot:Certificate.* of one certificate
mod condition; // the conditions of a statement
mod context; // what is known about a request: the values of variables
mod denied; // why one was not
mod document; // JSON → statements, checked once
mod evaluate; // explicit deny > allow > implicit deny
mod verdict; // the same with everything that took part in it
mod pattern; // wildcards, escapes and ${variables}
mod permit; // actions, and the proof that one was allowed
mod principal; // a device, somebody a custom authorizer knows, or the operator
mod variable; // the names of variables and condition keys
mod session; // the same decisions, remembered for one connection

pub use certificate::CertificateVariables;
pub use context::{Context, ThingContext};
pub use denied::{Denied, MISSING_MAX, Reason};
pub use document::{DOCUMENT_CHARS_MAX, MalformedPolicy, PolicyDocument, PolicySet};
pub use evaluate::{authorize, authorize_custom, authorize_event, authorize_operator, authorize_rule};
pub use permit::{
    Action, ActionName, AssumeRoleWithCertificate, Connect, DeleteConnection, DeleteThingShadow, GetRetainedMessage,
    GetThingShadow, ListNamedShadowsForThing, ListRetainedMessages, Permit, Publish, Receive, RetainPublish, Subscribe,
    UpdateThingShadow,
};
pub use principal::Principal;
pub use session::{MEMO_ENTRIES_MAX, MEMO_TOPIC_BYTES_MAX, SessionPolicy, UNDELIVERED_TOLD_MAX};
pub use verdict::{Outcome, StatementName, Verdict, explain};
