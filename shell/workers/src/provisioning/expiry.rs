//! Claims end after five minutes, ownership tokens after an hour, and with a token an unused certificate.
use std::sync::Arc;
use std::time::Duration;

use sekisho_state::State;

/// How often is looked. A token that is over, or a claim that connects, is refused at once; a claim that is connected goes by this.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Tidies up until dropped.
pub async fn run(state: Arc<State>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = state.now();
        while !state.read().registry.expired(now).is_empty() {
            let committed = state.commit(|cores| {
                let events = cores.registry.expired(now);
                Ok::<_, std::convert::Infallible>((events.into_iter().map(Into::into).collect(), ()))
            });
            if let Err(error) = committed.await {
                tracing::warn!(%error, "what has expired could not be removed; it will be tried again");
                break;
            }
        }
    }
}
