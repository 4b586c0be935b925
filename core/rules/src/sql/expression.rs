//! Expressions, from the loosest operator to the tightest.
use super::ast::Expr;
use super::parser::Parser;
use super::statement::query;
use super::token::Token;
use crate::SqlError;
use crate::operators::Operator;

/// `or`
pub(super) fn expression(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    parser.nested(|parser| chain(parser, conjunction, |p| p.is_keyword("OR").then_some(Operator::Or)))
}

/// `*`, or an expression.
pub(super) fn star_or_expression(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    let at = parser.at();
    if parser.take_symbol("*")? { Ok(Expr::Star(at)) } else { expression(parser) }
}

fn conjunction(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    chain(parser, negation, |p| p.is_keyword("AND").then_some(Operator::And))
}

fn negation(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    if parser.take_keyword("NOT")? {
        return Ok(Expr::Not(Box::new(parser.nested(negation)?)));
    }
    comparison(parser)
}

/// Comparisons do not chain: `a < b < c` is refused where the second begins.
fn comparison(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
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
        _ if parser.is_keyword("NOT") => return parser.fail("an operator does not begin with NOT; use `NOT (… IN …)`"),
        _ => return Ok(left),
    };
    parser.advance()?;
    Ok(Expr::Chain(Box::new(left), vec![(operator, sum(parser)?)]))
}

fn sum(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    chain(parser, product, |p| match p.next {
        Token::Symbol("+") => Some(Operator::Add),
        Token::Symbol("-") => Some(Operator::Subtract),
        _ => None,
    })
}

fn product(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
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
    operand: fn(&mut Parser<'a>) -> Result<Expr, SqlError>,
    operator: fn(&Parser<'a>) -> Option<Operator>,
) -> Result<Expr, SqlError> {
    let first = operand(parser)?;
    let mut rest = Vec::new();
    while let Some(operator) = operator(parser) {
        parser.advance()?;
        rest.push((operator, operand(parser)?));
    }
    Ok(if rest.is_empty() { first } else { Expr::Chain(Box::new(first), rest) })
}

fn unary(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    if parser.take_symbol("-")? { Ok(Expr::Negative(Box::new(parser.nested(unary)?))) } else { postfix(parser) }
}

/// A primary, and `.name.name` after what is not a path itself.
fn postfix(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    let value = primary(parser)?;
    if !parser.is_symbol(".") {
        return Ok(value);
    }
    let mut path = Vec::new();
    parser.names(&mut path)?;
    Ok(Expr::Member(Box::new(value), path.into()))
}

fn primary(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    let at = parser.at();
    match parser.next.clone() {
        Token::Text(text) => {
            parser.advance()?;
            Ok(Expr::Text(text.into()))
        }
        Token::Number(text) => {
            parser.advance()?;
            Ok(Expr::Number(text.into()))
        }
        Token::Variable(name) => {
            parser.advance()?;
            Ok(Expr::Variable(at, name.into()))
        }
        Token::Name(name) => named(parser, name),
        Token::Symbol("(") => {
            parser.advance()?;
            let start = parser.at();
            let value = if parser.take_keyword("SELECT")? {
                Expr::Select(start, Box::new(parser.nested(query)?))
            } else {
                expression(parser)?
            };
            if parser.is_symbol(",") {
                return parser.expected("`)` (a list is written `[a, b]`)");
            }
            parser.expect_symbol(")")?;
            Ok(value)
        }
        Token::Symbol("[") => {
            parser.advance()?;
            Ok(Expr::Array(at, list(parser, "]", star_or_expression)?))
        }
        Token::Symbol("{") => {
            parser.advance()?;
            Ok(Expr::Object(at, list(parser, "}", object_member)?))
        }
        _ => parser.expected("an expression"),
    }
}

/// Items between commas, up to `close`. A comma may follow the last member of an object, as AWS's own samples have it.
fn list<'a, T>(
    parser: &mut Parser<'a>,
    close: &str,
    item: fn(&mut Parser<'a>) -> Result<T, SqlError>,
) -> Result<Vec<T>, SqlError> {
    let mut items = Vec::new();
    if parser.take_symbol(close)? {
        return Ok(items);
    }
    loop {
        items.push(item(parser)?);
        if !parser.take_symbol(",")? || (close == "}" && parser.is_symbol(close)) {
            break;
        }
    }
    if parser.take_symbol(close)? { Ok(items) } else { parser.expected(&format!("`,` or `{close}`")) }
}

fn object_member(parser: &mut Parser<'_>) -> Result<(Box<str>, Expr), SqlError> {
    let Token::Text(key) = parser.next.clone() else { return parser.expected("a key in quotes") };
    parser.advance()?;
    parser.expect_symbol(":")?;
    Ok((key.into(), star_or_expression(parser)?))
}

/// A name at the beginning of a primary: a word of the language, a function, or a path.
fn named<'a>(parser: &mut Parser<'a>, name: &'a str) -> Result<Expr, SqlError> {
    let at = parser.at();
    let literal = match name.to_ascii_lowercase().as_str() {
        "true" => Some(Expr::Boolean(true)),
        "false" => Some(Expr::Boolean(false)),
        "null" => Some(Expr::Null),
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
        return Ok(literal);
    }
    if !parser.take_symbol("(")? {
        return Ok(Expr::Path(parser.path(name)?));
    }
    if name.eq_ignore_ascii_case("cast") {
        return cast(parser);
    }
    if name.eq_ignore_ascii_case("exists") {
        parser.expect_keyword("SELECT")?;
        let query = parser.nested(query)?;
        parser.expect_symbol(")")?;
        return Ok(Expr::Exists(at, Box::new(query)));
    }
    Ok(Expr::Call { at, name: name.into(), arguments: list(parser, ")", star_or_expression)? })
}

/// `CASE operand WHEN value THEN result … [ELSE result] END`, after its CASE.
fn case(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    if parser.is_keyword("WHEN") {
        return parser.fail("CASE without an operand is not supported; use `CASE condition WHEN true THEN …`");
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
    if !parser.take_keyword("END")? {
        return parser.expected(if otherwise.is_some() { "END" } else { "WHEN, ELSE or END" });
    }
    Ok(Expr::Case { operand, whens, otherwise })
}

/// `value AS type)`
fn cast(parser: &mut Parser<'_>) -> Result<Expr, SqlError> {
    let value = Box::new(expression(parser)?);
    parser.expect_keyword("AS")?;
    let at = parser.at();
    let name = parser.name("a type")?;
    parser.expect_symbol(")")?;
    Ok(Expr::Cast(value, at, name.into()))
}
