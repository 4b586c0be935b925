//! Partition keys by jq: `{customer_id: .customer_id, year: .event_timestamp | strftime("%Y")}`.
//!
//! jq can loop for ever, and nobody waits for that between a record and its acknowledgement: definitions and every function
//! that is not bounded by its input are refused when the stream is made, and `*`, which repeats text. What is left can still
//! double its output with every step; a query is written by whoever may make streams, not by a device.
use std::collections::BTreeMap;
use std::fmt;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::ops::Math;
use jaq_core::path::Part;
use jaq_core::{Compiler, Ctx, Native, Vars, compile, data, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

/// Characters of a query (firehose model: ProcessorParameterValue).
const QUERY_CHARS_MAX: usize = 5_120;
/// What works through its input once.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "not", "select", "empty", "error", "true", "false", "null", "tostring", "tonumber", "type", "length", "keys", "has",
    "contains", "inside", "map", "map_values", "to_entries", "from_entries", "with_entries", "first", "last", "nth", "join",
    "any", "all", "add", "min", "max", "min_by", "max_by", "unique", "unique_by", "group_by", "sort", "sort_by", "reverse",
    "flatten", "floor", "ceil", "round", "fabs", "sqrt", "abs", "toarray", "index", "rindex", "indices", "startswith", "endswith",
    "ltrimstr", "rtrimstr", "trim", "ltrim", "rtrim", "ascii_downcase", "ascii_upcase", "explode", "implode", "split", "test",
    "match", "capture", "scan", "sub", "gsub", "splits", "tojson", "ascii", "utf8bytelength", "strftime", "strptime",
    "gmtime", "mktime", "todate", "fromdate", "dateadd", "datesub", "date", "fromdateiso8601", "todateiso8601", "values", "nulls",
    "strings", "numbers", "booleans", "arrays", "objects", "iterables", "scalars", "getpath", "paths", "del", "walk", "isempty",
];

type Data = data::JustLut<Val>;

/// A query, compiled once.
pub(super) struct Query(compile::Filter<Native<Data>>);

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")
    }
}

impl Query {
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(format!("more than {QUERY_CHARS_MAX} characters"));
        }
        let term = jaq_core::load::parse(text, |parser| parser.term()).ok_or("it is not a jq program")?;
        check(&term)?;
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions).load(&arena, File { code: text, path: () });
        let modules = modules.map_err(|_| "it is not a jq program".to_owned())?;
        let filter = Compiler::default().with_funs(functions).compile(modules);
        filter.map(Self).map_err(|errors| {
            let names = errors.iter().flat_map(|(_, errors)| errors).map(|(name, _)| format!("`{name}`"));
            format!("{} is not defined", names.collect::<Vec<_>>().join(", "))
        })
    }

    /// The keys a record gives; the text of what is not text.
    pub(super) fn keys_of(&self, record: &[u8]) -> Result<BTreeMap<String, String>, String> {
        // By serde_json, which bounds the nesting; jaq's own reader has no bound but the stack's end.
        let input: Val = serde_json::from_slice(record).map_err(|error| format!("the record is not JSON: {error}"))?;
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let mut outputs = self.0.id.run((context, input)).map(unwrap_valr);
        let output = match outputs.next() {
            Some(Ok(output)) => output.to_string(),
            Some(Err(error)) => return Err(format!("the query failed: {error}")),
            None => return Err("the query gave nothing".into()),
        };
        let Ok(Value::Object(object)) = serde_json::from_str::<Value>(&output) else {
            return Err("the query did not give an object".into());
        };
        let mut keys = BTreeMap::new();
        for (name, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Array(_) | Value::Object(_) => return Err(format!("key `{name}` is neither text nor a number")),
            };
            keys.insert(name, text);
        }
        Ok(keys)
    }
}

/// Refuses what may not end, and what reads anything but the record.
fn check(term: &Term<&str>) -> Result<(), String> {
    fn all<'a>(mut terms: impl Iterator<Item = &'a Term<&'a str>>) -> Result<(), String> {
        terms.try_for_each(check)
    }
    match term {
        Term::Id | Term::Recurse | Term::Num(_) => Ok(()),
        Term::Str(_, parts) => parts.iter().try_for_each(|part| match part {
            StrPart::Term(term) => check(term),
            StrPart::Str(_) | StrPart::Char(_) => Ok(()),
        }),
        Term::Arr(inner) => all(inner.as_deref().into_iter()),
        Term::Obj(pairs) => pairs.iter().try_for_each(|(key, value)| {
            check(key)?;
            value.as_ref().map_or(Ok(()), check)
        }),
        Term::Neg(inner) => check(inner),
        // An array grows to whatever index it is assigned at.
        Term::BinOp(_, BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt, _) => {
            Err("an assignment is not offered here".into())
        }
        Term::BinOp(_, BinaryOp::Math(Math::Mul), _) => Err("`*` is not offered here".into()),
        Term::BinOp(left, operator, right) => {
            if let BinaryOp::Pipe(Some(pattern)) = operator {
                check_pattern(pattern)?;
            }
            check(left)?;
            check(right)
        }
        Term::Fold(_, over, pattern, terms) => {
            check_pattern(pattern)?;
            check(over)?;
            all(terms.iter())
        }
        Term::TryCatch(inner, catch) => {
            check(inner)?;
            all(catch.as_deref().into_iter())
        }
        Term::IfThenElse(branches, otherwise) => {
            branches.iter().try_for_each(|(condition, then)| check(condition).and_then(|()| check(then)))?;
            all(otherwise.as_deref().into_iter())
        }
        Term::Call(name, arguments) => {
            if !FUNCTIONS.contains(name) {
                return Err(format!("`{name}` is not offered here"));
            }
            all(arguments.iter())
        }
        Term::Var(name) if *name == "$ENV" || name.starts_with("$__") => Err(format!("`{name}` is not offered here")),
        Term::Var(_) => Ok(()),
        Term::Path(inner, path) => {
            check(inner)?;
            path.0.iter().try_for_each(|(part, _)| match part {
                Part::Index(index) => check(index),
                Part::Range(from, to) => all(from.iter().chain(to)),
            })
        }
        Term::Def(..) => Err("`def` is not offered here".into()),
        Term::Label(..) | Term::Break(_) => Err("`label` is not offered here".into()),
    }
}

fn check_pattern(pattern: &Pattern<&str>) -> Result<(), String> {
    match pattern {
        Pattern::Var(_) => Ok(()),
        Pattern::Arr(patterns) => patterns.iter().try_for_each(check_pattern),
        Pattern::Obj(pairs) => pairs.iter().try_for_each(|(key, pattern)| {
            check(key)?;
            check_pattern(pattern)
        }),
    }
}
