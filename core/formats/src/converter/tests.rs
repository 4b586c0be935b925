//! Files are read again with the library's record reader, which shares the levels' encoding with the writer but not the
//! shredding; pyarrow and DuckDB read them in the conformance tests.
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;
use crate::{Column, FailureCode, ParquetCompression, ParquetVersion};

fn schema(columns: &[(&str, &str)]) -> Schema {
    let column = |(name, text): &(&str, &str)| Column { name: (*name).into(), type_text: (*text).into() };
    Schema::parse(&columns.iter().map(column).collect::<Vec<_>>()).unwrap()
}

fn hive(formats: &[&str]) -> JsonOptions {
    JsonOptions::Hive { timestamp_formats: formats.iter().map(|format| (*format).to_owned()).collect() }
}

fn openx(case_insensitive: bool, convert_dots: bool, mappings: &[(&str, &str)]) -> JsonOptions {
    let mappings = mappings.iter().map(|(column, key)| ((*column).into(), (*key).into()));
    JsonOptions::OpenX { case_insensitive, convert_dots, column_to_json_key: mappings.collect() }
}

fn read(file: Vec<u8>) -> Vec<String> {
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().to_string()).collect()
}

/// The rows of one record, or the code and message of its failure.
fn one(columns: &[(&str, &str)], json: JsonOptions, record: &str) -> String {
    let mut converter = Converter::new(&schema(columns), json, &ParquetOptions::default()).unwrap();
    match converter.push(record.as_bytes()) {
        Ok(()) => read(converter.finish()).join(" "),
        Err(Failure { code, message }) => {
            format!("{}: {message}", code.as_str().trim_start_matches("DataFormatConversion."))
        }
    }
}

#[test]
fn scalars() {
    #[rustfmt::skip] // source                                          type             JSON                              OpenX                         Hive
    let table = [
        ("bounds",                                                      "tinyint",       "-128",                           "{c: -128}",                  "{c: -128}"),
        ("bounds",                                                      "tinyint",       "128",                            "MalformedData",              "MalformedData"),
        ("bounds",                                                      "smallint",      "32768",                          "MalformedData",              "MalformedData"),
        ("bounds",                                                      "int",           "2147483647",                     "{c: 2147483647}",            "{c: 2147483647}"),
        ("bounds",                                                      "int",           "2147483648",                     "MalformedData",              "MalformedData"),
        ("bounds",                                                      "bigint",        "-9223372036854775808",           "{c: -9223372036854775808}",  "{c: -9223372036854775808}"),
        ("bounds",                                                      "bigint",        "9223372036854775808",            "MalformedData",              "MalformedData"),
        ("a whole number, however written",                             "int",           "1.0e1",                          "{c: 10}",                    "{c: 10}"),
        ("no silent rounding",                                          "int",           "1.5",                            "MalformedData",              "MalformedData"),
        ("Firehose: Hive takes no text for a number",                   "int",           r#""7""#,                         "{c: 7}",                     "MalformedData"),
        ("a number is no boolean",                                      "boolean",       "1",                              "MalformedData",              "MalformedData"),
        ("OpenX: text of a boolean",                                    "boolean",       r#""TRUE""#,                      "{c: true}",                  "MalformedData"),
        ("double",                                                      "double",        "1e300",                          "{c: 1E300}",                 "{c: 1E300}"),
        ("double of a whole number",                                    "double",        "3",                              "{c: 3.0}",                   "{c: 3.0}"),
        ("float of a number that it has no room for",                   "float",         "1e300",                          "MalformedData",              "MalformedData"),
        ("a number that no double has room for is no JSON here",        "double",        "1e400",                          "ParseError",                 "ParseError"),
        ("decimal, beyond a double's digits",                           "decimal(20,2)", "123456789012345678.91",          "{c: 123456789012345678.91}", "{c: 123456789012345678.91}"),
        ("decimal of text",                                             "decimal(5,2)",  r#""-1.5""#,                      "{c: -1.50}",                 "MalformedData"),
        ("decimal without room",                                        "decimal(5,2)",  "1000",                           "MalformedData",              "MalformedData"),
        ("string",                                                      "string",        r#""\u00e9\n""#,                  "{c: \"é\n\"}",               "{c: \"é\n\"}"),
        ("OpenX: any JSON is text",                                     "string",        "1.0",                            "{c: \"1.0\"}",               "{c: \"1.0\"}"),
        ("OpenX: any JSON is text",                                     "string",        r#"{"b":[1,null],"a":"x"}"#,      r#"{c: "{"b":[1,null],"a":"x"}"}"#, "MalformedData"),
        ("varchar counts characters",                                   "varchar(2)",    r#""éé""#,                        "{c: \"éé\"}",                "{c: \"éé\"}"),
        ("nothing is cut off",                                          "varchar(2)",    r#""abc""#,                       "MalformedData",              "MalformedData"),
        ("Hive: trailing blanks of a char do not count",                "char(2)",       r#""ab   ""#,                     "{c: \"ab\"}",                "{c: \"ab\"}"),
        ("binary is base64",                                            "binary",        r#""AP8=""#,                      "{c: [0, 255]}",              "{c: [0, 255]}"),
        ("binary is base64",                                            "binary",        r#""!""#,                         "MalformedData",              "MalformedData"),
        ("date",                                                        "date",          r#""2017-02-07""#,                "{c: 2017-02-07}",            "{c: 2017-02-07}"),
        ("date",                                                        "date",          "17204",                          "MalformedData",              "MalformedData"),
        ("timestamp",                                                   "timestamp",     r#""2017-02-07T15:13:01.5Z""#,    "{c: 2017-02-07 15:13:01.500 +00:00}", "MalformedData"),
        ("timestamp",                                                   "timestamp",     r#""2017-02-07 15:13:01.5""#,     "{c: 2017-02-07 15:13:01.500 +00:00}", "{c: 2017-02-07 15:13:01.500 +00:00}"),
        ("timestamp of a number",                                       "timestamp",     "1486480381",                     "{c: 2017-02-07 15:13:01.000 +00:00}", "MalformedData"),
        ("null",                                                        "decimal(5,2)",  "null",                           "{c: null}",                  "{c: null}"),
        ("null",                                                        "timestamp",     "null",                           "{c: null}",                  "{c: null}"),
    ];
    for (source, hive_type, value, expected_openx, expected_hive) in table {
        let record = format!(r#"{{"c":{value}}}"#);
        for (json, expected) in [(JsonOptions::default(), expected_openx), (hive(&[]), expected_hive)] {
            let found = one(&[("c", hive_type)], json, &record);
            let as_expected = if expected.starts_with('{') { found == expected } else { found.starts_with(expected) };
            assert!(as_expected, "{source}: {hive_type} of {value}: {found}");
        }
    }
    assert_eq!(
        one(&[("c", "timestamp")], hive(&["yyyy", "millis"]), r#"{"c":1486480381000}"#),
        "{c: 2017-02-07 15:13:01.000 +00:00}"
    );
    assert!(Converter::new(&schema(&[("c", "int")]), hive(&["ww"]), &ParquetOptions::default()).is_err());
}

#[test]
fn keys_and_records() {
    let columns = &[("ts", "int"), ("a_b", "int")];
    #[rustfmt::skip] // source                                                      options                                   record                                rows, or failure
    let table = [
        ("OpenX: case-insensitive by default",                                      JsonOptions::default(),                   r#"{"TS":1,"A_b":2}"#,                "{ts: 1, a_b: 2}"),
        ("OpenX: CaseInsensitive false",                                            openx(false, false, &[]),                 r#"{"TS":1,"a_b":2}"#,                "{ts: null, a_b: 2}"),
        ("OpenX: ConvertDotsInJsonKeysToUnderscores",                               openx(true, true, &[]),                   r#"{"ts":1,"a.b":2}"#,                "{ts: 1, a_b: 2}"),
        ("OpenX: dots stay",                                                        JsonOptions::default(),                   r#"{"a.b":2}"#,                       "{ts: null, a_b: null}"),
        ("OpenX: ColumnToJsonKeyMappings",                                          openx(true, false, &[("ts", "timestamp")]), r#"{"timestamp":1,"ts":9}"#,        "{ts: 1, a_b: null}"),
        ("Hive: case-insensitive",                                                  hive(&[]),                                r#"{"TS":1}"#,                        "{ts: 1, a_b: null}"),
        ("keys in any order, others are left out",                                  JsonOptions::default(),                   r#"{"x":{"y":[{}]},"a_b":2,"ts":1}"#, "{ts: 1, a_b: 2}"),
        ("Firehose: concatenated objects",                                          JsonOptions::default(),                   "{\"ts\":1}{\"ts\":2}\n{}",           "{ts: 1, a_b: null} {ts: 2, a_b: null} {ts: null, a_b: null}"),
        ("a line feed behind it",                                                   JsonOptions::default(),                   "{\"ts\":1}\n",                       "{ts: 1, a_b: null}"),
        ("Firehose: no array at the top",                                           JsonOptions::default(),                   r#"[{"ts":1}]"#,                      "ParseError: invalid type: sequence, expected a JSON object at line 1 column 0"),
        ("a record is an object",                                                   JsonOptions::default(),                   "7",                                  "ParseError: invalid type: integer `7`, expected a JSON object at line 1 column 1"),
        ("a record is not empty",                                                   JsonOptions::default(),                   " ",                                  "ParseError: there is no JSON object"),
        ("not JSON",                                                                JsonOptions::default(),                   r#"{"ts":1"#,                         "ParseError: EOF while parsing an object at line 1 column 7"),
        ("not JSON behind an object",                                               JsonOptions::default(),                   r#"{"ts":1}}"#,                       "ParseError: expected value at line 1 column 9"),
        ("not JSON in what is left out",                                            JsonOptions::default(),                   r#"{"x":[1,}"#,                       "ParseError: expected value at line 1 column 9"),
        ("no key twice, since readers differ about which counts",                   JsonOptions::default(),                   r#"{"ts":1,"TS":2}"#,                 "ParseError: Duplicate key \"ts\" at line 1 column 12"),
        ("which value, and why",                                                    JsonOptions::default(),                   r#"{"ts":"x"}"#,                      "MalformedData: column `ts`: \"x\" is no value of type int at line 1 column 9"),
        ("a bad object takes the whole record with it",                             JsonOptions::default(),                   r#"{"ts":1}{"ts":{}}"#,               "MalformedData: column `ts`: an object is no value of type int at line 1 column 16"),
    ];
    for (source, json, record, expected) in table {
        assert_eq!(one(columns, json, record), expected, "{source}: {record}");
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let _ = one(columns, JsonOptions::default(), &deep);
}

#[test]
fn nested() {
    #[rustfmt::skip] // source                      type                                                 JSON                                              value
    let table = [
        ("struct",                                  "struct<a:int,b:string>",                            r#"{"b":"x","a":1}"#,                             r#"{a: 1, b: "x"}"#),
        ("struct, a field is absent",               "struct<a:int,b:string>",                            "{}",                                             "{a: null, b: null}"),
        ("struct, absent itself",                   "struct<a:int,b:string>",                            "null",                                           "null"),
        ("list",                                    "array<int>",                                        "[1,null,3]",                                     "[1, null, 3]"),
        ("list, empty",                             "array<int>",                                        "[]",                                             "[]"),
        ("list, absent",                            "array<int>",                                        "null",                                           "null"),
        ("list of lists",                           "array<array<int>>",                                 "[[1,2],[],null,[3]]",                            "[[1, 2], [], null, [3]]"),
        ("list of structs, each with absent fields", "array<struct<a:int,b:array<string>>>",             r#"[{"b":["x","y"]},{"a":1},null,{}]"#,           r#"[{a: null, b: ["x", "y"]}, {a: 1, b: null}, null, {a: null, b: null}]"#),
        ("map",                                     "map<string,int>",                                   r#"{"k":1,"l":null}"#,                            r#"{"k" -> 1, "l" -> null}"#),
        ("map, empty",                              "map<string,int>",                                   "{}",                                             "{}"),
        ("map of numbers",                          "map<int,array<boolean>>",                           r#"{"7":[true],"8":[]}"#,                         "{7 -> [true], 8 -> []}"),
        ("OpenX: keys of a map are lower-cased too", "map<string,int>",                                  r#"{"Key":1}"#,                                   r#"{"key" -> 1}"#),
        ("a list in a map in a struct in a list",   "array<struct<m:map<string,array<int>>>>",           r#"[{"m":{"a":[1],"b":[2,3]}},{"m":{"c":[4]}}]"#, r#"[{m: {"a" -> [1], "b" -> [2, 3]}}, {m: {"c" -> [4]}}]"#),
    ];
    for (source, hive_type, value, expected) in table {
        let columns = &[("before", "int"), ("c", hive_type), ("after", "int")];
        let record = format!(r#"{{"before":1,"c":{value},"after":2}}{{"c":{value}}}"#);
        let rows = format!("{{before: 1, c: {expected}, after: 2}} {{before: null, c: {expected}, after: null}}");
        assert_eq!(one(columns, JsonOptions::default(), &record), rows, "{source}");
    }
    let columns = &[("c", "map<int,int>")];
    assert!(
        one(columns, JsonOptions::default(), r#"{"c":{"x":1}}"#).starts_with("MalformedData: column `c`: key \"x\"")
    );
    assert!(one(columns, JsonOptions::default(), r#"{"c":{"1":1,"1":2}}"#).starts_with("ParseError: Duplicate key"));
    assert!(one(&[("c", "array<int>")], JsonOptions::default(), r#"{"c":{"a":1}}"#).starts_with("MalformedData"));
}

const WIDE: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("name", "string"),
    ("price", "decimal(10,2)"),
    ("at", "timestamp"),
    ("on", "boolean"),
    ("tags", "array<string>"),
    ("where", "struct<x:double,y:float>"),
    ("counts", "map<string,int>"),
];

fn wide(n: u64) -> String {
    format!(
        r#"{{"id":{n},"name":"name {}","price":{}.25,"at":"2017-02-07T15:13:01.{:03}Z","on":{},"tags":["a","b{n}"],"where":{{"x":{n}.5}},"counts":{{"k":{}}}}}"#,
        n % 7,
        n % 1000,
        n % 1000,
        n.is_multiple_of(2),
        n % 100,
    )
}

#[test]
fn the_same_records_make_the_same_bytes_however_they_are_taken_out() {
    let schema = schema(WIDE);
    for compression in [ParquetCompression::Uncompressed, ParquetCompression::Gzip, ParquetCompression::Snappy] {
        for (version, dictionary) in
            [(ParquetVersion::V1, false), (ParquetVersion::V1, true), (ParquetVersion::V2, true)]
        {
            let options =
                ParquetOptions { block_size_bytes: 100_000, page_size_bytes: 4_096, compression, dictionary, version };
            let convert = |piecewise: bool| {
                let mut converter = Converter::new(&schema, JsonOptions::default(), &options).unwrap();
                let mut out = Vec::new();
                for n in 0..5_000 {
                    let bad = if n % 10 == 0 { "!" } else { "" };
                    assert_eq!(converter.push((wide(n) + bad).as_bytes()).is_err(), n % 10 == 0);
                    if piecewise {
                        out.extend(converter.take());
                    }
                }
                assert_eq!(converter.rows(), 4_500);
                out.extend(converter.finish());
                out
            };
            let file = convert(false);
            assert!(convert(true) == file, "{options:?}");
            let reader = SerializedFileReader::new(Bytes::from(file.clone())).unwrap();
            assert!(reader.num_row_groups() > 3, "row groups are closed by bytes");
            let rows = read(file);
            assert_eq!(rows.len(), 4_500);
            assert_eq!(
                rows[0],
                r#"{id: 1, name: "name 1", price: 1.25, at: 2017-02-07 15:13:01.001 +00:00, on: false, tags: ["a", "b1"], where: {x: 1.5, y: null}, counts: {"k" -> 1}}"#
            );
        }
    }
    let empty = Converter::new(&schema, JsonOptions::default(), &ParquetOptions::default()).unwrap();
    assert_eq!((empty.rows(), read(empty.finish()).len()), (0, 0));
}

#[test]
fn a_short_record_cannot_fill_the_memory() {
    let fields: Vec<String> = (0..1_900).map(|n| format!("f{n}:int")).collect();
    let list = format!("array<struct<{}>>", fields.join(","));
    let record = format!(r#"{{"c":[{}{{}}]}}"#, "{},".repeat(300_000));
    let mut converter =
        Converter::new(&schema(&[("c", &list)]), JsonOptions::default(), &ParquetOptions::default()).unwrap();
    for record in [record.as_str(), &"{}".repeat(300_000)] {
        let outcome = converter.push(record.as_bytes());
        match outcome {
            Err(failure) => assert!(failure.message.contains("takes more than"), "{failure}"),
            Ok(()) => panic!("{} bytes of memory", converter.rows.bytes),
        }
        assert_eq!((converter.rows.bytes, converter.rows()), (0, 0));
    }
}

/// Whatever comes, the rows that are in the file are those of the records that were taken, and the others left no trace.
#[test]
fn no_record_panics_and_a_failed_one_leaves_nothing() {
    #[rustfmt::skip]
    const WORDS: [&str; 32] = [
        "{", "}", "[", "]", ",", ":", "\"id\"", "\"name\"", "\"tags\"", "\"where\"", "\"counts\"", "\"x\"", "\"at\"", "\"price\"", "null", "true",
        "1", "-2.5", "1e9", "\"7\"", "\"\"", " ", "{\"id\":", "{\"where\":{", "{\"tags\":[", "{\"counts\":{", "}}", "]}", "\"2017-02-07 15:13:01\"", "{}", "\\u0000", "é",
    ];
    let schema = schema(WIDE);
    let options = ParquetOptions { block_size_bytes: 1_000, ..ParquetOptions::default() };
    bolero::check!().for_each(|bytes: &[u8]| {
        let words: String = bytes.iter().map(|byte| WORDS[usize::from(byte % 32)]).collect();
        for json in [JsonOptions::default(), hive(&["millis"])] {
            let mut mixed = Converter::new(&schema, json.clone(), &options).unwrap();
            let mut taken = Converter::new(&schema, json, &options).unwrap();
            for record in [bytes, words.as_bytes(), wide(3).as_bytes(), &[words.as_bytes(), b"}"].concat()] {
                match mixed.push(record) {
                    Ok(()) => taken.push(record).unwrap(),
                    Err(failure) => {
                        assert!(matches!(failure.code, FailureCode::ParseError | FailureCode::MalformedData))
                    }
                }
            }
            let rows = mixed.rows();
            let file = mixed.finish();
            assert!(file == taken.finish());
            assert_eq!(read(file).len() as u64, rows);
        }
    });
}
