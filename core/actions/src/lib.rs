//! Actions of rules that take longer than a publisher waits: what is to be done, until it is done or given up.
//!
//! Receives what a rule made of a message and what is to become of it; hands on events, and to whoever does the work what is still
//! to be done. The work is journaled before the message is acknowledged, and ended after it was done: a crash in between does it
//! again. Knows nothing of buckets, sockets or topics.
mod actions; // all that is to be done
mod event; // what happened
mod execution; // one rule's work on one message
mod lane; // where it is done

pub use actions::{Actions, Limits, Progress};
pub use event::Event;
pub use execution::{Execution, ExecutionId, Failure, Origin, Said, Task, Unevaluated, Work};
pub use lane::Lane;
