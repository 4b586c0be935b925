"""boto3 glue and firehose: records become Parquet by a table's columns, and pyarrow and DuckDB read what was put."""
import base64
import datetime
import decimal
import io
import json
import time

import boto3
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from peers import refused

firehose = boto3.client("firehose")
glue = boto3.client("glue")
s3 = boto3.client("s3")
ROLE = "arn:aws:iam::000000000000:role/firehose"
REGION = "us-east-1"


def columns(**types):
    return [{"Name": name, "Type": text} for name, text in types.items()]


def table(name, columns, **more):
    return {"Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": {"classification": "parquet"}, "StorageDescriptor": {
        "Columns": columns, "Location": f"s3://lake/{name}/",
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                      "Parameters": {"serialization.format": "1"}}}, **more}


def conversion(table, deserializer=None, serializer=None, **schema):
    return {"SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "lake", "TableName": table, **schema},
            "InputFormatConfiguration": {"Deserializer": deserializer or {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": serializer or {"ParquetSerDe": {}}}}


def stream(name, conversion, **more):
    firehose.create_delivery_stream(
        DeliveryStreamName=name, DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "Prefix": f"{name}/",
            "ErrorOutputPrefix": f"errors/{name}/!{{firehose:error-output-type}}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
            "DataFormatConversionConfiguration": conversion, **more})


def put(name, *records):
    data = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    answer = firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": record} for record in data])
    assert answer["FailedPutCount"] == 0


def keys(prefix):
    return [found["Key"] for found in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]


def eventually(ask):
    deadline = time.time() + 60
    while not (found := ask()):
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def body(key):
    return s3.get_object(Bucket="lake", Key=key)["Body"].read()


def parquet(name):
    """The one Parquet object of a stream, as pyarrow and as DuckDB read it."""
    [key] = eventually(lambda: keys(f"{name}/"))
    assert key.endswith(".parquet"), key
    found = s3.get_object(Bucket="lake", Key=key)
    assert found["ContentType"] == "application/octet-stream" and "ContentEncoding" not in found
    data = found["Body"].read()
    with open(f"{name}.parquet", "wb") as file:
        file.write(data)
    rows = duckdb.sql(f"select * from '{name}.parquet'")
    return pq.ParquetFile(io.BytesIO(data)), rows


def errors(name):
    [key] = eventually(lambda: keys(f"errors/{name}/format-conversion-failed/"))
    assert not key.endswith(".parquet"), key
    return [json.loads(line) for line in body(key).splitlines()]


s3.create_bucket(Bucket="lake")

# The catalog: names in lower case, versions, refusals by Glue's names.
refused("EntityNotFoundException", glue.create_table, DatabaseName="lake", TableInput=table("t", []))
glue.create_database(DatabaseInput={"Name": "Lake", "Description": "what devices say"})
refused("AlreadyExistsException", glue.create_database, DatabaseInput={"Name": "lake"})
assert glue.get_database(Name="lake")["Database"]["Description"] == "what devices say"
assert [found["Name"] for found in glue.get_databases()["DatabaseList"]] == ["lake"]
refused("EntityNotFoundException", glue.get_table, DatabaseName="lake", Name="absent")
refused("InvalidInputException", glue.create_table, DatabaseName="lake", TableInput=table(" ", []))
refused("NotImplementedException", glue.get_crawlers)
glue.create_table(DatabaseName="lake", TableInput=table("Versions", columns(a="int")))
refused("AlreadyExistsException", glue.create_table, DatabaseName="lake", TableInput=table("versions", []))
glue.update_table(DatabaseName="lake", TableInput=table("versions", columns(a="int", b="string")))
found = glue.get_table(DatabaseName="lake", Name="versions")["Table"]
assert (found["VersionId"], found["DatabaseName"], found["CatalogId"]) == ("1", "lake", "000000000000"), found
assert found["StorageDescriptor"]["Columns"] == columns(a="int", b="string")
versions = glue.get_table_versions(DatabaseName="lake", TableName="versions")["TableVersions"]
assert [version["VersionId"] for version in versions] == ["1", "0"]
first = glue.get_table_version(DatabaseName="lake", TableName="versions", VersionId="0")["TableVersion"]["Table"]
assert first["StorageDescriptor"]["Columns"] == columns(a="int")
for n in range(3):
    glue.create_table(DatabaseName="lake", TableInput=table(f"page{n}", columns(a="int")))
pages = glue.get_paginator("get_tables").paginate(DatabaseName="lake", Expression="page*", PaginationConfig={"PageSize": 2})
assert [found["Name"] for page in pages for found in page["TableList"]] == ["page0", "page1", "page2"]
glue.delete_table(DatabaseName="lake", Name="page0")
refused("EntityNotFoundException", glue.delete_table, DatabaseName="lake", Name="page0")

# The developer guide's example (Convert input data format): several documents in one record, OpenX JSON SerDe, Parquet SerDe; and
# an array of documents, which it calls incorrect
glue.create_table(DatabaseName="lake", TableInput=table("guide", columns(a="int")))
stream("guide", conversion("guide", deserializer={"OpenXJsonSerDe": {}}, serializer={"ParquetSerDe": {}}, Region=REGION, VersionId="LATEST"))
put("guide", b'{"a":1}{"a":2}', b'[{"a":1}, {"a":2}]')
file, _ = parquet("guide")
assert file.read().to_pylist() == [{"a": 1}, {"a": 2}]
assert eventually(lambda: keys("errors/guide/format-conversion-failed/"))

# Every type, absent values, nesting. `day` is a partition key: no column of the file.
TYPES = {
    "tiny": "tinyint", "small": "smallint", "n": "int", "big": "bigint", "f": "float", "d": "double", "price": "decimal(12,2)",
    "ok": "boolean", "name": "string", "code": "varchar(5)", "flag": "char(2)", "raw": "binary", "on_day": "date", "at": "timestamp",
    "tags": "array<string>", "counts": "map<string,int>", "place": "struct<x:double,label:string>",
    "deep": "array<struct<id:bigint,points:array<array<int>>,more:map<string,struct<v:decimal(5,1)>>>>",
}
glue.create_table(DatabaseName="lake", TableInput=table("readings", columns(**TYPES), PartitionKeys=columns(day="string")))
stream("all", {**conversion("readings", Region=REGION, VersionId="LATEST", CatalogId="000000000000"), "Enabled": True})
description = firehose.describe_delivery_stream(DeliveryStreamName="all")["DeliveryStreamDescription"]
told = description["Destinations"][0]["ExtendedS3DestinationDescription"]["DataFormatConversionConfiguration"]
assert told == {**conversion("readings", Region=REGION, VersionId="LATEST", CatalogId="000000000000"), "Enabled": True}, told
full = {
    "tiny": -128, "small": 32767, "n": -2147483648, "big": 9223372036854775807, "f": 1.5, "d": 1e300, "price": 1234567890.12,
    "OK": True, "name": "é🙂\n", "code": "abcde", "flag": "x", "raw": "AP8=", "on_day": "2026-07-13", "day": "left out",
    "at": "2026-07-13T14:04:05.123456Z", "tags": ["a", None, ""], "counts": {"one": 1, "none": None},
    "place": {"x": -0.5, "label": "here"}, "unknown": {"left": ["out"]},
    "deep": [{"id": 1, "points": [[1, 2], [], None], "more": {"k": {"v": 12.3}}}, None, {}],
}
bare = {"deep": [], "tags": [], "counts": {}, "at": 1783951445.5, "n": "7"}
put("all", full, bare, b'{"n": 1}{"n": 2}\n', {})
file, rows = parquet("all")
expected = [
    {"tiny": -128, "small": 32767, "n": -2147483648, "big": 9223372036854775807, "f": 1.5, "d": 1e300,
     "price": decimal.Decimal("1234567890.12"), "ok": True, "name": "é🙂\n", "code": "abcde", "flag": "x", "raw": b"\x00\xff",
     "on_day": datetime.date(2026, 7, 13), "at": datetime.datetime(2026, 7, 13, 14, 4, 5, 123456), "tags": ["a", None, ""],
     "counts": [("one", 1), ("none", None)], "place": {"x": -0.5, "label": "here"},
     "deep": [{"id": 1, "points": [[1, 2], [], None], "more": [("k", {"v": decimal.Decimal("12.3")})]}, None,
              {"id": None, "points": None, "more": None}]},
    {"deep": [], "tags": [], "counts": [], "at": datetime.datetime(2026, 7, 13, 14, 4, 5, 500000), "n": 7},
    {"n": 1}, {"n": 2}, {},
]
expected = [{name: row.get(name) for name in TYPES} for row in expected]
assert file.read().to_pylist() == expected, file.read().to_pylist()
entries = pa.map_(pa.string(), pa.int32())
wanted = {"tiny": pa.int8(), "small": pa.int16(), "n": pa.int32(), "big": pa.int64(), "f": pa.float32(), "d": pa.float64(),
          "price": pa.decimal128(12, 2), "ok": pa.bool_(), "name": pa.string(), "code": pa.string(), "flag": pa.string(),
          "raw": pa.binary(), "on_day": pa.date32(), "at": pa.timestamp("ns"), "counts": entries,
          "place": pa.struct([("x", pa.float64()), ("label", pa.string())])}
schema = file.schema_arrow
assert schema.names == list(TYPES) and all(field.nullable for field in schema)
assert {name: schema.field(name).type for name in wanted} == wanted, schema
assert schema.field("tags").type.value_type == pa.string()
assert file.metadata.created_by.startswith("sekisho") and file.schema.column(13).physical_type == "INT96"
assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
types = dict(zip(rows.columns, map(str, rows.types)))
assert (types["tiny"], types["price"], types["on_day"], types["counts"], types["tags"]) == \
    ("TINYINT", "DECIMAL(12,2)", "DATE", "MAP(VARCHAR, INTEGER)", "VARCHAR[]"), types
assert types["at"].startswith("TIMESTAMP") and types["raw"] == "BLOB", types


def plain(value):
    """DuckDB gives maps as dictionaries."""
    if isinstance(value, list) and value and all(isinstance(entry, tuple) for entry in value):
        return {key: plain(value) for key, value in value}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return {key: plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


seen = [dict(zip(rows.columns, row)) for row in rows.fetchall()]
same = [plain(row) | {"counts": dict(row["counts"]) if row["counts"] is not None else None} for row in expected]
assert seen == same, seen

# What cannot be converted goes to the error output, the rest of the batch does not.
glue.create_table(DatabaseName="lake", TableInput=table("small", columns(id="int", at="timestamp")))
stream("mixed", conversion("small"))
bad = [b"not json", b'{"id": "x"}', b'[{"id": 1}]', b'{"id": 3000000000}']
put("mixed", {"id": 1}, *bad, {"id": 2, "at": "2026-07-13 14:04:05"})
file, rows = parquet("mixed")
assert [row["id"] for row in file.read().to_pylist()] == [1, 2] and rows.fetchall()[1][1] == datetime.datetime(2026, 7, 13, 14, 4, 5)
failed = errors("mixed")
assert [base64.b64decode(line["rawData"]) for line in failed] == bad, failed
codes = [line["lastErrorCode"].removeprefix("DataFormatConversion.") for line in failed]
assert codes == ["ParseError", "MalformedData", "ParseError", "MalformedData"], codes
assert failed[0].keys() == {"attemptsMade", "arrivalTimestamp", "lastErrorCode", "lastErrorMessage", "attemptEndingTimestamp",
                            "rawData", "sequenceNumber", "subSequenceNumber", "dataCatalogTable"}
assert failed[0]["dataCatalogTable"] == {"catalogId": "000000000000", "databaseName": "lake", "tableName": "small", "region": REGION,
                                         "versionId": "0", "catalogArn": f"arn:aws:glue:{REGION}:000000000000:catalog"}

# Nothing but failures: no Parquet object. A table that is not there: the whole batch, until there is one.
stream("none", conversion("small"))
put("none", b"not json")
assert len(errors("none")) == 1 and keys("none/") == []
stream("later", conversion("made-later"))
put("later", {"id": 1})
[line] = errors("later")
assert line["lastErrorCode"] == "DataFormatConversion.EntityNotFound" and keys("later/") == [], line
glue.create_table(DatabaseName="lake", TableInput=table("made-later", columns(id="int")))
put("later", {"id": 2})
assert parquet("later")[0].read().to_pylist() == [{"id": 2}]

# A fixed version keeps its columns; the newest is asked for when a batch is cut.
stream("fixed", conversion("versions", VersionId="0"))
stream("latest", conversion("versions"))
for name in "fixed", "latest":
    put(name, {"a": 1, "b": "x"})
assert parquet("fixed")[0].read().to_pylist() == [{"a": 1}]
assert parquet("latest")[0].read().to_pylist() == [{"a": 1, "b": "x"}]

# Options of the deserializers and of the file.
glue.create_table(DatabaseName="lake", TableInput=table("keys", columns(ts="timestamp", a_b="string", text="string")))
stream("openx", conversion("keys", {"OpenXJsonSerDe": {
    "CaseInsensitive": False, "ConvertDotsInJsonKeysToUnderscores": True, "ColumnToJsonKeyMappings": {"ts": "timestamp"}}}))
put("openx", {"timestamp": 1783951445123, "a.b": 1.5, "Text": "another key", "text": {"b": [1, None]}})
at = datetime.datetime(2026, 7, 13, 14, 4, 5, 123000)
assert parquet("openx")[0].read().to_pylist() == [{"ts": at, "a_b": "1.5", "text": '{"b":[1,null]}'}]
options = {"BlockSizeBytes": 67108864, "PageSizeBytes": 65536, "Compression": "GZIP", "EnableDictionaryCompression": True,
           "MaxPaddingBytes": 0, "WriterVersion": "V2"}
stream("hive", conversion("keys", {"HiveJsonSerDe": {"TimestampFormats": ["yyyy-MM-dd'T'HH:mm:ss.SSSZ", "millis"]}}, {"ParquetSerDe": options}))
put("hive", {"ts": 1783951445123, "text": "a"}, {"TS": "2026-07-13T16:04:05.123+0200", "text": "a"}, {"ts": "2026-07-13"})
file, rows = parquet("hive")
assert [row["ts"] for row in file.read().to_pylist()] == [at, at] and [row[0] for row in rows.fetchall()] == [at, at]
column = file.metadata.row_group(0).column(2)
assert column.compression == "GZIP" and column.has_dictionary_page, column
assert len(errors("hive")) == 1

# Through dynamic partitioning, each partition a file.
query = [{"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{site: .site}"},
         {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]
stream("parts", conversion("small"), Prefix="parts/site=!{partitionKeyFromQuery:site}/",
       DynamicPartitioningConfiguration={"Enabled": True},
       ProcessingConfiguration={"Enabled": True, "Processors": [{"Type": "MetadataExtraction", "Parameters": query}]})
put("parts", *[{"id": n, "site": "ab"[n % 2]} for n in range(10)], {"id": "x", "site": "a"})
found = eventually(lambda: len(keys("parts/")) == 2 and keys("parts/"))
assert [key.split("/")[1] for key in found] == ["site=a", "site=b"] and all(key.endswith(".parquet") for key in found)
ids = [[row["id"] for row in pq.ParquetFile(io.BytesIO(body(key))).read().to_pylist()] for key in found]
assert ids == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]], ids
assert len(errors("parts")) == 1

# What is refused when the stream is made, in AWS's order.
def refusal(conversion, **more):
    answer = refused("InvalidArgumentException", lambda: stream("refused", conversion, **more))
    return answer["Error"]["Message"]


small = {"SizeInMBs": 1, "IntervalInSeconds": 1}
assert "UNCOMPRESSED" in refusal({}, CompressionFormat="GZIP", BufferingHints=small)
assert "SizeInMBs" in refusal({}, BufferingHints=small)
assert "InputFormatConfiguration" in refusal({})
orc = conversion("small", serializer={"OrcSerDe": {}})
assert "ORC" in refusal(orc), refusal(orc)
stream("off", {**orc, "Enabled": False})
put("off", b"as it is\n")
assert body(eventually(lambda: keys("off/"))[0]) == b"as it is\n"

glue.delete_database(Name="lake")
refused("EntityNotFoundException", glue.get_tables, DatabaseName="lake")
print("ok")
