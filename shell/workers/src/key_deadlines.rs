//! What time alone does to KMS keys: those whose waiting period is over go, material is rotated, imported material expires.
use std::sync::Arc;
use std::time::Duration;

use sekisho_kms::KmsError;
use sekisho_state::{CommitError, State};

/// How often is looked. KMS's API looks at each request too, so that it is never late; this is for keys that services use.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Does what is due.
///
/// # Errors
/// What KMS or the journal says. Nothing was changed then; it stays due.
pub async fn meet(state: &State) -> Result<(), CommitError<KmsError>> {
    let now = state.now();
    if !state.read().kms.is_due(now) {
        return Ok(());
    }
    let (root_key, mut random) = (state.root_key(), state.random());
    let command = |cores: &sekisho_state::Cores| {
        let events = cores.kms.due(now, root_key, &mut random)?;
        Ok((events.into_iter().map(Into::into).collect(), ()))
    };
    state.commit(command).await
}

/// Looks from time to time, until dropped.
pub async fn run(state: Arc<State>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = meet(&state).await {
            tracing::warn!(%error, "what is due of KMS keys could not be done; it will be tried again");
        }
    }
}
