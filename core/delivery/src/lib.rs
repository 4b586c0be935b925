//! Delivery streams: many small records in, few good objects out.
//!
//! Receives commands, records and the time; decides when a batch is cut and what its object is called. Knows neither the
//! journal nor the object store: what has to be written comes out as bytes.
mod buffer; // what waits, and when it is cut
mod compress;
mod config; // a stream's destination as the API spells it, checked
mod entry; // records, cuts and deliveries as journal entries
mod error; // why a command is refused
mod key; // what an object is called
mod prefix; // expressions in object keys
mod store; // the fold: every stream of the account
mod stream; // a stream: names, versions, states // how a batch's bytes are packed

pub use buffer::{Buffer, CutReason, Pending, Wait, data_length};
pub use compress::{Compression, Compressor};
pub use config::{BufferingHints, Destination, RECORD_BYTES_MAX};
pub use entry::{BatchId, CutEntry, DeliveredEntry, Entry, EntryError, Origin, RecordEntry, StreamId};
pub use error::DeliveryError;
pub use key::{Naming, object_key};
pub use prefix::{Prefix, PrefixError};
pub use store::{Delivery, Event};
pub use stream::{DeliveryStream, StreamEncryption};
