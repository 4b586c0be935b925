//! The functions of the language: one entry each, in a file for each close family.
//!
//! To add one, write its entry with documentation and examples (they run as tests) and put its family into `FAMILIES`.
mod asked; // aws_lambda get_dynamodb get_secret
mod arithmetic; // abs ceil floor round sign mod remainder trunc
mod bits; // bitand bitor bitxor bitnot
mod cast; // cast(… AS …)
mod collections; // get get_or_default nanvl isNull isUndefined
mod concat;
mod context; // topic clientid timestamp …
mod double; // sqrt power sin … in double precision
mod encoding; // encode decode
mod hashes; // md2 md5 sha1 sha256 …
mod known; // get_thing_shadow get_registry_data
mod mqtt; // get_mqtt_property get_user_properties
mod random; // newuuid rand
mod regexp; // regexp_matches regexp_replace regexp_substr
mod strings; // lower upper length …
mod substring; // substring indexof startswith endswith replace
mod time; // parse_time time_to_epoch
mod transform;

pub(crate) use cast::cast;
pub(crate) use regexp::{MESSAGE_PATTERN_BYTES_MAX, PATTERN_BYTES_MAX, compiled_regex};
pub(crate) use time::check as check_time_pattern;

use crate::SqlVersion;
use crate::evaluate::Context;
use crate::value::Value;

/// A SQL function.
#[derive(Debug)]
pub struct Function {
    /// As AWS spells it; statements may use any case.
    pub name: &'static str,
    /// The first version of the language that has it.
    pub since: SqlVersion,
    /// How many arguments it takes. With any other number it is Undefined.
    pub arity: Arity,
    /// What it does.
    pub doc: &'static str,
    /// Calls and the JSON of their results; `Undefined` is one of them.
    pub examples: &'static [(&'static str, &'static str)],
    pub(crate) run: Run,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// At least.
    pub min: usize,
    /// At most, if there is a limit.
    pub max: Option<usize>,
}

/// How a function is called.
#[derive(Debug)]
pub(crate) enum Run {
    /// With its arguments, which have been read.
    Values(for<'e, 'm> fn(&mut Context<'e, 'm>, &mut [Value<'m>]) -> Value<'m>),
    /// With the regular expression that its second argument is.
    Regex(for<'e, 'm> fn(&mut Context<'e, 'm>, &regex::Regex, &mut [Value<'m>]) -> Value<'m>),
}

/// What is known of a name.
pub(crate) enum Availability {
    Here(&'static Function),
    /// AWS had it, and the service behind it is gone.
    Retired,
    Unknown,
}

const FAMILIES: &[&[Function]] = &[
    arithmetic::FUNCTIONS,
    asked::FUNCTIONS,
    bits::FUNCTIONS,
    collections::FUNCTIONS,
    concat::FUNCTIONS,
    context::FUNCTIONS,
    double::FUNCTIONS,
    encoding::FUNCTIONS,
    hashes::FUNCTIONS,
    known::FUNCTIONS,
    mqtt::FUNCTIONS,
    random::FUNCTIONS,
    regexp::FUNCTIONS,
    strings::FUNCTIONS,
    substring::FUNCTIONS,
    time::FUNCTIONS,
    transform::FUNCTIONS,
];

const RETIRED: &[&str] = &["machinelearning_predict"];

/// All functions but `cast` and `exists`, which have a syntax of their own.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().copied().flatten()
}

/// Looks a name up, in any case.
pub(crate) fn find(name: &str) -> Availability {
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    match functions().find(|function| is(&function.name)) {
        Some(function) => Availability::Here(function),
        None if RETIRED.iter().any(is) => Availability::Retired,
        None => Availability::Unknown,
    }
}

/// Whether a function asks more than the message, and if so whether that takes long.
pub(crate) fn asks(function: &Function) -> Option<bool> {
    let is_of = |family: &[Function]| family.iter().any(|of_family| of_family.name == function.name);
    if is_of(asked::FUNCTIONS) { Some(true) } else { is_of(known::FUNCTIONS).then_some(false) }
}

impl Function {
    /// Whether a call may ask more than the message.
    pub fn may_ask(&self) -> bool {
        asks(self).is_some() || self.name == "decode" // of 'proto'
    }
}

impl Arity {
    pub(crate) const fn exactly(count: usize) -> Self {
        Self { min: count, max: Some(count) }
    }

    pub(crate) const fn between(min: usize, max: usize) -> Self {
        Self { min, max: Some(max) }
    }

    pub(crate) const fn any() -> Self {
        Self { min: 0, max: None }
    }

    pub(crate) fn allows(self, count: usize) -> bool {
        count >= self.min && self.max.is_none_or(|max| count <= max)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use super::*;
    use crate::one_oven::OneOven;
    use crate::{Evaluation, Message, MqttProperties, compile};

    /// Each example is evaluated in the newest version over an empty object.
    #[test]
    fn examples_are_true() {
        let properties = MqttProperties {
            content_type: Some("text/plain"),
            payload_is_utf8: true,
            response_topic: Some("replies/oven-7"),
            correlation_data: Some(&[0, 255]),
            user_properties: vec![("unit", "C"), ("line", "4"), ("unit", "K")],
        };
        for function in functions() {
            assert!(!function.doc.is_empty() && !function.examples.is_empty(), "{}", function.name);
            for (call, result) in function.examples {
                assert!(call.to_lowercase().contains(&function.name.to_lowercase()), "{call}");
                let sql = format!("SELECT VALUE {call}");
                let program = compile(&sql, SqlVersion::V2016_03_23).unwrap_or_else(|error| panic!("{call}: {error}"));
                let message = Message {
                    topic: "factory/oven-7/telemetry",
                    payload: b"{\"temperature\": 21.5}",
                    client_id: Some("oven-7"),
                    principal: "8f2c",
                    account: "123456789012",
                    received: sekisho_types::Timestamp::from_millis(1_481_825_251_155),
                    trace_id: Some(&OnceCell::new()),
                    source_ip: Some([192, 0, 2, 1].into()),
                    mqtt: Some(&properties),
                    known: Some(&OneOven),
                    variables: None,
                };
                let found = match program.evaluate(&message, &mut |out: &mut [u8]| out.fill(0x11)) {
                    Evaluation::Selected(bytes) if bytes.is_empty() => "Undefined".to_owned(),
                    Evaluation::Selected(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                    other => format!("{other:?}"),
                };
                assert_eq!(found, *result, "{call}");
            }
        }
    }

    #[test]
    fn names_are_unique_and_refused_ones_are_not_implemented() {
        let mut names: Vec<String> = functions().map(|function| function.name.to_lowercase()).collect();
        names.extend(RETIRED.iter().map(|name| (*name).to_owned()));
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
