//! Policies of resources: what does the document attached to this bucket say of this request?
//!
//! Receives a document and what is known of a request; hands on allow, deny, or nothing. Knows no service: actions, resources
//! and condition keys are text that the caller gives.
mod attached; // a document on a resource, read once
mod condition; // the conditions of a statement
mod document; // JSON → statements, checked once
mod evaluate; // explicit deny > allow > nothing
mod operator; // condition operators
mod pattern; // * and ?

pub use attached::AttachedPolicy;
pub use document::{MalformedPolicy, ResourcePolicy};
pub use evaluate::{Context, Decision, Request};
pub use operator::{Comparison, Operator, Order};
