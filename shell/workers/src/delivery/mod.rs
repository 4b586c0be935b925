//! Delivery streams at work: records into the journal, batches cut, batches to where they go.
mod put; // records into the journal
mod streams; // live streams, and when a batch is cut
mod plan; // what records are converted by
mod figures; // what became of a stream's batches, counted
mod tail; // who watches a stream's records
mod insight; // what a stream holds and how it fares
mod keys; // customers' keys: data keys made, used and forgotten
mod enabling; // ENABLING and DISABLING, finished
mod queue; // batches that are cut and not yet where they go
mod recovered; // what the journal holds for streams after a restart
mod gather; // the records of batches, read back in one pass
mod sink; // where a batch's bytes go
mod flush; // batches become objects
mod post; // batches to an HTTP endpoint
mod transform; // batches through a Lambda function

use std::sync::Arc;

use sekisho_blobs::ObjectStore;
use sekisho_remote::RemoteBuckets;
use sekisho_state::State;

pub(crate) use figures::Count;
pub use figures::{Counts, Trouble};
pub use insight::{Flushed, Held, PartitionInsight, StreamInsight};
pub use put::{PutError, Taken};
pub use recovered::Recovered;
pub use streams::DeliveryStreams;
pub use tail::{Tail, TailError, TailFrom, TailLine, TailRecord};

use crate::functions::Functions;
pub(crate) use sink::{FlushError, Places};

/// Starts the delivery streams: their timer, and the tasks that bring batches where they go.
pub fn start_delivery(
    state: Arc<State>,
    objects: Arc<ObjectStore>,
    remote: Arc<RemoteBuckets>,
    functions: Arc<Functions>,
    recovered: Recovered,
) -> Arc<DeliveryStreams> {
    let (streams, due) = DeliveryStreams::new(state, remote.clone(), recovered);
    let places = Places { objects, remote };
    tokio::spawn(streams.clone().run_timer());
    // Whoever is slow elsewhere does not keep others from delivering here.
    tokio::spawn(flush::run(streams.clone(), places.clone(), due.here));
    tokio::spawn(flush::run(streams.clone(), places, due.elsewhere));
    tokio::spawn(post::run(streams.clone(), due.posts));
    tokio::spawn(streams.clone().run_forgetting());
    tokio::spawn(enabling::run(streams.state.clone(), due.encryption));
    tokio::spawn(transform::run(streams.clone(), functions, due.transformations));
    streams
}

#[cfg(test)]
mod tests;
