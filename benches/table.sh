# Sourced: the table of the telemetry's columns in the server's data catalog, and what a delivery stream is told of it.
make_table() {
  aws glue create-database --database-input '{"Name": "lake"}'
  aws glue create-table --database-name lake --table-input '{"Name": "telemetry", "StorageDescriptor": {"Columns": [
    {"Name": "seq", "Type": "bigint"}, {"Name": "device", "Type": "string"}, {"Name": "ts", "Type": "bigint"},
    {"Name": "temperature", "Type": "double"}, {"Name": "pressure", "Type": "double"}, {"Name": "vibration", "Type": "double"},
    {"Name": "rpm", "Type": "int"}, {"Name": "state", "Type": "string"}, {"Name": "site", "Type": "string"},
    {"Name": "firmware", "Type": "string"}, {"Name": "pad", "Type": "string"}]}}'
}
# Dictionaries, as every other writer of Parquet has them unless told otherwise.
CONVERSION='"DataFormatConversionConfiguration": {
  "SchemaConfiguration": {"RoleARN": "arn:aws:iam::000000000000:role/d", "DatabaseName": "lake", "TableName": "telemetry", "Region": "us-east-1"},
  "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
  "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"EnableDictionaryCompression": true}}}}'
