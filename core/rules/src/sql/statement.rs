//! Statements: SET … SELECT … FROM … WHERE …, nested queries, and templates.
use super::ast::{Assignment, Expr, Item, Output, Query, Source, Statement};
use super::expression::{expression, star_or_expression};
use super::parser::Parser;
use super::resolve::{self, Resolver};
use super::token::Token;
use super::{VARIABLE_CHARACTERS_MAX, VARIABLES_MAX};
use crate::program::Program;
use crate::template::{Part, Template};
use crate::{Language, SqlError, SqlVersion};

/// Compiles the statement of a rule.
///
/// # Errors
/// The first place in `sql` that is not in the language, or names what this implementation does not support. What
/// AWS does not document is refused rather than guessed at.
pub fn compile(sql: &str, version: SqlVersion) -> Result<Program, SqlError> {
    resolve::program(&Statement::parse(sql)?, sql, version)
}

impl Statement {
    /// Parses a statement without looking anything up: functions, variables and versions are [`compile`]'s.
    ///
    /// # Errors
    /// The first place in `sql` that is not in the grammar.
    pub fn parse(sql: &str) -> Result<Self, SqlError> {
        let mut parser = Parser::new(sql)?;
        parser.jump(0)?;
        let set = if parser.take_keyword("SET")? { assignments(&mut parser)? } else { Vec::new() };
        if !parser.take_keyword("SELECT")? {
            return parser.expected(if set.is_empty() { "SELECT" } else { "an operator, `,` or SELECT" });
        }
        let output = output(&mut parser)?;
        let from = if parser.take_keyword("FROM")? { Some(topic_filter(&mut parser)?) } else { None };
        let condition = condition(&mut parser)?;
        if parser.next != Token::End {
            return parser.expected(match (&from, &condition) {
                (_, Some(_)) => "an operator or the end",
                (Some(_), None) => "WHERE or the end",
                (None, None) => "`,`, FROM or WHERE",
            });
        }
        Ok(Self { set, output, from, condition })
    }
}

/// Compiles a template.
pub(crate) fn template(text: &str, language: Language<'_>) -> Result<Template, SqlError> {
    let Language { version, variables } = language;
    let mut parser = Parser::new(text)?;
    let mut resolver = Resolver::new(text, version);
    resolver.variables.extend(variables.iter().map(|name| &**name));
    let (mut parts, mut at) = (Vec::new(), 0);
    while let Some(length) = text[at..].find("${") {
        if length > 0 {
            parts.push(Part::Text(text[at..at + length].into()));
        }
        parser.jump(at + length + 2)?;
        let value = expression(&mut parser)?;
        if !parser.is_symbol("}") {
            return parser.expected("`}`");
        }
        parts.push(Part::Expression(resolver.expression(&value)?));
        at = parser.start + 1;
    }
    if at < text.len() {
        parts.push(Part::Text(text[at..].into()));
    }
    let (names, asks) = resolver.into_parts();
    Ok(Template { version, parts: parts.into(), names, asks })
}

/// `@name = expression, …`, after its SET.
fn assignments(parser: &mut Parser<'_>) -> Result<Vec<Assignment>, SqlError> {
    let mut set: Vec<Assignment> = Vec::new();
    loop {
        let (at, Token::Variable(name)) = (parser.at(), parser.next.clone()) else {
            return parser.expected("a variable, such as `@name`");
        };
        if name.chars().count() > VARIABLE_CHARACTERS_MAX {
            return parser.fail(format!("the name of a variable has at most {VARIABLE_CHARACTERS_MAX} characters"));
        }
        if set.iter().any(|earlier| *earlier.name == *name) {
            return parser.fail(format!("`@{name}` is set already, and a variable is set once"));
        }
        if set.len() >= VARIABLES_MAX {
            return parser.fail(format!("a statement sets at most {VARIABLES_MAX} variables"));
        }
        parser.advance()?;
        parser.expect_symbol("=")?;
        set.push(Assignment { at, name: name.into(), value: expression(parser)? });
        if !parser.take_symbol(",")? {
            return Ok(set);
        }
    }
}

/// `SELECT … FROM path WHERE …`, after its SELECT.
pub(super) fn query(parser: &mut Parser<'_>) -> Result<Query, SqlError> {
    let output = output(parser)?;
    parser.expect_keyword("FROM")?;
    let at = parser.at();
    let from = match parser.next {
        Token::Variable(name) => {
            parser.advance()?;
            let mut path = Vec::new();
            parser.names(&mut path)?;
            Source::Variable(at, name.into(), path)
        }
        _ => {
            let first = parser.name("a path (a nested SELECT selects from a field)")?;
            Source::Path(parser.path(first)?)
        }
    };
    Ok(Query { output, from, condition: condition(parser)? })
}

fn condition(parser: &mut Parser<'_>) -> Result<Option<Expr>, SqlError> {
    if parser.take_keyword("WHERE")? { expression(parser).map(Some) } else { Ok(None) }
}

fn topic_filter(parser: &mut Parser<'_>) -> Result<(super::ast::At, Box<str>), SqlError> {
    let at = parser.at();
    let Token::Text(text) = parser.next.clone() else { return parser.expected("a topic filter in quotes") };
    parser.advance()?;
    Ok((at, text.into()))
}

/// What stands between SELECT and FROM.
fn output(parser: &mut Parser<'_>) -> Result<Output, SqlError> {
    if is_value_keyword(parser) {
        parser.advance()?;
        return star_or_expression(parser).map(Output::Value);
    }
    let mut items = Vec::new();
    loop {
        let at = parser.at();
        let value = star_or_expression(parser)?;
        let alias = if parser.take_keyword("AS")? {
            let first = parser.name("an alias")?;
            parser.path(first)?.into_vec()
        } else {
            Vec::new()
        };
        items.push(Item { at, value, alias });
        if !parser.take_symbol(",")? {
            return Ok(Output::Items(items));
        }
    }
}

/// `value` is a name that payloads like to use. It is the keyword if what follows begins an expression.
fn is_value_keyword(parser: &Parser<'_>) -> bool {
    let is_one_of = |name: &str, words: &[&str]| words.iter().any(|word| name.eq_ignore_ascii_case(word));
    let begins = match parser.after_next() {
        (Token::Text(_) | Token::Number(_) | Token::Variable(_), _) => true,
        (Token::Symbol("*"), Token::Name(after)) => is_one_of(after, &["FROM", "WHERE"]),
        (Token::Symbol("*"), after) => after == Token::End,
        (Token::Symbol(symbol), _) => matches!(symbol, "(" | "[" | "{"),
        (Token::Name(name), _) => {
            !is_one_of(name, &["AS", "FROM", "WHERE", "IN", "AND", "OR", "LIKE", "IS", "BETWEEN"])
        }
        (Token::End, _) => false,
    };
    begins && parser.is_keyword("VALUE")
}
