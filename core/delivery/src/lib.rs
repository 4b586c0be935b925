//! Delivery streams: many small records in, few good objects out.
//!
//! Receives commands, records and the time; decides when a batch is cut and what its object is called. Knows neither the
//! journal nor the object store: what has to be written comes out as bytes.
mod error; // why a command is refused
mod conversion; // records as Parquet: by which table, read and written how
mod config; // a stream's destination as the API spells it, checked
mod http_endpoint; // a destination behind HTTP, and the contract with it
mod backoff; // when a destination that failed is asked again
mod source; // the topics a stream takes its records from
mod encryption; // server-side encryption: which key, and how that changes
mod data_key; // what records are sealed under for a customer's key
mod stream; // a stream: names, versions, states
mod store; // the fold: every stream of the account
mod partition; // which of a stream's buffers a record is in
mod buffer; // what waits, and when it is cut
mod entry; // records, cuts, deliveries and batches given up as journal entries
mod prefix; // expressions in object keys
mod key; // what an object is called
mod processing; // what becomes of a record before it is buffered
mod transformation; // the contract with a Lambda function
mod convert; // a batch as a Parquet file, and what cannot be in it
mod compress; // how a batch's bytes are packed

pub use backoff::{Backoff, RetryBudget};
pub use buffer::{CutReason, Limit, Limits, Pending, Tally};
pub use compress::{Compression, Compressor};
pub use config::{BufferingHints, Destination, Given, RECORD_BYTES_MAX};
pub use conversion::{Conversion, ConversionSettings, SchemaConfiguration};
pub use convert::{ConversionPlan, Conversions, CutConversion, CutSchema, DataCatalogTable, FORMAT_CONVERSION_FAILED};
pub use data_key::{OpenError, RecordKey, Seal, WrappedDataKey};
pub use encryption::{BufferKey, FailureDescription, FailureType, StreamEncryption};
pub use entry::{
    BatchId, CutEntry, DeliveredEntry, Entry, EntryError, GivenUpEntry, Origin, RecordEntry, RecordsEntry,
    RecordsWriter, StreamId, Target, TargetObject,
};
pub use error::DeliveryError;
pub use http_endpoint::{
    ANSWER_BYTES_MAX, ANSWER_MAX, AccessKey, Attempts, EndpointFailure, EndpointRequest, HTTP_ENDPOINT_FAILED,
    HttpEndpoint, failed_record, judge_answer, request_id,
};
pub use key::{Naming, object_key};
pub use partition::{PARTITIONS_MAX, Partition};
pub use prefix::{Prefix, PrefixError};
pub use processing::{Attempt, Pipeline, Processed, RequestBudget};
pub use source::TopicSource;
pub use store::{Delivery, Event};
pub use stream::DeliveryStream;
pub use transformation::{
    INVOCATION_BYTES_MAX, INVOCATION_MAX, InvocationFailure, Lambda, RETRY_AFTER, Transformed, invocation, judge,
};
