//! Custom authentication: a function of the operator's says who somebody is and what they may do
//! (iot dev guide: "Custom authentication and authorization").
mod authorizers; // who asks the function
mod credential; // what somebody came with, and was granted for it
mod connections; // before CONNACK, and again while the connection lasts

pub use authorizers::{AUTHORIZER_CALLS_MAX, Authorizers, NotVouched};
pub use credential::Custom;
