//! Operations and input shapes, as `xtask gen` wrote them from the service models.
pub mod firehose;
pub mod glue;
pub mod iot;
pub mod iot_data;
pub mod iot_jobs_data;
pub mod kms;
pub mod s3;
pub mod sts;
