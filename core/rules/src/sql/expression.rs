//! Expressions, from the loosest operator to the tightest.
use super::parser::Parser;
use super::statement::nested_select;
use super::token::Token;
use crate::functions::{self, Availability, Run};
use crate::operators::Operator;
use crate::program::{CastType, Expression, Json};
use crate::value::{Value, number};
use crate::{SqlError, SqlVersion};

/// `or`
pub(super) fn expression(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    parser.nested(|parser| chain(parser, conjunction, |p| p.is_keyword("OR").then_some(Operator::Or)))
}

fn conjunction(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    chain(parser, negation, |p| p.is_keyword("AND").then_some(Operator::And))
}

fn negation(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    if parser.take_keyword("NOT")? {
        return Ok(Expression::Not(Box::new(parser.nested(negation)?)));
    }
    comparison(parser)
}

/// Comparisons do not chain: `a < b < c` is refused where the second begins.
fn comparison(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    let left = sum(parser)?;
    let operator = match parser.next {
        Token::Symbol("=") => Operator::Equal,
        Token::Symbol("<>" | "!=") => Operator::NotEqual,
        Token::Symbol("<") => Operator::Less,
        Token::Symbol("<=") => Operator::LessOrEqual,
        Token::Symbol(">") => Operator::Greater,
        Token::Symbol(">=") => Operator::GreaterOrEqual,
        _ if parser.is_keyword("IN") => Operator::In,
        _ if parser.is_keyword("LIKE") => return parser.fail("LIKE is not supported; use `regexp_matches`"),
        _ if parser.is_keyword("IS") => return parser.fail("IS is not supported; use `isNull` or `isUndefined`"),
        _ if parser.is_keyword("BETWEEN") => return parser.fail("BETWEEN is not supported; use `>=` and `<=`"),
        _ => return Ok(left),
    };
    parser.advance()?;
    Ok(Expression::Chain(Box::new(left), Box::new([(operator, sum(parser)?)])))
}

fn sum(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    chain(parser, product, |p| match p.next {
        Token::Symbol("+") => Some(Operator::Add),
        Token::Symbol("-") => Some(Operator::Subtract),
        _ => None,
    })
}

fn product(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    chain(parser, unary, |p| match p.next {
        Token::Symbol("*") => Some(Operator::Multiply),
        Token::Symbol("/") => Some(Operator::Divide),
        Token::Symbol("%") => Some(Operator::Modulo),
        _ => None,
    })
}

/// Operands between operators of one precedence.
fn chain<'a>(
    parser: &mut Parser<'a>,
    operand: fn(&mut Parser<'a>) -> Result<Expression, SqlError>,
    operator: fn(&Parser<'a>) -> Option<Operator>,
) -> Result<Expression, SqlError> {
    let first = operand(parser)?;
    let mut rest = Vec::new();
    while let Some(operator) = operator(parser) {
        parser.advance()?;
        rest.push((operator, operand(parser)?));
    }
    Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest.into()) })
}

fn unary(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    if !parser.take_symbol("-")? {
        return postfix(parser);
    }
    if let Token::Number(text) = parser.next {
        parser.advance()?;
        return Ok(Expression::Literal(number(&format!("-{text}")).settled(parser.version)));
    }
    let operand = parser.nested(unary)?;
    Ok(Expression::Chain(Box::new(Expression::Literal(Value::Int(0))), Box::new([(Operator::Subtract, operand)])))
}

/// A primary, and `.name.name` after what is not a path itself.
fn postfix(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    let value = primary(parser)?;
    if !parser.is_symbol(".") {
        return Ok(value);
    }
    parser.advance()?;
    let first = parser.name("a name (for others use `get(object, \"name\")`)")?;
    let path = parser.path(first)?;
    Ok(Expression::Inside(Box::new(value), path.into_iter().map(Box::from).collect()))
}

fn primary(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    match parser.next.clone() {
        Token::Text(text) => {
            parser.advance()?;
            Ok(Expression::Literal(Value::String(text.into_owned().into())))
        }
        Token::Number(text) => {
            parser.advance()?;
            Ok(Expression::Literal(number(text).settled(parser.version)))
        }
        Token::Name(name) => named(parser, name),
        Token::Symbol("(") => {
            parser.advance()?;
            let value = if parser.is_keyword("SELECT") {
                parser.since(SqlVersion::V2016_03_23, "a nested SELECT")?;
                parser.advance()?;
                parser.nested(nested_select)?
            } else {
                expression(parser)?
            };
            parser.expect_symbol(")")?;
            Ok(value)
        }
        Token::Symbol("[") => {
            parser.since(SqlVersion::V2016_03_23, "an array literal")?;
            parser.advance()?;
            Ok(Expression::Array(list(parser, "]", expression)?))
        }
        Token::Symbol("{") => {
            parser.since(SqlVersion::V2016_03_23, "an object literal")?;
            parser.advance()?;
            Ok(Expression::Object(list(parser, "}", object_member)?))
        }
        _ => parser.expected("an expression"),
    }
}

/// Items between commas, up to `close`.
fn list<'a, T>(
    parser: &mut Parser<'a>,
    close: &str,
    item: fn(&mut Parser<'a>) -> Result<T, SqlError>,
) -> Result<Box<[T]>, SqlError> {
    let mut items = Vec::new();
    if parser.take_symbol(close)? {
        return Ok(items.into());
    }
    loop {
        items.push(item(parser)?);
        if !parser.take_symbol(",")? {
            break;
        }
    }
    if parser.take_symbol(close)? { Ok(items.into()) } else { parser.expected(&format!("`,` or `{close}`")) }
}

fn object_member(parser: &mut Parser<'_>) -> Result<(Box<str>, Expression), SqlError> {
    let Token::Text(key) = parser.next.clone() else { return parser.expected("a key in quotes") };
    parser.advance()?;
    parser.expect_symbol(":")?;
    Ok((key.into(), expression(parser)?))
}

/// A name at the beginning of a primary: a word of the language, a function, or a path.
fn named<'a>(parser: &mut Parser<'a>, name: &'a str) -> Result<Expression, SqlError> {
    let start = parser.start;
    let literal = match name.to_ascii_lowercase().as_str() {
        "true" => Some(Value::Boolean(true)),
        "false" => Some(Value::Boolean(false)),
        "null" => Some(Value::Null),
        "case" => {
            parser.advance()?;
            return case(parser);
        }
        "select" => return parser.fail("a nested SELECT stands in parentheses"),
        "as" | "from" | "where" | "and" | "or" | "in" | "when" | "then" | "else" | "end" => {
            return parser.expected("an expression");
        }
        _ => None,
    };
    parser.advance()?;
    if let Some(literal) = literal {
        return Ok(Expression::Literal(literal));
    }
    if parser.take_symbol("(")? {
        return call(parser, name, start);
    }
    let path = parser.path(name)?;
    parser.last_name = path[path.len() - 1];
    Ok(Expression::Path(parser.field(&path, 0)))
}

/// `CASE operand WHEN value THEN result … [ELSE result] END`, after its CASE.
fn case(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    if parser.is_keyword("WHEN") {
        return parser.fail("CASE without an operand is not supported");
    }
    let operand = Box::new(expression(parser)?);
    let mut whens = Vec::new();
    while parser.take_keyword("WHEN")? {
        let when = expression(parser)?;
        parser.expect_keyword("THEN")?;
        whens.push((when, expression(parser)?));
    }
    if whens.is_empty() {
        return parser.expected("WHEN");
    }
    let otherwise = if parser.take_keyword("ELSE")? { Some(Box::new(expression(parser)?)) } else { None };
    parser.expect_keyword("END")?;
    Ok(Expression::Case { operand, whens: whens.into(), otherwise })
}

/// A function's arguments, after the opening parenthesis.
fn call(parser: &mut Parser<'_>, name: &str, start: usize) -> Result<Expression, SqlError> {
    if name.eq_ignore_ascii_case("cast") {
        return cast(parser);
    }
    let function = match functions::find(name) {
        Availability::Here(function) => function,
        Availability::Outside => {
            return parser.fail_at(start, format!("`{name}` reaches outside of the message, which is not supported"));
        }
        Availability::Missing => return parser.fail_at(start, format!("`{name}` is not supported")),
        Availability::Unknown => return parser.fail_at(start, format!("there is no function `{name}`")),
    };
    if parser.version < function.since {
        return parser.fail_at(start, format!("`{}` needs SQL version {}", function.name, function.since));
    }
    let payload = parser.is_symbol("*");
    if payload {
        if !matches!(function.name, "encode" | "get") {
            return parser.fail("`*` is an argument of `encode` and `get` only");
        }
        parser.advance()?;
        parser.expect_symbol(",")?;
    }
    if payload && function.name == "encode" {
        let encoding = expression(parser)?;
        parser.expect_symbol(")")?;
        return Ok(Expression::EncodePayload(Box::new(encoding)));
    }
    let mut arguments = list(parser, ")", expression)?.into_vec();
    if payload {
        parser.scope().json = Json::Needed;
        arguments.insert(0, Expression::Payload);
    }
    if !function.arity.allows(arguments.len()) {
        // Functions: "if the number of arguments is wrong, the result is Undefined".
        return Ok(Expression::Literal(Value::Undefined));
    }
    let literals: Vec<_> = arguments.iter().map(literal_text).collect();
    functions::check_time_pattern(function, &literals).or_else(|message| parser.fail_at(start, message))?;
    let regex =
        match (&function.run, literals.get(1)) {
            (Run::Regex(_), Some(Some(pattern))) => {
                let compiled = functions::compiled_regex(pattern);
                Some(compiled.or_else(|error| {
                    parser.fail_at(start, format!("the pattern `{pattern}` is not supported: {error}"))
                })?)
            }
            _ => None,
        };
    Ok(Expression::Call { function, arguments: arguments.into(), regex })
}

fn literal_text(argument: &Expression) -> Option<&str> {
    if let Expression::Literal(Value::String(text)) = argument { Some(text) } else { None }
}

/// `value AS type)`
fn cast(parser: &mut Parser<'_>) -> Result<Expression, SqlError> {
    let value = expression(parser)?;
    parser.expect_keyword("AS")?;
    let start = parser.start;
    let name = parser.name("a type")?;
    let (to, since) = match name.to_ascii_lowercase().as_str() {
        "string" | "nvarchar" | "text" | "ntext" | "varchar" => (CastType::String, SqlVersion::V2015_10_08),
        "int" | "integer" => (CastType::Int, SqlVersion::V2015_10_08),
        "double" => (CastType::Decimal, SqlVersion::V2015_10_08),
        "decimal" => (CastType::Decimal, SqlVersion::V2016_03_23),
        "bool" | "boolean" => (CastType::Boolean, SqlVersion::V2016_03_23),
        _ => return parser.fail_at(start, format!("there is no type `{name}` to cast to")),
    };
    if parser.version < since {
        return parser.fail_at(start, format!("`cast(… AS {name})` needs SQL version {since}"));
    }
    parser.expect_symbol(")")?;
    Ok(Expression::Cast(Box::new(value), to))
}
