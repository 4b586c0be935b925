//! Others are asked what a statement or a template wants to know of them.
use sekisho_rules::{Answer, Known as _, Question};

use super::work::Workplace;
use crate::gateway::Gateway;
use crate::schemas::SchemaError;
use crate::services::CallError;

/// What one evaluation may ask. And then: the rule has failed for the message. Ours: a nested SELECT may ask for each element of an array.
pub(super) const QUESTIONS_MAX: usize = 16;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl AskError {
    /// Who asks again is told the same.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Call(CallError::NoService(_)) => true, // a message may name any function
            Self::Call(error) => error.is_lasting(),
            Self::Schema(error) => error.is_lasting(),
        }
    }
}

impl Workplace {
    pub(super) async fn ask(&self, gateway: &Gateway, question: &Question) -> Result<Answer, AskError> {
        Ok(match question {
            Question::Call(lookup) => self.services.look_up(lookup).await?.into(),
            Question::Protobuf(message) => Answer::Json(gateway.schemas.ask(&self.places, message).await?),
            Question::Shadow { .. } | Question::Registry { .. } => gateway.answer(question),
        })
    }
}
