//! Rule actions that are one call of an AWS API, and calls that statements wait for: what each is made of, and the request it comes to
//! (developer guide, "AWS IoT rule actions", "Functions"; the services' API references).
//!
//! Receives an action's members with their templates filled in, and later the rule's result; hands on a request to be signed and sent,
//! and what an answer means. Knows no endpoint and no credentials.
mod call; // one action, and all there are
mod request; // before it is signed
mod lookup; // calls whose answer is wanted
mod post; // http
mod answer; // whether to try again

mod cloudwatch; // cloudwatchAlarm, cloudwatchMetric
mod dynamodb; // dynamoDB, dynamoDBv2
mod kinesis;
mod lambda;
mod logs; // cloudwatchLogs
mod opensearch; // openSearch, elasticsearch
mod sns;
mod sqs;
mod states; // stepFunctions
mod timestream;

pub use answer::is_passing;
pub use call::{Call, Words, without_nulls};
pub use lookup::{KeyValue, Lookup, service_asked_by};
pub use post::{Batching, Post, Signing};
pub use request::{Context, Request};

/// Services that are called, as they are signed for and as `[[service]]` names them.
#[rustfmt::skip]
pub const SERVICES: &[&str] = &["dynamodb", "es", "execute-api", "kinesis", "lambda", "logs", "monitoring", "secretsmanager", "sns", "sqs", "states", "timestream"];
