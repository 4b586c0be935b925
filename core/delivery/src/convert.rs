//! A batch's records as a Parquet file, and a line of the error output for each that cannot be converted.
//!
//! What it depends on is decided when the batch is cut and is in the cut: the columns as they were then, the options, and what
//! the object of the failed records is called. The same batch makes the same bytes.
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_formats::{Column, Converter, JsonOptions, ParquetOptions, Schema};
use sekisho_types::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ConversionSettings;

/// `error-output-type` of a record that could not be converted.
pub const FORMAT_CONVERSION_FAILED: &str = "format-conversion-failed";

/// How a stream's records are converted, with the columns as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionPlan {
    /// The columns.
    pub schema: CutSchema,
    /// How records are read.
    pub json: JsonOptions,
    /// How the file is written.
    pub parquet: ParquetOptions,
    /// Where the columns are from.
    pub table: DataCatalogTable,
}

/// The columns, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CutSchema {
    /// In the order of the table.
    Columns(Vec<Column>),
    /// The table, or the version, is not in the catalog. The message says which.
    Missing(String),
}

/// `dataCatalogTable` of a failed record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataCatalogTable {
    /// `catalogId`
    pub catalog_id: String,
    /// `databaseName`
    pub database_name: String,
    /// `tableName`
    pub table_name: String,
    /// `region`
    pub region: String,
    /// `versionId`: the version that was found, or the one that was asked for.
    pub version_id: String,
    /// `catalogArn`
    pub catalog_arn: String,
}

/// What a cut says of its conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutConversion {
    /// By what.
    pub plan: Arc<ConversionPlan>,
    /// What the object of the records is called that could not be converted.
    pub error_key: String,
}

impl ConversionPlan {
    /// By settings and what the catalog knows of their table: the version's id and its columns.
    pub fn new(settings: ConversionSettings, tenant: &Tenant, found: Result<(String, Vec<Column>), String>) -> Self {
        let ConversionSettings { schema, json, parquet } = settings;
        let (version_id, found) = match found {
            Ok((version_id, columns)) => (version_id, CutSchema::Columns(columns)),
            Err(message) => (schema.version_id, CutSchema::Missing(message)),
        };
        let table = DataCatalogTable {
            catalog_id: schema.catalog_id.unwrap_or_else(|| tenant.account.to_string()),
            database_name: schema.database,
            table_name: schema.table,
            region: schema.region.unwrap_or_else(|| tenant.region.to_string()),
            version_id,
            catalog_arn: tenant.arn("glue", "catalog"),
        };
        Self { schema: found, json, parquet, table }
    }

    fn converter(&self) -> Result<Converter, Refusal> {
        let invalid = |error: sekisho_formats::SchemaError| Refusal {
            code: "DataFormatConversion.InvalidSchema",
            message: error.to_string(),
        };
        match &self.schema {
            CutSchema::Columns(columns) => {
                let schema = Schema::parse(columns).map_err(invalid)?;
                Converter::new(&schema, self.json.clone(), &self.parquet).map_err(invalid)
            }
            CutSchema::Missing(message) => {
                Err(Refusal { code: "DataFormatConversion.EntityNotFound", message: message.clone() })
            }
        }
    }

    /// About how much memory the conversion of as many records takes, as a share in what a pass may hold. Absent values take
    /// memory too; documents are written on as they come.
    pub fn weight(&self, records: u64, bytes: u64) -> u64 {
        /// Of a value that is absent.
        const LEVEL_BYTES: u64 = 4;
        match &self.schema {
            CutSchema::Columns(columns) => bytes + LEVEL_BYTES * records * columns.len() as u64,
            CutSchema::Missing(_) => 0,
        }
    }
}

/// Why no record of a batch is converted.
struct Refusal {
    code: &'static str,
    message: String,
}

/// Converts a batch as its records come.
pub struct Conversions {
    plan: Arc<ConversionPlan>,
    converter: Result<Converter, Refusal>,
    errors: Vec<u8>,
    failed: u64,
}

impl Conversions {
    /// An empty batch.
    pub fn new(cut: &CutConversion) -> Self {
        Self { plan: cut.plan.clone(), converter: cut.plan.converter(), errors: Vec::new(), failed: 0 }
    }

    /// Takes a record in. Answers how many bytes the line has that tells of it in the error output, none if it is converted.
    pub fn push(&mut self, data: &[u8], arrival: Timestamp) -> usize {
        let (code, message) = match &mut self.converter {
            Ok(converter) => match converter.push(data) {
                Ok(()) => return 0,
                Err(failure) => (failure.code.as_str(), failure.message),
            },
            Err(refusal) => (refusal.code, refusal.message.clone()),
        };
        self.failed += 1;
        let document = json!({
            "attemptsMade": 1,
            "arrivalTimestamp": arrival.millis(),
            "lastErrorCode": code,
            "lastErrorMessage": message,
            // When it is tried must not change the bytes.
            "attemptEndingTimestamp": arrival.millis(),
            "rawData": STANDARD.encode(data),
            // Those of a Kinesis stream, if it came from one.
            "sequenceNumber": null,
            "subSequenceNumber": null,
            "dataCatalogTable": self.plan.table,
        });
        let before = self.errors.len();
        serde_json::to_writer(&mut self.errors, &document).expect("a document serializes into memory");
        self.errors.push(b'\n');
        self.errors.len() - before
    }

    /// Takes out what is written of the file so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.converter.as_mut().map(Converter::take).unwrap_or_default()
    }

    /// Takes out the lines of the error output so far.
    pub fn take_errors(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.errors)
    }

    /// How many records could not be converted.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// The rest of the file, if it has rows, and of the error output, if there was one.
    pub fn finish(self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let file = self.converter.ok().filter(|converter| converter.rows() > 0).map(Converter::finish);
        (file, (self.failed > 0).then_some(self.errors))
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::{AccountId, Region};
    use serde_json::Value;

    use super::*;
    use crate::SchemaConfiguration;

    fn cut(found: Result<(String, Vec<Column>), String>) -> CutConversion {
        let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        let schema = SchemaConfiguration {
            catalog_id: None,
            region: None,
            database: "lake".into(),
            table: "readings".into(),
            version_id: "LATEST".into(),
        };
        let settings = ConversionSettings { schema, json: JsonOptions::default(), parquet: ParquetOptions::default() };
        let plan = Arc::new(ConversionPlan::new(settings, &Tenant { account, region }, found));
        let cut = CutConversion { plan, error_key: "errors/key".into() };
        assert_eq!(serde_json::from_str::<CutConversion>(&serde_json::to_string(&cut).unwrap()).unwrap(), cut);
        cut
    }

    fn column(type_text: &str) -> Result<(String, Vec<Column>), String> {
        Ok(("3".into(), vec![Column { name: "a".into(), type_text: type_text.into() }]))
    }

    fn convert(cut: &CutConversion, records: &[&str]) -> (Option<usize>, Vec<Value>) {
        let mut conversions = Conversions::new(cut);
        let told: usize =
            records.iter().map(|record| conversions.push(record.as_bytes(), Timestamp::from_millis(1_500))).sum();
        let (file, errors) = conversions.finish();
        let errors = String::from_utf8(errors.unwrap_or_default()).unwrap();
        assert_eq!(errors.len(), told);
        (file.map(|file| file.len()), errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn what_fails_is_told_of_and_the_rest_is_converted() {
        let (file, errors) = convert(&cut(column("int")), &[r#"{"a":1}"#, "{", r#"{"a":"x"}"#]);
        assert!(file.is_some());
        let codes: Vec<&str> = errors.iter().map(|error| error["lastErrorCode"].as_str().unwrap()).collect();
        assert_eq!(codes, ["DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"]);
        assert_eq!((&errors[0]["rawData"], &errors[0]["arrivalTimestamp"]), (&json!("ew=="), &json!(1500)));
        let table = json!({
            "catalogId": "000000000000", "databaseName": "lake", "tableName": "readings", "region": "us-east-1",
            "versionId": "3", "catalogArn": "arn:aws:glue:us-east-1:000000000000:catalog",
        });
        assert_eq!(errors[0]["dataCatalogTable"], table);
        let members: Vec<&String> = errors[0].as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "attemptsMade",
                "arrivalTimestamp",
                "lastErrorCode",
                "lastErrorMessage",
                "attemptEndingTimestamp",
                "rawData",
                "sequenceNumber",
                "subSequenceNumber",
                "dataCatalogTable"
            ]
        );
    }

    #[test]
    fn there_is_no_object_of_nothing() {
        let (file, errors) = convert(&cut(column("int")), &[r#"{"a":1}"#]);
        assert!(file.is_some() && errors.is_empty());
        let (file, errors) = convert(&cut(column("int")), &["1"]);
        assert!(file.is_none() && errors.len() == 1);
    }

    #[test]
    fn without_columns_the_whole_batch_fails() {
        for (found, code) in [
            (Err("Table readings not found.".to_owned()), "DataFormatConversion.EntityNotFound"),
            (column("uniontype<int>"), "DataFormatConversion.InvalidSchema"),
        ] {
            let (file, errors) = convert(&cut(found), &[r#"{"a":1}"#, r#"{"a":2}"#]);
            assert_eq!((file, errors.len(), &errors[1]["lastErrorCode"]), (None, 2, &json!(code)));
        }
    }
}
