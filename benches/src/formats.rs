//! `formats`: records to Parquet, beside arrow-json and parquet's own writer over the same records on the same core.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Fields, Schema as ArrowSchema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use sekisho_formats::{Column, Converter, JsonOptions, ParquetOptions, Schema};

const RECORDS: usize = 300_000;
const RUNS: usize = 5;

fn main() -> Result<()> {
    let records: Vec<Vec<u8>> = (0..RECORDS).map(record).collect();
    let bytes: usize = records.iter().map(Vec::len).sum();
    println!("{RECORDS} records, {:.1} MB of JSON; SNAPPY; medians of {RUNS}, alternating", bytes as f64 / 1e6);
    println!(
        "| dictionary | sekisho MB/s | arrow-json + parquet MB/s | ratio | file, ours / theirs |\n|---|---|---|---|---|"
    );
    for dictionary in [false, true] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut sizes = (0, 0);
        for _ in 0..RUNS {
            let (took, size) = timed(|| convert(&records, dictionary))?;
            ours.push(took);
            sizes.0 = size;
            let (took, size) = timed(|| arrow(&records, dictionary))?;
            theirs.push(took);
            sizes.1 = size;
        }
        let rate = |mut times: Vec<Duration>| {
            times.sort();
            bytes as f64 / 1e6 / times[RUNS / 2].as_secs_f64()
        };
        let (ours, theirs) = (rate(ours), rate(theirs));
        let size = sizes.0 as f64 / sizes.1 as f64;
        println!("| {dictionary} | {ours:.0} | {theirs:.0} | **{:.2}** | {size:.2} |", ours / theirs);
    }
    Ok(())
}

fn timed(run: impl FnOnce() -> Result<usize>) -> Result<(Duration, usize)> {
    let began = Instant::now();
    let size = run()?;
    Ok((began.elapsed(), size))
}

fn record(n: usize) -> Vec<u8> {
    let (device, second) = (n % 500, n / 500 % 86_400);
    format!(
        concat!(
            r#"{{"device":"pump-{device}","site":"plant-{site}","sequence":{n},"at":"2026-07-13T{h:02}:{m:02}:{s:02}.{ms:03}Z","#,
            r#""temperature":{t:.2},"pressure":{p:.3},"on":{on},"firmware":"1.{site}.0","#,
            r#""position":{{"x":{x:.1},"y":{y:.1}}},"tags":["hot","line-{site}"],"note":null}}"#
        ),
        device = device,
        site = device % 9,
        n = n,
        h = second / 3600,
        m = second / 60 % 60,
        s = second % 60,
        ms = n % 1000,
        t = 20.0 + (n * 7919 % 4000) as f64 / 100.0,
        p = 1.0 + (n * 104_729 % 10_000) as f64 / 1000.0,
        on = n.is_multiple_of(3),
        x = (n % 977) as f64 / 10.0,
        y = (n % 1013) as f64 / 10.0,
    )
    .into_bytes()
}

fn convert(records: &[Vec<u8>], dictionary: bool) -> Result<usize> {
    const COLUMNS: [(&str, &str); 11] = [
        ("device", "string"),
        ("site", "string"),
        ("sequence", "bigint"),
        ("at", "timestamp"),
        ("temperature", "double"),
        ("pressure", "double"),
        ("on", "boolean"),
        ("firmware", "string"),
        ("position", "struct<x:double,y:double>"),
        ("tags", "array<string>"),
        ("note", "string"),
    ];
    let columns = COLUMNS.map(|(name, text)| Column { name: name.into(), type_text: text.into() });
    let options = ParquetOptions { dictionary, ..ParquetOptions::default() };
    let mut converter = Converter::new(&Schema::parse(&columns)?, JsonOptions::default(), &options)?;
    let mut size = 0;
    for record in records {
        converter.push(record)?;
        size += converter.take().len();
    }
    Ok(size + converter.finish().len())
}

fn arrow(records: &[Vec<u8>], dictionary: bool) -> Result<usize> {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let position = Fields::from(vec![field("x", DataType::Float64), field("y", DataType::Float64)]);
    let schema = Arc::new(ArrowSchema::new(vec![
        field("device", DataType::Utf8),
        field("site", DataType::Utf8),
        field("sequence", DataType::Int64),
        field("at", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        field("temperature", DataType::Float64),
        field("pressure", DataType::Float64),
        field("on", DataType::Boolean),
        field("firmware", DataType::Utf8),
        field("position", DataType::Struct(position)),
        field("tags", DataType::List(Arc::new(field("element", DataType::Utf8)))),
        field("note", DataType::Utf8),
    ]));
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_dictionary_enabled(dictionary).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
    let mut decoder = ReaderBuilder::new(schema).with_batch_size(8192).build_decoder()?;
    for record in records {
        let mut rest = &record[..];
        while !rest.is_empty() {
            let read = decoder.decode(rest)?;
            rest = &rest[read..];
            if read == 0 {
                writer.write(&decoder.flush()?.context("a full batch")?)?;
            }
        }
    }
    if let Some(batch) = decoder.flush()? {
        writer.write(&batch)?;
    }
    Ok(writer.into_inner()?.len())
}
