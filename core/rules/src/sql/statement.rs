//! Statements: SELECT … FROM … WHERE …, nested ones, and templates.
use sekisho_types::TopicFilter;

use super::expression::expression;
use super::parser::Parser;
use super::token::Token;
use crate::json::{FieldId, write_quoted};
use crate::program::{Content, Expression, Json, Member, Names, Output, Program, Select};
use crate::template::Part;
use crate::{SqlError, SqlVersion};

/// Compiles the statement of a rule.
///
/// # Errors
/// The first place in `sql` that is not in the language, or names what this implementation does not support. What
/// AWS does not document is refused rather than guessed at.
pub fn compile(sql: &str, version: SqlVersion) -> Result<Program, SqlError> {
    let mut parser = Parser::new(sql, version)?;
    parser.jump(0)?;
    if parser.is_keyword("SET") {
        return parser.fail("the SET clause is not supported");
    }
    parser.expect_keyword("SELECT")?;
    let output = output(&mut parser)?;
    let topic_filter = if parser.take_keyword("FROM")? { Some(topic_filter(&mut parser)?) } else { None };
    let condition = condition(&mut parser)?;
    if parser.next != Token::End {
        return parser.expected(match (&topic_filter, &condition) {
            (_, Some(_)) => "an operator or the end",
            (Some(_), None) => "WHERE or the end",
            (None, None) => "`,`, FROM or WHERE",
        });
    }
    let names = parser.scopes.pop().unwrap_or_default();
    let fields_read = parser.fields_read.into();
    Ok(Program { version, topic_filter, select: Select { names, output, condition }, fields_read })
}

/// Compiles a template into its parts.
pub(crate) fn template(text: &str, version: SqlVersion) -> Result<(Box<[Part]>, Names), SqlError> {
    let mut parser = Parser::new(text, version)?;
    let (mut parts, mut at) = (Vec::new(), 0);
    while let Some(length) = text[at..].find("${") {
        if length > 0 {
            parts.push(Part::Text(text[at..at + length].into()));
        }
        parser.jump(at + length + 2)?;
        parts.push(Part::Expression(expression(&mut parser)?));
        if !parser.is_symbol("}") {
            return parser.expected("`}`");
        }
        at = parser.start + 1;
    }
    if at < text.len() {
        parts.push(Part::Text(text[at..].into()));
    }
    Ok((parts.into(), parser.scopes.pop().unwrap_or_default()))
}

/// `(SELECT … FROM path WHERE …`, after its SELECT.
pub(super) fn nested_select<'a>(parser: &mut Parser<'a>) -> Result<Expression, SqlError> {
    parser.scopes.push(Names::default());
    let output = output(parser)?;
    parser.expect_keyword("FROM")?;
    let first = parser.name("a path (a nested SELECT selects from a field)")?;
    let path = parser.path(first)?;
    let from = parser.field(&path, 1);
    let condition = condition(parser)?;
    let names = parser.scopes.pop().unwrap_or_default();
    Ok(Expression::Select(Box::new(Select { names, output, condition }), from))
}

fn condition(parser: &mut Parser<'_>) -> Result<Option<Expression>, SqlError> {
    if parser.take_keyword("WHERE")? { expression(parser).map(Some) } else { Ok(None) }
}

fn topic_filter(parser: &mut Parser<'_>) -> Result<TopicFilter, SqlError> {
    let Token::Text(text) = &parser.next else { return parser.expected("a topic filter in quotes") };
    let filter = match TopicFilter::parse(text) {
        Ok(filter) => filter,
        Err(error) => return parser.fail(format!("`{text}` is not a topic filter: {error}")),
    };
    if filter.shared().is_some() {
        return parser.fail("a rule can not select from a shared subscription");
    }
    if text.starts_with("$aws/rules/") {
        return parser.fail("a rule can not select from topics of Basic Ingest; leave FROM out");
    }
    parser.advance()?;
    Ok(filter)
}

/// What stands between SELECT and FROM.
fn output(parser: &mut Parser<'_>) -> Result<Output, SqlError> {
    if is_value_keyword(parser) {
        parser.advance()?;
        if parser.take_symbol("*")? {
            parser.scope().json = Json::Copied.max(parser.scope().json);
            return Ok(Output::Star);
        }
        return Ok(Output::Value(expression(parser)?));
    }
    let star = parser.take_symbol("*")?;
    if star && !parser.is_symbol(",") {
        parser.scope().json = Json::Copied.max(parser.scope().json);
        return Ok(Output::Star);
    }
    let (mut items, mut tree) = (Vec::new(), Vec::new());
    let mut more = !star || parser.take_symbol(",")?;
    while more {
        let start = parser.start;
        let (value, name) = item(parser)?;
        let path = match (parser.take_keyword("AS")?, name) {
            (true, _) => {
                let first = parser.name("an alias")?;
                parser.path(first)?
            }
            (false, Some(name)) => vec![name],
            (false, None) => return parser.fail_at(start, "an item that is not a field needs a name: `… AS name`"),
        };
        insert(&mut tree, &path, items.len()).or_else(|message| parser.fail_at(start, message))?;
        items.push(value);
        more = parser.take_symbol(",")?;
    }
    if star {
        parser.scope().json = Json::Needed;
        for member in &mut tree {
            member.field = Some(replaced_field(parser, &member.key));
        }
    }
    Ok(Output::Members { star, items: items.into(), tree: tree.into() })
}

/// `value` is a name that payloads like to use. It is the keyword if what follows begins an expression.
fn is_value_keyword(parser: &Parser<'_>) -> bool {
    let is_one_of = |name: &str, words: &[&str]| words.iter().any(|word| name.eq_ignore_ascii_case(word));
    let begins = match parser.after_next() {
        (Token::Text(_) | Token::Number(_), _) => true,
        (Token::Symbol("*"), Token::Name(after)) => is_one_of(after, &["FROM", "WHERE"]),
        (Token::Symbol("*"), after) => after == Token::End,
        (Token::Symbol(symbol), _) => matches!(symbol, "(" | "[" | "{"),
        (Token::Name(name), _) => !is_one_of(name, &["AS", "FROM", "WHERE", "IN", "AND", "OR"]),
        (Token::End, _) => false,
    };
    begins && parser.is_keyword("VALUE")
}

/// An expression, and the name it has without an alias: the last of a path.
fn item<'a>(parser: &mut Parser<'a>) -> Result<(Expression, Option<&'a str>), SqlError> {
    if parser.is_symbol("*") {
        return parser.fail("`*` stands first, and once");
    }
    let value = expression(parser)?;
    let name = matches!(value, Expression::Path(_)).then_some(parser.last_name);
    Ok((value, name))
}

fn replaced_field(parser: &mut Parser<'_>, key: &str) -> FieldId {
    parser.scope().fields.intern(&[key])
}

/// Puts an item into the result at `path`. A later item of the same name takes the place of an earlier one.
fn insert(tree: &mut Vec<Member>, path: &[&str], item: usize) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let at = tree.iter().position(|member| *member.key == **name).unwrap_or_else(|| {
        let mut quoted_key = Vec::new();
        write_quoted(name, &mut quoted_key);
        quoted_key.push(b':');
        let content = if rest.is_empty() { Content::Item(item) } else { Content::Nested(Vec::new()) };
        tree.push(Member { key: (*name).into(), quoted_key: quoted_key.into(), content, field: None });
        tree.len() - 1
    });
    match (&mut tree[at].content, rest.is_empty()) {
        (Content::Item(found), true) => {
            *found = item;
            Ok(())
        }
        (Content::Nested(members), false) => insert(members, rest, item),
        _ => Err(format!("`{name}` is both a value and an object that members are put into")),
    }
}
