//! What happened to the work of rules.
use serde::{Deserialize, Serialize};

use crate::{Execution, ExecutionId, Failure};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A rule has work to do on a message.
    Taken {
        /// Its number.
        id: ExecutionId,
        /// It.
        execution: Box<Execution>,
    },
    /// A part of it was done, or given up; there are others.
    Settled {
        /// Of which.
        id: ExecutionId,
        /// The place in its list of work.
        work: u8,
        /// Why it was given up; `None` if it was done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// There is nothing left to do.
    Ended {
        /// Which.
        id: ExecutionId,
    },
}
