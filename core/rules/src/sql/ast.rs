//! A statement as it is written: what the parser makes of a text, what is printed, and what is compiled.
//!
//! Nothing is looked up here: whether a function or a variable exists, and in which version, is decided in `resolve.rs`.
use crate::operators::Operator;

/// Where something stands in the text, in bytes. Two trees are equal wherever their parts stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) usize);

/// `name.name.…`, at least one.
pub(super) type Path = Box<[Box<str>]>;

/// A parsed statement. `Display` prints it in one line, in a form that parses to the same statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub(super) set: Vec<Assignment>,
    pub(super) output: Output,
    /// The topic filter.
    pub(super) from: Option<(At, Box<str>)>,
    pub(super) condition: Option<Expr>,
}

/// `@name = value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) at: At,
    pub(super) name: Box<str>,
    pub(super) value: Expr,
}

/// A nested SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) output: Output,
    pub(super) from: Source,
    pub(super) condition: Option<Expr>,
}

/// What a nested SELECT selects from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(Path),
    /// `@name.name.…`
    Variable(At, Box<str>, Vec<Box<str>>),
}

/// What stands between SELECT and FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Value(Expr),
    Items(Vec<Item>),
}

/// `value`, or `value AS alias.alias`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) at: At,
    pub(super) value: Expr,
    pub(super) alias: Vec<Box<str>>,
}

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Null,
    Boolean(bool),
    /// Without a sign.
    Number(Box<str>),
    Text(Box<str>),
    /// `*`
    Star(At),
    Path(Path),
    /// `@name`
    Variable(At, Box<str>),
    /// `operand.name.name.…` of what is not a path itself.
    Member(Box<Expr>, Path),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    /// Operators of one precedence, from left to right. A chain is flat, so that its length costs no stack.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    Case {
        operand: Box<Expr>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Call {
        at: At,
        name: Box<str>,
        arguments: Vec<Expr>,
    },
    /// `cast(value AS type)`
    Cast(Box<Expr>, At, Box<str>),
    Object(At, Vec<(Box<str>, Expr)>),
    Array(At, Vec<Expr>),
    /// `(SELECT …)`
    Select(At, Box<Query>),
    /// `exists(SELECT …)`
    Exists(At, Box<Query>),
}

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for At {}

impl Expr {
    /// The variables it names, with those in nested queries.
    pub(super) fn variables<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::Text(_) | Self::Star(_) | Self::Path(_) => {}
            Self::Variable(_, name) => found.push(name),
            Self::Member(operand, _) | Self::Negative(operand) | Self::Not(operand) | Self::Cast(operand, ..) => {
                operand.variables(found);
            }
            Self::Chain(first, rest) => {
                first.variables(found);
                rest.iter().for_each(|(_, operand)| operand.variables(found));
            }
            Self::Case { operand, whens, otherwise } => {
                operand.variables(found);
                for (when, then) in whens {
                    when.variables(found);
                    then.variables(found);
                }
                otherwise.iter().for_each(|otherwise| otherwise.variables(found));
            }
            Self::Call { arguments: values, .. } | Self::Array(_, values) => {
                values.iter().for_each(|value| value.variables(found));
            }
            Self::Object(_, members) => members.iter().for_each(|(_, value)| value.variables(found)),
            Self::Select(_, query) | Self::Exists(_, query) => query.variables(found),
        }
    }
}

impl Query {
    fn variables<'a>(&'a self, found: &mut Vec<&'a str>) {
        match &self.output {
            Output::Value(value) => value.variables(found),
            Output::Items(items) => items.iter().for_each(|item| item.value.variables(found)),
        }
        if let Source::Variable(_, name, _) = &self.from {
            found.push(name);
        }
        self.condition.iter().for_each(|condition| condition.variables(found));
    }
}
