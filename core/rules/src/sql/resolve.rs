//! From a parsed statement to a program: names become places in the payload, functions are looked up, and what the version of
//! the language does not have is refused.
use sekisho_types::{TopicFilter, basic_ingest};

use super::ast::{At, Expr, Item, Output, Query, Source, Statement};
use super::call;
use super::members::insert;
use crate::json::FieldId;
use crate::operators::Operator;
use crate::program::{self, Expression, Json, Names, Program, Select, Variable};
use crate::value::{Value, number};
use crate::{Asks, SqlError, SqlVersion};

/// Compiles a statement whose text is `text`.
pub(super) fn program(statement: &Statement, text: &str, version: SqlVersion) -> Result<Program, SqlError> {
    let mut resolver = Resolver::new(text, version);
    let mut variables = Vec::new();
    for assignment in &statement.set {
        let value = resolver.expression(&assignment.value)?;
        variables.push(Variable { value, early: false });
        resolver.variables.push(&assignment.name);
    }
    let output = resolver.output(&statement.output)?;
    let topic_filter = match &statement.from {
        Some((at, filter)) => Some(resolver.topic_filter(*at, filter)?),
        None => None,
    };
    let condition = statement.condition.as_ref().map(|condition| resolver.expression(condition)).transpose()?;
    set_early(&mut variables, statement);
    let fields_read = std::mem::take(&mut resolver.fields_read).into();
    let (names, asks) = resolver.into_parts();
    let select = Select { names, output, condition };
    let variable_names = statement.set.iter().map(|assignment| assignment.name.clone()).collect();
    let variables = variables.into();
    Ok(Program { version, topic_filter, variables, variable_names, select, fields_read, asks })
}

/// Marks the variables that WHERE needs, directly or through another one. A variable sees only those before it.
fn set_early(variables: &mut [Variable], statement: &Statement) {
    let mut needed = Vec::new();
    if let Some(condition) = &statement.condition {
        condition.variables(&mut needed);
    }
    for (assignment, variable) in statement.set.iter().zip(variables).rev() {
        variable.early = needed.iter().any(|name| **name == *assignment.name);
        if variable.early {
            assignment.value.variables(&mut needed);
        }
    }
}

/// What has been seen: the names of each SELECT it is in, the innermost last.
pub(super) struct Resolver<'a> {
    text: &'a str,
    pub(super) version: SqlVersion,
    scopes: Vec<Names>,
    fields_read: Vec<Box<str>>,
    pub(super) variables: Vec<&'a str>,
    pub(super) asks: Vec<Asks>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(text: &'a str, version: SqlVersion) -> Self {
        Self {
            text,
            version,
            scopes: vec![Names::default()],
            fields_read: Vec::new(),
            variables: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// The names looked up in the payload itself, and what asks for more than that.
    pub(super) fn into_parts(mut self) -> (Names, Box<[Asks]>) {
        (self.scopes.pop().unwrap_or_default(), self.asks.into())
    }

    pub(super) fn fail<T>(&self, at: At, message: impl Into<String>) -> Result<T, SqlError> {
        Err(SqlError::at(self.text, at.0, message.into()))
    }

    /// Refuses what a later version of the language brought.
    fn since(&self, version: SqlVersion, at: At, what: &str) -> Result<(), SqlError> {
        if self.version >= version { Ok(()) } else { self.fail(at, format!("{what} needs SQL version {version}")) }
    }

    /// The names of the innermost SELECT.
    pub(super) fn scope(&mut self) -> &mut Names {
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// The field at `path` in the innermost SELECT.
    fn field(&mut self, path: &[Box<str>]) -> FieldId {
        if self.scopes.len() == 1 {
            let name = path.join(".").into_boxed_str();
            if !self.fields_read.contains(&name) {
                self.fields_read.push(name);
            }
        }
        let path: Vec<&str> = path.iter().map(|name| &**name).collect();
        let scope = self.scope();
        scope.json = Json::Needed;
        scope.fields.intern(&path)
    }

    fn variable(&self, at: At, name: &str) -> Result<usize, SqlError> {
        match self.variables.iter().position(|known| *known == name) {
            Some(index) => Ok(index),
            None => self.fail(at, format!("there is no variable `@{name}` here; SET makes one")),
        }
    }

    fn topic_filter(&self, at: At, text: &str) -> Result<TopicFilter, SqlError> {
        let filter = match TopicFilter::parse(text) {
            Ok(filter) => filter,
            Err(error) => return self.fail(at, format!("`{text}` is not a topic filter: {error}")),
        };
        if filter.shared().is_some() {
            return self.fail(at, "a rule can not select from a shared subscription");
        }
        if basic_ingest(text).is_some() {
            return self.fail(at, "a rule can not select from topics of Basic Ingest; leave FROM out");
        }
        Ok(filter)
    }

    fn output(&mut self, output: &Output) -> Result<program::Output, SqlError> {
        let items = match output {
            Output::Value(Expr::Star(_)) => return Ok(self.star()),
            Output::Value(value) => return Ok(program::Output::Value(self.expression(value)?)),
            Output::Items(items) => items,
        };
        let is_star = |item: &Item| matches!(item.value, Expr::Star(_)) && item.alias.is_empty();
        let (star, items) = match items.split_first() {
            Some((first, [])) if is_star(first) => return Ok(self.star()),
            Some((first, rest)) if is_star(first) => (true, rest),
            _ => (false, &items[..]),
        };
        let (mut values, mut tree) = (Vec::new(), Vec::new());
        for item in items {
            if is_star(item) {
                return self.fail(item.at, "`*` stands first, and once");
            }
            let value = self.item(&item.value)?;
            let path: Vec<&str> = match item.alias.as_slice() {
                [] => vec![self.name_of(item)?],
                alias => alias.iter().map(|name| &**name).collect(),
            };
            insert(&mut tree, &path, values.len()).or_else(|message| self.fail(item.at, message))?;
            values.push(value);
        }
        if star {
            let scope = self.scope();
            scope.json = Json::Needed;
            for member in &mut tree {
                member.field = Some(scope.fields.intern(&[&member.key]));
            }
        }
        Ok(program::Output::Members { star, items: values.into(), tree: tree.into() })
    }

    fn star(&mut self) -> program::Output {
        let scope = self.scope();
        scope.json = Json::Copied.max(scope.json);
        program::Output::Star
    }

    /// The key of an item without an alias: the last name of a path, the name of a variable, or that of a function.
    fn name_of<'i>(&self, item: &'i Item) -> Result<&'i str, SqlError> {
        match &item.value {
            Expr::Path(path) | Expr::Member(_, path) => Ok(path.last().map_or("", |name| name)),
            Expr::Variable(_, name) => Ok(name),
            Expr::Call { name, .. } => Ok(call::canonical(name)),
            Expr::Cast(..) => Ok("cast"),
            Expr::Object(..) => self.fail(item.at, "an object needs a name: `… AS name`, or `SELECT VALUE …`"),
            _ => self.fail(item.at, "an item that is not a field needs a name: `… AS name`"),
        }
    }

    /// `*` as a value, or an expression.
    fn item(&mut self, value: &Expr) -> Result<Expression, SqlError> {
        match value {
            Expr::Star(_) => {
                self.scope().json = Json::Needed;
                Ok(Expression::Payload)
            }
            value => self.expression(value),
        }
    }

    fn boxed(&mut self, value: &Expr) -> Result<Box<Expression>, SqlError> {
        self.expression(value).map(Box::new)
    }

    pub(super) fn expression(&mut self, value: &Expr) -> Result<Expression, SqlError> {
        Ok(match value {
            Expr::Null => Expression::Literal(Value::Null),
            Expr::Boolean(value) => Expression::Literal(Value::Boolean(*value)),
            Expr::Number(text) => Expression::Literal(number(text).settled(self.version)),
            Expr::Text(text) => Expression::Literal(Value::String(text.to_string().into())),
            Expr::Star(at) => return self.fail(*at, "`*` does not stand here"),
            Expr::Path(path) => Expression::Path(self.field(path)),
            Expr::Variable(at, name) => Expression::Variable(self.variable(*at, name)?),
            Expr::Member(operand, path) => Expression::Inside(self.boxed(operand)?, path.clone()),
            Expr::Negative(operand) => match &**operand {
                Expr::Number(text) => Expression::Literal(number(&format!("-{text}")).settled(self.version)),
                operand => {
                    let zero = Expression::Literal(Value::Int(0));
                    Expression::Chain(Box::new(zero), Box::new([(Operator::Subtract, self.expression(operand)?)]))
                }
            },
            Expr::Not(operand) => Expression::Not(self.boxed(operand)?),
            Expr::Chain(first, rest) => {
                let first = self.boxed(first)?;
                let rest = rest.iter().map(|(operator, operand)| Ok((*operator, self.expression(operand)?)));
                Expression::Chain(first, rest.collect::<Result<_, SqlError>>()?)
            }
            Expr::Case { operand, whens, otherwise } => {
                let operand = self.boxed(operand)?;
                let whens = whens.iter().map(|(when, then)| Ok((self.expression(when)?, self.expression(then)?)));
                let whens = whens.collect::<Result<_, SqlError>>()?;
                let otherwise = otherwise.as_ref().map(|otherwise| self.boxed(otherwise)).transpose()?;
                Expression::Case { operand, whens, otherwise }
            }
            Expr::Call { at, name, arguments } => return call::call(self, *at, name, arguments),
            Expr::Cast(operand, at, name) => {
                let operand = self.boxed(operand)?;
                call::cast(self, operand, *at, name)?
            }
            Expr::Object(at, members) => {
                self.since(SqlVersion::V2016_03_23, *at, "an object literal")?;
                let members = members.iter().map(|(key, value)| Ok((key.clone(), self.item(value)?)));
                Expression::Object(members.collect::<Result<_, SqlError>>()?)
            }
            Expr::Array(at, elements) => {
                self.since(SqlVersion::V2016_03_23, *at, "an array literal")?;
                Expression::Array(elements.iter().map(|value| self.item(value)).collect::<Result<_, SqlError>>()?)
            }
            Expr::Select(at, query) => {
                let (select, from) = self.query(*at, "a nested SELECT", query)?;
                Expression::Select(select, from)
            }
            Expr::Exists(at, query) => {
                let (select, from) = self.query(*at, "`exists`", query)?;
                Expression::Exists(select, from)
            }
        })
    }

    /// What a nested SELECT makes, and the value of the SELECT around it that it selects from.
    fn query(&mut self, at: At, what: &str, query: &Query) -> Result<(Box<Select>, Box<Expression>), SqlError> {
        self.since(SqlVersion::V2016_03_23, at, what)?;
        self.scopes.push(Names::default());
        let output = self.output(&query.output)?;
        let condition = query.condition.as_ref().map(|condition| self.expression(condition)).transpose()?;
        let names = self.scopes.pop().unwrap_or_default();
        let from = match &query.from {
            Source::Path(path) => Expression::Path(self.field(path)),
            Source::Variable(at, name, path) => {
                let variable = Expression::Variable(self.variable(*at, name)?);
                if path.is_empty() { variable } else { Expression::Inside(Box::new(variable), path.as_slice().into()) }
            }
        };
        Ok((Box::new(Select { names, output, condition }), Box::new(from)))
    }
}
