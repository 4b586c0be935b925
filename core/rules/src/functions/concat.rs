//! concat: texts end to end, or arrays.
use super::{Arity, Function, Run};
use crate::value::Value;
use crate::{EvaluationError, SqlVersion};

/// The longest array `concat` makes. A longer one fails the evaluation, as a text that is too long does.
const ELEMENTS_MAX: usize = 1 << 16;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "concat",
    since: SqlVersion::V2015_10_08,
    arity: Arity::any(),
    doc: "If any argument is an Array, one Array of all elements and other arguments; else the texts of all arguments, of which one \
          must be a String. A single argument is returned as it is.",
    examples: &[
        ("concat()", "Undefined"),
        ("concat(1)", "1"),
        ("concat(1, 'hello')", r#""1hello""#),
        ("concat([1, 2, 3], 'hello', [4, 5, 6])", r#"[1,2,3,"hello",4,5,6]"#),
        ("concat('a', true, 1.5)", r#""atrue1.5""#),
        ("concat('a', missing)", "Undefined"),
        ("concat(1, 2)", "Undefined"),
    ],
    run: Run::Values(|context, args| {
        if let [single] = args {
            return std::mem::take(single);
        }
        if args.iter().any(Value::is_array) {
            let mut all = Vec::new();
            for argument in args {
                match argument.elements() {
                    Some(elements) => all.extend(elements),
                    None => all.push(std::mem::take(argument)),
                }
                if all.len() > ELEMENTS_MAX {
                    context.failure = Some(EvaluationError::TooLarge);
                    return Value::Undefined;
                }
            }
            return Value::Array(all);
        }
        if !args.iter().any(|argument| matches!(argument, Value::String(_))) {
            return Value::Undefined;
        }
        let mut all = String::new();
        for argument in args.iter() {
            match argument.text() {
                Some(text) if context.has_room(all.len() + text.len()) => all.push_str(&text),
                _ => return Value::Undefined,
            }
        }
        Value::string(all)
    }),
}];
