//! `xtask gen --models DIR`: operation tables and input shapes from botocore's service models.
//!
//! Reads names, places, types and bounds; no prose. `shell/api/offered.txt` says which operations need their inputs.
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Directory of the model, module of the output.
const SERVICES: &[(&str, &str)] = &[
    ("firehose", "firehose"),
    ("glue", "glue"),
    ("iot", "iot"),
    ("iot-data", "iot_data"),
    ("iot-jobs-data", "iot_jobs_data"),
    ("kms", "kms"),
    ("s3", "s3"),
    ("sts", "sts"),
];

/// S3's operations that another one's request also fits: older forms of a newer operation, and those of other hosts.
const LEFT_OUT: &[&str] = &[
    "GetBucketLifecycle",
    "GetBucketNotification",
    "PutBucketLifecycle",
    "PutBucketNotification",
    "ListDirectoryBuckets",
    "WriteGetObjectResponse",
];

/// Runs the task: `gen --models DIR` (`botocore/data`), from the workspace's root.
pub fn run(arguments: &[String]) -> Result<()> {
    let [flag, models] = arguments else { bail!("usage: xtask gen --models DIR") };
    if flag != "--models" {
        bail!("usage: xtask gen --models DIR");
    }
    let api = Path::new("shell/api");
    let offered = fs::read_to_string(api.join("offered.txt")).context("run from the workspace's root")?;
    let lines = offered.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let offered: BTreeSet<&str> = lines.collect();
    let mut known = BTreeSet::new();
    let mut written = Vec::new();
    for (service, module) in SERVICES {
        let model = read_model(&Path::new(models).join(service))?;
        let text = Tables::new(service, &model, &offered, &mut known)?.emit()?;
        let path = api.join(format!("src/generated/{module}.rs"));
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        written.push(path);
    }
    if let Some(unknown) = offered.iter().find(|line| !known.contains(**line)) {
        bail!("offered.txt: `{unknown}` is in no model");
    }
    let status = Command::new("rustfmt").args(["--edition", "2024"]).args(&written).status().context("rustfmt")?;
    if status.success() { Ok(()) } else { bail!("rustfmt failed") }
}

/// Patterns of the models that an extension of ours widens (`docs/divergences.md`): service, shape, what is taken beside.
const WIDENED: &[(&str, &str, &str)] = &[
    ("firehose", "KinesisStreamARN", r"arn:.*:iot:[a-zA-Z0-9\-]+:\d{12}:topicfilter/.+"),
    ("firehose", "HttpEndpointUrl", "http://.*"),
];

/// The newest version of a model, plain or gzipped.
fn read_model(directory: &Path) -> Result<Value> {
    let versions = fs::read_dir(directory).with_context(|| format!("no model in `{}`", directory.display()))?;
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    versions.sort();
    for version in versions.iter().rev() {
        let (plain, gzipped) = (version.join("service-2.json"), version.join("service-2.json.gz"));
        if plain.exists() {
            return Ok(serde_json::from_slice(&fs::read(plain)?)?);
        }
        if gzipped.exists() {
            let output = Command::new("gzip").arg("-dc").arg(&gzipped).output().context("gzip")?;
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
    }
    bail!("no service-2.json under `{}`", directory.display())
}

/// One service's tables under construction.
struct Tables<'m> {
    service: &'static str,
    operations: &'m Map<String, Value>,
    shapes: &'m Map<String, Value>,
    offered: HashSet<&'m str>,
    /// Shapes reached from an offered input, by their name in the model.
    reached: BTreeMap<&'m str, String>,
}

impl<'m> Tables<'m> {
    fn new(
        service: &'static str,
        model: &'m Value,
        offered: &BTreeSet<&str>,
        known: &mut BTreeSet<String>,
    ) -> Result<Self> {
        let part = |name: &str| model[name].as_object().with_context(|| format!("{service}: no `{name}`"));
        let mut tables = Self {
            service,
            operations: part("operations")?,
            shapes: part("shapes")?,
            offered: HashSet::new(),
            reached: BTreeMap::new(),
        };
        for (name, operation) in tables.operations {
            let line = format!("{service} {name}");
            if offered.contains(line.as_str()) {
                tables.offered.insert(name);
                // S3 is given the request as it came; STS's one operation has no input.
                if let Some(input) = operation["input"]["shape"].as_str().filter(|_| service != "s3") {
                    tables.reach(input)?;
                }
            }
            known.insert(line);
        }
        Ok(tables)
    }

    fn reach(&mut self, name: &'m str) -> Result<()> {
        if self.reached.contains_key(name) {
            return Ok(());
        }
        let taken: HashSet<&String> = self.reached.values().collect();
        let mut constant = upper_snake(name);
        while taken.contains(&constant) {
            constant.push('_');
        }
        self.reached.insert(name, constant);
        let shape = &self.shapes[name];
        let members = shape["members"].as_object().into_iter().flat_map(Map::values);
        let inner = members.chain(["member", "key", "value"].iter().filter_map(|part| shape.get(part)));
        for reference in inner {
            self.reach(reference["shape"].as_str().context("a member without a shape")?)?;
        }
        Ok(())
    }

    fn emit(&self) -> Result<String> {
        let mut out =
            String::from("//! Generated by `cargo run -p xtask -- gen`; do not edit.\n#![allow(missing_docs)]\n");
        let uses = if self.reached.is_empty() { "Operation" } else { "*" };
        writeln!(out, "use crate::table::{uses};\n\npub static OPERATIONS: &[Operation] = &[")?;
        for (name, operation) in self.operations {
            if self.service == "s3" && LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            self.emit_operation(&mut out, name, operation)?;
        }
        out.push_str("];\n");
        for (name, constant) in &self.reached {
            self.emit_shape(&mut out, name, constant)?;
        }
        Ok(out)
    }

    fn emit_operation(&self, out: &mut String, name: &str, operation: &Value) -> Result<()> {
        let method = operation["http"]["method"].as_str().context("no method")?;
        let uri = operation["http"]["requestUri"].as_str().context("no URI")?;
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut discriminators: Vec<String> = query.split('&').filter(|q| !q.is_empty()).map(str::to_owned).collect();
        let input = operation["input"]["shape"].as_str();
        if self.service == "s3" {
            discriminators.extend(self.required_of(input, "querystring"));
            let headers = self.required_of(input, "header").into_iter();
            discriminators.extend(headers.filter(|h| h == "x-amz-copy-source").map(|h| format!("@{h}")));
        }
        let offered = self.offered.contains(name);
        let shape = input.and_then(|shape| self.reached.get(shape)).filter(|_| offered);
        let shape = shape.map_or("None".to_owned(), |constant| format!("Some(&{constant}_SHAPE)"));
        writeln!(out, "Operation::new({name:?}, {method:?}, {path:?}, &{discriminators:?}, {offered}, {shape}),")?;
        Ok(())
    }

    fn required_of(&self, input: Option<&str>, location: &str) -> Vec<String> {
        let Some(shape) = input.map(|name| &self.shapes[name]) else { return Vec::new() };
        let required = shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let members = required.map(|name| &shape["members"][name]).filter(|m| m["location"] == location);
        members.filter_map(|m| m["locationName"].as_str()).map(str::to_owned).collect()
    }

    fn emit_shape(&self, out: &mut String, name: &str, constant: &str) -> Result<()> {
        let shape = &self.shapes[name];
        let kind = match shape["type"].as_str().context("a shape without a type")? {
            "string" | "character" => {
                let values = shape["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let values: Vec<&str> = values.collect();
                let pattern = shape["pattern"].as_str().unwrap_or_default();
                let ours = WIDENED.iter().find(|(service, shape, _)| (*service, *shape) == (self.service, name));
                let pattern = ours.map_or(pattern.to_owned(), |(_, _, ours)| format!("{pattern}|{ours}"));
                let length = bounds(shape);
                format!("Kind::String(Text::new({length}, {pattern:?}, &{values:?}))")
            }
            "integer" | "long" => format!("Kind::Integer({})", bounds(shape)),
            "float" | "double" => format!("Kind::Number({})", bounds(shape)),
            "boolean" => "Kind::Boolean".to_owned(),
            "timestamp" => "Kind::Timestamp".to_owned(),
            "blob" => format!("Kind::Blob({})", bounds(shape)),
            "list" => format!("Kind::List({}, &{})", bounds(shape), self.kind_of(&shape["member"])?),
            "map" => {
                let (key, value) = (self.kind_of(&shape["key"])?, self.kind_of(&shape["value"])?);
                format!("Kind::Map({}, &{key}, &{value})", bounds(shape))
            }
            "structure" => {
                self.emit_members(out, shape, constant)?;
                format!("Kind::Structure(&{constant}_SHAPE)")
            }
            other => bail!("{name}: type `{other}` is not known"),
        };
        // An operation's own input is reached by its shape, never as a member.
        let is_input = self.operations.values().any(|operation| operation["input"]["shape"] == name);
        if !is_input {
            writeln!(out, "static {constant}: Kind = {kind};")?;
        }
        Ok(())
    }

    fn emit_members(&self, out: &mut String, shape: &Value, constant: &str) -> Result<()> {
        writeln!(out, "static {constant}_SHAPE: Shape = Shape::new(&[")?;
        let required: Vec<&str> =
            shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let payload = shape["payload"].as_str();
        for (name, member) in shape["members"].as_object().into_iter().flatten() {
            let location = match member["location"].as_str() {
                _ if payload == Some(name) => "Payload",
                None => "Body",
                Some("uri") => "Uri",
                Some("querystring") => "Query",
                Some("header") => "Header",
                Some(other) => bail!("{name}: location `{other}` is not known"),
            };
            let wire = member["locationName"].as_str().unwrap_or(name);
            let required = if required.contains(&name.as_str()) { ".required()" } else { "" };
            let kind = self.kind_of(member)?;
            writeln!(out, "Member::new({name:?}, Location::{location}, {wire:?}, &{kind}){required},")?;
        }
        out.push_str("]);\n");
        Ok(())
    }

    fn kind_of(&self, reference: &Value) -> Result<&str> {
        let name = reference["shape"].as_str().context("a member without a shape")?;
        Ok(self.reached.get(name).context("a shape that was not reached")?)
    }
}

fn bounds(shape: &Value) -> String {
    let bound = |name: &str| shape[name].as_i64().or_else(|| shape[name].as_f64().map(|f| f as i64));
    match (bound("min"), bound("max")) {
        (None, None) => "Bounds::NONE".to_owned(),
        (min, max) => {
            let text = |bound: Option<i64>, none: &str| bound.map_or(none.to_owned(), |n| n.to_string());
            format!("Bounds::new({}, {})", text(min, "i64::MIN"), text(max, "i64::MAX"))
        }
    }
}

fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    let mut previous_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && previous_lower {
            out.push('_');
        }
        previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    out
}
