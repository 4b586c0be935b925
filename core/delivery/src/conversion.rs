//! `DataFormatConversionConfiguration`: JSON records become a Parquet file, by the columns of a table in the catalog.
//!
//! Checked in the order AWS checks it (probed in September 2026): CompressionFormat, SizeInMBs, the three parts, their members.
//! With `Enabled` false it is stored as it is.
use std::collections::BTreeMap;

use sekisho_formats::{JsonOptions, ParquetCompression, ParquetOptions, ParquetVersion};
use sekisho_types::Tenant;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{BufferingHints, Compression, DeliveryError};

/// `SizeInMBs` of a stream that converts is at least this.
const CONVERTED_SIZE_MIN: u32 = 64;
/// `SizeInMBs` of a stream that converts, unless it says otherwise.
pub(crate) const CONVERTED_SIZE_DEFAULT: u32 = 128;
/// Bytes of the configuration as JSON: each cut of the stream repeats the options.
const CONFIGURATION_BYTES_MAX: usize = 64 * 1024;
/// `VersionId` of the newest version.
const LATEST: &str = "LATEST";

/// A configuration as it was given, over what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// `Enabled`; what does not say is.
    pub enabled: bool,
    /// The three parts.
    #[serde(flatten)]
    parts: Map<String, Value>,
}

/// What a configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionSettings {
    /// Where the columns are.
    pub schema: SchemaConfiguration,
    /// `InputFormatConfiguration`
    pub json: JsonOptions,
    /// `OutputFormatConfiguration`
    pub parquet: ParquetOptions,
}

/// `SchemaConfiguration`. The role is kept and told; the server asks its own catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaConfiguration {
    /// `CatalogId`; absent for the account's.
    pub catalog_id: Option<String>,
    /// `Region`; absent for the stream's.
    pub region: Option<String>,
    /// `DatabaseName`
    pub database: String,
    /// `TableName`
    pub table: String,
    /// `VersionId`, `LATEST` for the newest.
    pub version_id: String,
}

impl SchemaConfiguration {
    /// Whether it is a table of the catalog that is here.
    pub fn is_of(&self, tenant: &Tenant) -> bool {
        self.catalog_id.as_deref().is_none_or(|id| id == tenant.account.as_str())
            && self.region.as_deref().is_none_or(|region| region == tenant.region.as_str())
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, DeliveryError> {
    Err(DeliveryError::InvalidArgument(message.into()))
}

impl Conversion {
    /// Reads a configuration: what an update leaves out stays.
    pub(crate) fn parse(given: Option<&Value>, present: Option<&Self>) -> Result<Option<Self>, DeliveryError> {
        let Some(given) = given else { return Ok(present.cloned()) };
        let Value::Object(given) = given else {
            return invalid("DataFormatConversionConfiguration is not an object");
        };
        let mut parts = present.map(|present| present.parts.clone()).unwrap_or_default();
        let enabled = given.get("Enabled").and_then(Value::as_bool).unwrap_or(true);
        parts.extend(
            given.iter().filter(|(name, _)| *name != "Enabled").map(|(name, part)| (name.clone(), part.clone())),
        );
        Ok(Some(Self { enabled, parts }))
    }

    /// Whether records can be converted by it, if it is enabled.
    pub(crate) fn check(&self, compression: Compression, hints: BufferingHints) -> Result<(), DeliveryError> {
        if !self.enabled {
            return Ok(());
        }
        if compression != Compression::Uncompressed {
            return invalid("CompressionFormat must be UNCOMPRESSED when data format conversion is enabled");
        }
        if hints.size_in_mbs < CONVERTED_SIZE_MIN {
            return invalid(format!(
                "BufferingHints: SizeInMBs must be at least {CONVERTED_SIZE_MIN} when data format conversion is enabled"
            ));
        }
        self.settings().map(drop)
    }

    /// What it asks for.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`]; never for one that is enabled in a stream.
    pub fn settings(&self) -> Result<ConversionSettings, DeliveryError> {
        let part = |name: &str| match self.parts.get(name) {
            Some(part) => Ok(part),
            None => invalid(format!("{name} is required when data format conversion is enabled")),
        };
        let input = part("InputFormatConfiguration")?;
        let output = part("OutputFormatConfiguration")?;
        let schema = part("SchemaConfiguration")?;
        let settings =
            ConversionSettings { json: deserializer(input)?, parquet: serializer(output)?, schema: table(schema)? };
        if Value::Object(self.parts.clone()).to_string().len() > CONFIGURATION_BYTES_MAX {
            return invalid(format!("DataFormatConversionConfiguration has at most {CONFIGURATION_BYTES_MAX} bytes"));
        }
        Ok(settings)
    }

    /// `DataFormatConversionConfiguration`, with the table's place filled in as AWS does. Options of a SerDe that were left
    /// out stay out, as there.
    pub(crate) fn describe(&self, tenant: &Tenant) -> Value {
        let mut description = self.parts.clone();
        if let Some(Value::Object(schema)) = description.get_mut("SchemaConfiguration") {
            schema.entry("CatalogId").or_insert(json!(tenant.account));
            schema.entry("Region").or_insert(json!(tenant.region));
            schema.entry("VersionId").or_insert(json!(LATEST));
        }
        description.insert("Enabled".into(), json!(self.enabled));
        Value::Object(description)
    }
}

/// The one member of `among` that is there.
fn one<'a>(part: &'a Value, whole: &str, among: [&'static str; 2]) -> Result<(&'static str, &'a Value), DeliveryError> {
    let mut given = among.into_iter().filter_map(|name| part.get(name).map(|options| (name, options)));
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        _ => invalid(format!("{whole}: exactly one of {} and {} is required", among[0], among[1])),
    }
}

fn deserializer(input: &Value) -> Result<JsonOptions, DeliveryError> {
    let part = input.get("Deserializer").unwrap_or(&Value::Null);
    let (name, options) = one(part, "InputFormatConfiguration.Deserializer", ["OpenXJsonSerDe", "HiveJsonSerDe"])?;
    let flag = |name: &str, default: bool| options.get(name).and_then(Value::as_bool).unwrap_or(default);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let json = match name {
        "OpenXJsonSerDe" => {
            let mappings = options.get("ColumnToJsonKeyMappings").and_then(Value::as_object).into_iter().flatten();
            let column_to_json_key: BTreeMap<String, String> =
                mappings.map(|(column, key)| (column.clone(), text(key))).collect();
            let case_insensitive = flag("CaseInsensitive", true);
            let convert_dots = flag("ConvertDotsInJsonKeysToUnderscores", false);
            JsonOptions::OpenX { case_insensitive, convert_dots, column_to_json_key }
        }
        _ => {
            let formats = options.get("TimestampFormats").and_then(Value::as_array).into_iter().flatten();
            JsonOptions::Hive { timestamp_formats: formats.map(text).collect() }
        }
    };
    json.check()
        .map_err(|error| DeliveryError::InvalidArgument(format!("HiveJsonSerDe: TimestampFormats: {error}")))?;
    Ok(json)
}

fn serializer(output: &Value) -> Result<ParquetOptions, DeliveryError> {
    let part = output.get("Serializer").unwrap_or(&Value::Null);
    let (name, options) = one(part, "OutputFormatConfiguration.Serializer", ["ParquetSerDe", "OrcSerDe"])?;
    if name == "OrcSerDe" {
        return Err(DeliveryError::NotOffered("OutputFormatConfiguration.Serializer.OrcSerDe (Apache ORC)".into()));
    }
    let default = ParquetOptions::default();
    let number = |name: &str| options.get(name).and_then(Value::as_u64);
    let word = |name: &str| options.get(name).and_then(Value::as_str);
    Ok(ParquetOptions {
        block_size_bytes: number("BlockSizeBytes").unwrap_or(default.block_size_bytes),
        page_size_bytes: number("PageSizeBytes").unwrap_or(default.page_size_bytes),
        compression: match word("Compression") {
            None => default.compression,
            Some("UNCOMPRESSED") => ParquetCompression::Uncompressed,
            Some("GZIP") => ParquetCompression::Gzip,
            Some("SNAPPY") => ParquetCompression::Snappy,
            Some(other) => return invalid(format!("ParquetSerDe: Compression `{other}` is not one")),
        },
        dictionary: options.get("EnableDictionaryCompression").and_then(Value::as_bool).unwrap_or(default.dictionary),
        version: match word("WriterVersion") {
            None | Some("V1") => ParquetVersion::V1,
            Some("V2") => ParquetVersion::V2,
            Some(other) => return invalid(format!("ParquetSerDe: WriterVersion `{other}` is not one")),
        },
    })
}

fn table(schema: &Value) -> Result<SchemaConfiguration, DeliveryError> {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let required = |name: &str| match text(name) {
        Some(value) => Ok(value),
        None => invalid(format!("SchemaConfiguration: {name} is required when data format conversion is enabled")),
    };
    required("RoleARN")?;
    Ok(SchemaConfiguration {
        database: required("DatabaseName")?,
        table: required("TableName")?,
        catalog_id: text("CatalogId"),
        region: text("Region"),
        version_id: text("VersionId").unwrap_or_else(|| LATEST.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;

    fn destination(conversion: Value, extra: Value) -> Result<Destination, String> {
        let mut given = json!({"RoleARN": "r", "BucketARN": "arn:aws:s3:::lake"});
        given["DataFormatConversionConfiguration"] = conversion;
        for (name, value) in extra.as_object().unwrap() {
            given[name] = value.clone();
        }
        Destination::parse(&given, None).map_err(|error| error.to_string())
    }

    /// As in the developer guide's example, with `change` over it.
    fn example(change: Value) -> Value {
        let mut example = json!({
            "SchemaConfiguration": {"RoleARN": "arn:aws:iam::0:role/r", "DatabaseName": "lake", "TableName": "readings"},
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(example.as_object_mut().unwrap().shift_remove(name)),
                value => example[name] = value.clone(),
            }
        }
        example
    }

    #[test]
    fn checked_in_the_order_aws_does() {
        let sized = |size: u32| json!({"BufferingHints": {"SizeInMBs": size, "IntervalInSeconds": 60}});
        let serializer = |options: Value| example(json!({"OutputFormatConfiguration": {"Serializer": options}}));
        let deserializer = |options: Value| example(json!({"InputFormatConfiguration": {"Deserializer": options}}));
        let gzip = json!({"CompressionFormat": "GZIP", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}});
        #[rustfmt::skip] // source                                configuration                                             beside it      what it says
        let table = [
            ("first: CompressionFormat",                          json!({}),                                                gzip.clone(),  "CompressionFormat must be UNCOMPRESSED"),
            ("second: an explicit SizeInMBs of 64",               json!({}),                                                sized(63),     "SizeInMBs must be at least 64"),
            ("third: the parts",                                  json!({}),                                                json!({}),     "InputFormatConfiguration is required"),
            ("third: the parts",                                  example(json!({"OutputFormatConfiguration": null})),      json!({}),     "OutputFormatConfiguration is required"),
            ("third: the parts",                                  example(json!({"SchemaConfiguration": null})),            json!({}),     "SchemaConfiguration is required"),
            ("fourth: their members",                             deserializer(json!({})),                                  json!({}),     "exactly one of OpenXJsonSerDe and HiveJsonSerDe"),
            ("fourth: their members",                             serializer(json!({"ParquetSerDe": {}, "OrcSerDe": {}})),  json!({}),     "exactly one of ParquetSerDe and OrcSerDe"),
            ("fourth: their members",                             example(json!({"SchemaConfiguration": {"RoleARN": "r"}})), json!({}),    "DatabaseName is required"),
            ("a pattern that nothing could be read by",           deserializer(json!({"HiveJsonSerDe": {"TimestampFormats": ["ww"]}})), json!({}), "`ww` is not a timestamp pattern"),
            ("not offered: ORC",                                  serializer(json!({"OrcSerDe": {}})),                      json!({}),     "OrcSerDe (Apache ORC) is not offered by this server yet"),
        ];
        for (source, conversion, extra, said) in table {
            let refused = destination(conversion, extra).unwrap_err();
            assert!(refused.contains(said), "{source}: {refused}");
        }
        let disabled = destination(serializer(json!({"OrcSerDe": {}})), gzip.clone());
        assert!(disabled.is_err());
        let mut stored = serializer(json!({"OrcSerDe": {}}));
        stored["Enabled"] = json!(false);
        assert!(!destination(stored, gzip).unwrap().conversion.unwrap().enabled, "what is not enabled is stored");
    }

    #[test]
    fn options() {
        let openx = json!({"CaseInsensitive": false, "ConvertDotsInJsonKeysToUnderscores": true, "ColumnToJsonKeyMappings": {"ts": "timestamp"}});
        let parquet = json!({"BlockSizeBytes": 67_108_864, "PageSizeBytes": 65_536, "Compression": "GZIP", "EnableDictionaryCompression": true, "MaxPaddingBytes": 0, "WriterVersion": "V2"});
        let given = example(json!({
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": openx}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": parquet}},
        }));
        let settings = destination(given, json!({})).unwrap().conversion.unwrap().settings().unwrap();
        let column_to_json_key = [("ts".to_owned(), "timestamp".to_owned())].into();
        assert_eq!(
            settings.json,
            JsonOptions::OpenX { case_insensitive: false, convert_dots: true, column_to_json_key }
        );
        let parquet = ParquetOptions {
            block_size_bytes: 67_108_864,
            page_size_bytes: 65_536,
            compression: ParquetCompression::Gzip,
            dictionary: true,
            version: ParquetVersion::V2,
        };
        assert_eq!(settings.parquet, parquet);
        let plain = destination(example(json!({})), json!({})).unwrap();
        assert_eq!(plain.buffering_hints.size_in_mbs, CONVERTED_SIZE_DEFAULT);
        let settings = plain.conversion.unwrap().settings().unwrap();
        assert_eq!((settings.json, settings.parquet), (JsonOptions::default(), ParquetOptions::default()));
        assert_eq!(settings.schema.version_id, LATEST);
    }

    #[test]
    fn an_update_keeps_what_it_leaves_out() {
        let made = destination(example(json!({})), json!({})).unwrap();
        let update = |present: &Destination, conversion: Value| {
            Destination::parse(&json!({"DataFormatConversionConfiguration": conversion}), Some(present))
        };
        let off = update(&made, json!({"Enabled": false})).unwrap();
        assert!(!off.conversion.as_ref().unwrap().enabled);
        let on = update(&off, json!({"Enabled": true})).unwrap();
        assert_eq!(on, made);
        let untouched = Destination::parse(&json!({"Prefix": "p/"}), Some(&made)).unwrap();
        assert_eq!(untouched.conversion, made.conversion);
        let gzip = json!({"CompressionFormat": "GZIP"});
        assert!(Destination::parse(&gzip, Some(&made)).unwrap_err().to_string().contains("UNCOMPRESSED"));
    }
}
