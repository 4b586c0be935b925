//! Why a command on a delivery stream is refused.
use sekisho_types::DeliveryStreamName;

/// Always the caller's move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// `InvalidArgumentException`
    #[error("{0}")]
    InvalidArgument(String),
    /// `ResourceNotFoundException`
    #[error("Firehose {name} under account {account} not found.")]
    NotFound {
        /// Which.
        name: DeliveryStreamName,
        /// Whose.
        account: String,
    },
    /// `ResourceInUseException`
    #[error("Firehose {name} under accountId {account} already exists")]
    InUse {
        /// Which.
        name: DeliveryStreamName,
        /// Whose.
        account: String,
    },
    /// `ResourceInUseException`: something else is under way.
    #[error("Firehose {name} is being changed; try again when its encryption is neither ENABLING nor DISABLING")]
    NotActive {
        /// Which.
        name: DeliveryStreamName,
    },
    /// `LimitExceededException`
    #[error("{0}")]
    LimitExceeded(String),
    /// `ConcurrentModificationException`
    #[error(
        "Cannot update firehose: {name} since the current version id: {current} and specified version id: {given} do not match"
    )]
    ConcurrentModification {
        /// Which.
        name: DeliveryStreamName,
        /// The version there is.
        current: u64,
        /// The version the caller knew.
        given: String,
    },
    /// Known to AWS, and not offered here.
    #[error("{0} is not offered by this server yet")]
    NotOffered(String),
}
