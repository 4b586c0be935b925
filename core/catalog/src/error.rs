//! Why a command on the catalog is refused.

/// Always the caller's move. `Display` is what Glue says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// `EntityNotFoundException`
    #[error("{0} not found.")]
    NotFound(String),
    /// `AlreadyExistsException`
    #[error("{0} already exists.")]
    Exists(&'static str),
    /// `InvalidInputException`
    #[error("{0}")]
    InvalidInput(String),
    /// `ConcurrentModificationException`
    #[error(
        "Update table failed due to concurrent modifications: version `{given}` was given, the table has `{current}`"
    )]
    ConcurrentModification {
        /// The version the caller knew.
        given: String,
        /// The version there is.
        current: u64,
    },
    /// `ResourceNumberLimitExceededException`
    #[error("{0}")]
    LimitExceeded(String),
    /// Known to AWS, and not offered here.
    #[error("{0} is not offered by this server yet")]
    NotOffered(String),
}
