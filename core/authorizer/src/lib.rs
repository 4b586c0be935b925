//! Custom authentication: a function of the operator's says who somebody is (iot dev guide: "Custom authentication and authorization").
//!
//! Receives what somebody brings (user name and password, headers, a query) and what the function answers; hands on the event it is
//! asked with, and an [`Authenticated`]. Knows neither connections nor who calls the function.
mod brought; // what somebody brings, and the parameters in it
mod token; // the token among them, and who signed it
mod event; // what the function is asked
mod answer; // what it answers

pub use answer::{Answer, Authenticated, BadAnswer, POLICY_DOCUMENTS_MAX, SECONDS_MAX, SECONDS_MIN};
pub use brought::{BROUGHT_BYTES_MAX, BadBrought, Brought, HttpPart, MqttPart, NAME, SIGNATURE};
pub use token::{BadToken, BadTokenKey, TOKEN_KEY_BITS_MIN, Token, TokenKeys, check_token_key};
