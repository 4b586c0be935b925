//! Delivery streams at work: records into the journal, batches cut, batches to where they go.
mod streams; // records into the journal, and when a batch is cut
mod queue; // batches that are cut and not yet where they go
mod recovered; // what the journal holds for streams after a restart
mod gather; // the records of batches, read back in one pass
mod sink; // where a batch's bytes go
mod flush; // batches become objects
mod transform; // batches through a Lambda function

use std::sync::Arc;

use sekisho_blobs::ObjectStore;
use sekisho_state::State;

pub use recovered::Recovered;
pub use streams::{DeliveryStreams, PutError};

use crate::functions::Functions;

/// Starts the delivery streams: their timer, and the tasks that bring batches where they go.
pub fn start_delivery(
    state: Arc<State>,
    objects: Arc<ObjectStore>,
    functions: Arc<Functions>,
    recovered: Recovered,
) -> Arc<DeliveryStreams> {
    let (streams, due) = DeliveryStreams::new(state, recovered);
    tokio::spawn(streams.clone().run_timer());
    tokio::spawn(flush::run(streams.clone(), objects, due.objects));
    tokio::spawn(transform::run(streams.clone(), functions, due.transformations));
    streams
}

#[cfg(test)]
mod tests;
