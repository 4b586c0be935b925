//! get_thing_shadow, get_registry_data: what the server knows of a thing. The role is named and not assumed.
use super::asked::ask;
use super::{Arity, Function, Run};
use crate::value::Value;
use crate::{Question, SqlVersion};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "get_thing_shadow",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(2, 3),
        doc: "The document of a thing's shadow, classic or named: `get_thing_shadow(thing, role)`, `get_thing_shadow(thing, shadow, \
              role)`. Undefined if there is none.",
        examples: &[
            (r#"get_thing_shadow("oven-7", "arn:aws:iam::123456789012:role/r").state.reported.on"#, "true"),
            (r#"get_thing_shadow("oven-7", "door", "arn:aws:iam::123456789012:role/r").state.reported.open"#, "false"),
            (r#"get_thing_shadow("oven-8", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_thing_shadow(7, "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let (thing, shadow) = match args {
                [Value::String(thing), Value::String(_)] => (thing, None),
                [Value::String(thing), Value::String(shadow), Value::String(_)] => (thing, Some(&**shadow)),
                _ => return Value::Undefined,
            };
            let (thing, shadow) = (thing.to_string(), shadow.map(str::to_owned));
            ask(context, Question::Shadow { thing, shadow })
        }),
    },
    Function {
        name: "get_registry_data",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(3),
        doc: "What the registry's `DescribeThing` or `ListThingGroupsForThing` answers of a thing: `get_registry_data(api, thing, \
              role)`. Undefined if there is no such thing.",
        examples: &[
            (
                r#"get_registry_data("DescribeThing", "oven-7", "arn:aws:iam::123456789012:role/r").attributes.site"#,
                r#""north""#,
            ),
            (r#"get_registry_data("DescribeThing", "oven-8", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_registry_data("DeleteThing", "oven-7", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let [Value::String(api), Value::String(thing), Value::String(_)] = args else { return Value::Undefined };
            ask(context, Question::Registry { api: api.to_string(), thing: thing.to_string() })
        }),
    },
];
