//! Calls of functions, and `cast`: looked up by name and version.
use super::ast::{At, Expr};
use super::resolve::Resolver;
use crate::functions::{self, Availability, Run};
use crate::program::{CastType, Expression, Json};
use crate::value::Value;
use crate::{Asks, SqlError, SqlVersion};

/// A function's name as AWS spells it.
pub(super) fn canonical(name: &str) -> &str {
    match functions::find(name) {
        Availability::Here(function) => function.name,
        _ => name,
    }
}

pub(super) fn call(
    resolver: &mut Resolver<'_>,
    at: At,
    name: &str,
    arguments: &[Expr],
) -> Result<Expression, SqlError> {
    let function = match functions::find(name) {
        Availability::Here(function) => function,
        Availability::Retired => {
            return resolver.fail(at, format!("`{name}` asks a service that AWS has retired"));
        }
        Availability::Unknown => return resolver.fail(at, format!("there is no function `{name}`")),
    };
    if resolver.version < function.since {
        return resolver.fail(at, format!("`{}` needs SQL version {}", function.name, function.since));
    }
    if let ("encode", [Expr::Star(_), encoding]) = (function.name, arguments) {
        return Ok(Expression::EncodePayload(Box::new(resolver.expression(encoding)?)));
    }
    let is_of_protobuf = function.name == "decode" && arguments.len() == 6;
    let mut values = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        values.push(match argument {
            Expr::Star(_) if matches!((function.name, index), ("encode" | "get", 0) | ("aws_lambda", 1)) => {
                resolver.scope().json = Json::Needed;
                Expression::Payload
            }
            Expr::Star(_) if index == 0 && is_of_protobuf => {
                Expression::EncodePayload(Box::new(Expression::Literal(Value::string("base64".to_owned()))))
            }
            Expr::Star(at) => {
                return resolver
                    .fail(*at, "`*` is an argument of `encode`, `get`, `aws_lambda` and `decode` of 'proto' only");
            }
            argument => resolver.expression(argument)?,
        });
    }
    let literals: Vec<_> = values.iter().map(literal_text).collect();
    if let Some(waits) = functions::asks(function).or(is_of_protobuf.then_some(true)) {
        let first = literals.first().copied().flatten().map(Into::into);
        resolver.asks.push(Asks { function: function.name, waits, first });
        // Functions: "you can call get_dynamodb() once per SQL statement"; AWS takes such a rule, and runs no action of it.
        if resolver.asks.iter().filter(|asks| asks.function == "get_dynamodb").count() > 1 {
            return resolver.fail(at, "`get_dynamodb` stands in a statement once");
        }
    }
    if !function.arity.allows(values.len()) {
        // Functions: "if the number of arguments is wrong, the result is Undefined".
        return Ok(Expression::Literal(Value::Undefined));
    }
    functions::check_time_pattern(function, &literals).or_else(|message| resolver.fail(at, message))?;
    let regex = match (&function.run, literals.get(1)) {
        (Run::Regex(_), Some(Some(pattern))) => Some(
            functions::compiled_regex(pattern, functions::PATTERN_BYTES_MAX)
                .or_else(|error| resolver.fail(at, format!("the pattern `{pattern}` is not supported: {error}")))?,
        ),
        _ => None,
    };
    Ok(Expression::Call { function, arguments: values.into(), regex })
}

fn literal_text(argument: &Expression) -> Option<&str> {
    if let Expression::Literal(Value::String(text)) = argument { Some(text) } else { None }
}

pub(super) fn cast(
    resolver: &Resolver<'_>,
    value: Box<Expression>,
    at: At,
    name: &str,
) -> Result<Expression, SqlError> {
    let (to, since) = match name.to_ascii_lowercase().as_str() {
        "string" | "nvarchar" | "text" | "ntext" | "varchar" => (CastType::String, SqlVersion::V2015_10_08),
        "int" | "integer" => (CastType::Int, SqlVersion::V2015_10_08),
        "double" => (CastType::Double, SqlVersion::V2015_10_08),
        "decimal" => (CastType::Decimal, SqlVersion::V2016_03_23),
        "bool" | "boolean" => (CastType::Boolean, SqlVersion::V2016_03_23),
        _ => return resolver.fail(at, format!("there is no type `{name}` to cast to")),
    };
    if resolver.version < since {
        return resolver.fail(at, format!("`cast(… AS {name})` needs SQL version {since}"));
    }
    Ok(Expression::Cast(value, to))
}
