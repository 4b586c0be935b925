//! The registry's errors in AWS's words (wire: HTTP codes by name).
use sekisho_registry::{RegistryError, Resource};
use sekisho_types::InvalidName;
use sekisho_workers::IssuingError;

use crate::ApiError;

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let message = error.to_string();
        match error {
            // AWS does not tell whether a rule is missing or another's.
            RegistryError::NotFound { what: Resource::TopicRule, name } => {
                Self::new(401, "UnauthorizedException", format!("Access to TopicRule '{name}' was denied"))
            }
            RegistryError::NotFound { what: Resource::TopicRuleDestination, name } => {
                Self::new(401, "UnauthorizedException", format!("Access to TopicRuleDestination '{name}' was denied"))
            }
            RegistryError::NotFound { .. } => Self::new(404, "ResourceNotFoundException", message),
            RegistryError::AlreadyExists { resource_id, resource_arn, .. } => {
                Self::new(409, "ResourceAlreadyExistsException", message)
                    .with("resourceId", resource_id)
                    .with("resourceArn", resource_arn)
            }
            RegistryError::VersionConflict(_) => Self::new(409, "VersionConflictException", message),
            RegistryError::InvalidRequest(_) => Self::new(400, "InvalidRequestException", message),
            RegistryError::DeleteConflict(_) => Self::new(409, "DeleteConflictException", message),
            RegistryError::CertificateState(_) => Self::new(406, "CertificateStateException", message),
            RegistryError::CertificateConflict(_) => Self::new(409, "CertificateConflictException", message),
            RegistryError::RegistrationCode(_) => Self::new(400, "RegistrationCodeValidationException", message),
            RegistryError::TransferConflict(_) => Self::new(409, "TransferConflictException", message),
            RegistryError::CertificateValidation(_) => Self::new(400, "CertificateValidationException", message),
            RegistryError::VersionsLimitExceeded(_) => Self::new(409, "VersionsLimitExceededException", message),
            RegistryError::LimitExceeded(_) => Self::new(410, "LimitExceededException", message),
            RegistryError::InvalidQuery(_) => Self::new(400, "InvalidQueryException", message),
            RegistryError::MalformedPolicy(_) => Self::new(400, "MalformedPolicyException", message),
            RegistryError::SqlParse(_) => Self::new(400, "SqlParseException", message),
        }
    }
}

/// A certificate that could not be signed.
impl From<IssuingError> for ApiError {
    fn from(error: IssuingError) -> Self {
        Self::internal(error)
    }
}

/// A name that passed the model's pattern and is none all the same.
impl From<InvalidName> for ApiError {
    fn from(error: InvalidName) -> Self {
        Self::new(400, "InvalidRequestException", error.to_string())
    }
}
