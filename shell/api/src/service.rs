//! The services behind the one door, and the protocol each of them speaks.
use crate::generated;
use crate::table::Operation;

/// A service of AWS's that this server answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The IoT control plane.
    Iot,
    /// Publish, shadows, retained messages.
    IotData,
    /// Jobs, as devices see them.
    IotJobsData,
    /// Delivery streams.
    Firehose,
    /// Databases and tables.
    Glue,
    /// Keys.
    Kms,
    /// Buckets and objects.
    S3,
    /// Who am I?
    Sts,
}

/// How requests and answers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Method and path choose the operation; JSON bodies; `x-amzn-ErrorType`.
    RestJson,
    /// `X-Amz-Target` chooses; JSON bodies; `__type`.
    Json11,
    /// Method, path and sub-resource choose; XML.
    RestXml,
    /// `Action` in a form chooses; XML.
    Query,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Iot, Self::IotData, Self::IotJobsData, Self::Firehose, Self::Glue, Self::Kms, Self::S3, Self::Sts];

    /// By the service's name in a credential scope. Older clients sign `iotdevicegateway` for what is now `iotdata`.
    pub fn by_signing_name(name: &str) -> Option<Self> {
        Some(match name {
            "iot" => Self::Iot,
            "iotdata" | "iotdevicegateway" => Self::IotData,
            "iot-jobs-data" => Self::IotJobsData,
            "firehose" => Self::Firehose,
            "glue" => Self::Glue,
            "kms" => Self::Kms,
            "s3" => Self::S3,
            "sts" => Self::Sts,
            _ => return None,
        })
    }

    /// By the part of `X-Amz-Target` before the dot.
    pub fn by_target_prefix(prefix: &str) -> Option<Self> {
        match prefix {
            "Firehose_20150804" => Some(Self::Firehose),
            "AWSGlue" => Some(Self::Glue),
            "TrentService" => Some(Self::Kms),
            _ => None,
        }
    }

    /// How it is spoken to.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Iot | Self::IotData | Self::IotJobsData => Protocol::RestJson,
            Self::Firehose | Self::Glue | Self::Kms => Protocol::Json11,
            Self::S3 => Protocol::RestXml,
            Self::Sts => Protocol::Query,
        }
    }

    /// Its name in logs and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iot-data",
            Self::IotJobsData => "iot-jobs-data",
            Self::Firehose => "firehose",
            Self::Glue => "glue",
            Self::Kms => "kms",
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }

    /// Every operation AWS has for it.
    pub fn operations(self) -> &'static [Operation] {
        match self {
            Self::Iot => generated::iot::OPERATIONS,
            Self::IotData => generated::iot_data::OPERATIONS,
            Self::IotJobsData => generated::iot_jobs_data::OPERATIONS,
            Self::Firehose => generated::firehose::OPERATIONS,
            Self::Glue => generated::glue::OPERATIONS,
            Self::Kms => generated::kms::OPERATIONS,
            Self::S3 => generated::s3::OPERATIONS,
            Self::Sts => generated::sts::OPERATIONS,
        }
    }

    /// How many bytes of a body it reads. S3's bodies are streamed and bounded by the operation.
    pub fn body_bytes_max(self) -> usize {
        match self {
            // A policy document may have 404,600 characters (model of `iot`).
            Self::Iot => 1024 * 1024,
            // A message has at most 128 KiB (IoT Core quotas), a shadow less.
            Self::IotData | Self::IotJobsData => 128 * 1024,
            // 4 MiB of records a call (Firehose quotas), in base64 and quotation marks.
            Self::Firehose => 8 * 1024 * 1024,
            // A table's definition has at most 512 KiB here.
            Self::Glue => 1024 * 1024,
            // 4 KiB to encrypt, a policy of 32 KiB (model of `kms`).
            Self::Kms => 256 * 1024,
            Self::S3 => usize::MAX,
            Self::Sts => 64 * 1024,
        }
    }
}
