//! transform: the same members for each of many objects.
use super::{Arity, Function, Run};
use crate::value::{Value, separate};
use crate::{EvaluationError, SqlVersion};

/// The longest array that `transform` makes, in bytes (transform: "limited to 128 KiB"). A longer one fails the evaluation.
const TRANSFORMED_BYTES_MAX: usize = 128 * 1024;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "transform",
    since: SqlVersion::V2016_03_23,
    arity: Arity::exactly(3),
    doc: "With mode `enrichArray`: the objects of an Array, each with the members of an Object added. A member that is in both is the \
          Object's.",
    examples: &[
        (
            "transform('enrichArray', {'x': 1, 'y': temperature}, [{'a': 3}, {'x': 4}])",
            r#"[{"a":3,"x":1,"y":21.5},{"x":1,"y":21.5}]"#,
        ),
        ("transform('enrichArray', {}, [])", "[]"),
        ("transform('enricharray', {}, [])", "Undefined"),
        ("transform('enrichArray', {}, [1])", "Undefined"),
        ("transform('enrichArray', [], [])", "Undefined"),
        ("transform('enrichArray', {}, {})", "Undefined"),
        ("transform('enrichArray', {})", "Undefined"),
    ],
    run: Run::Values(|context, args| {
        let is_mode = matches!(&args[0], Value::String(mode) if mode == "enrichArray");
        let (true, Some(added), Some(elements)) = (is_mode, args[1].members_in_order(), args[2].elements()) else {
            return Value::Undefined;
        };
        let (mut out, mut comma) = (vec![b'['], false);
        for element in elements {
            let Some(mut members) = element.members_in_order() else { return Value::Undefined };
            if !context.takes(added.len() * (members.len() + 1)) {
                return Value::Undefined;
            }
            for (key, value) in &added {
                match members.iter_mut().find(|(known, _)| known == key) {
                    Some((_, known)) => *known = value.clone(),
                    None => members.push((key.clone(), value.clone())),
                }
            }
            separate(&mut comma, &mut out);
            Value::Object(members).write(&mut out);
            if out.len() >= TRANSFORMED_BYTES_MAX {
                context.failure = Some(EvaluationError::TooLarge);
                return Value::Undefined;
            }
        }
        out.push(b']');
        String::from_utf8(out).map_or(Value::Undefined, |text| Value::Json(text.into()))
    }),
}];
