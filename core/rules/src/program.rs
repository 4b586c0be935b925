//! A compiled statement.
use bytes::Bytes;
use sekisho_types::{Random, TopicFilter};

use crate::evaluate::{Context, Scope, evaluate};
use crate::functions::Function;
use crate::json::{FieldId, Fields};
use crate::operators::Operator;
use crate::value::Value;
use crate::{Asks, EvaluationError, Message, SqlVersion, Variables, select};

/// A rule's statement, ready to be evaluated. Made by [`crate::compile`].
#[derive(Debug)]
pub struct Program {
    pub(crate) version: SqlVersion,
    pub(crate) topic_filter: Option<TopicFilter>,
    /// What SET makes, in the order of the text: each sees those before it.
    pub(crate) variables: Box<[Variable]>,
    /// In the same order.
    pub(crate) variable_names: Box<[Box<str>]>,
    pub(crate) select: Select,
    /// Of the payload itself, dotted, in the order of the text.
    pub(crate) fields_read: Box<[Box<str>]>,
    pub(crate) asks: Box<[Asks]>,
}

/// What a statement makes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// The WHERE clause is not true: the rule's actions are not run.
    NotSelected,
    /// The result: compact JSON, or for `SELECT *` of a payload that is not JSON the payload itself.
    Selected(Bytes),
    /// The rule's actions are not run.
    Failed(EvaluationError),
}

/// `SET @name = value`
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) value: Expression,
    /// Whether WHERE needs it.
    pub(crate) early: bool,
}

/// A SELECT with its own names: the statement's, or a nested one's.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) names: Names,
    pub(crate) output: Output,
    pub(crate) condition: Option<Expression>,
}

/// What is looked up in a payload.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) fields: Fields,
    pub(crate) json: Json,
}

/// Whether a payload has to be JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Json {
    /// It is not looked into.
    #[default]
    Ignored,
    /// It is copied, compact if it is JSON.
    Copied,
    /// Members of it are read, or added to it.
    Needed,
}

/// What a SELECT clause makes.
#[derive(Debug)]
pub(crate) enum Output {
    /// `VALUE expression`
    Value(Expression),
    /// `*`
    Star,
    /// `a, b AS c, ...`, or `*, a, b AS c, ...`
    Members { star: bool, items: Box<[Expression]>, tree: Box<[Member]> },
}

/// A member of the result.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: Box<str>,
    /// `"key":`
    pub(crate) quoted_key: Box<[u8]>,
    pub(crate) content: Content,
    /// The payload's member of the same name, which this one replaces (only looked up for `SELECT *, ...`).
    pub(crate) field: Option<FieldId>,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// The value of the item at this index.
    Item(usize),
    /// An object, made by dotted aliases.
    Nested(Vec<Member>),
}

/// Something that has a value for a message.
#[derive(Debug)]
pub(crate) enum Expression {
    Literal(Value<'static>),
    Path(FieldId),
    /// What SET made, by its place.
    Variable(usize),
    /// `*` as a value.
    Payload,
    /// `encode(*, …)`: the payload's bytes, which need not be text.
    EncodePayload(Box<Expression>),
    /// `operand.name.name` of what is not a path itself.
    Inside(Box<Expression>, Box<[Box<str>]>),
    Not(Box<Expression>),
    /// `first op operand op operand …`, from left to right. A chain is flat, so that its length costs no stack.
    Chain(Box<Expression>, Box<[(Operator, Expression)]>),
    Case {
        operand: Box<Expression>,
        whens: Box<[(Expression, Expression)]>,
        otherwise: Option<Box<Expression>>,
    },
    Call {
        function: &'static Function,
        arguments: Box<[Expression]>,
        regex: Option<regex::Regex>,
    },
    Cast(Box<Expression>, CastType),
    Object(Box<[(Box<str>, Expression)]>),
    Array(Box<[Expression]>),
    /// A nested SELECT over a value of the SELECT around it.
    Select(Box<Select>, Box<Expression>),
    /// Whether a nested SELECT selects anything.
    Exists(Box<Select>, Box<Expression>),
}

/// The types `cast` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CastType {
    String,
    Int,
    Decimal,
    /// A Decimal of double precision.
    Double,
    Boolean,
}

impl Program {
    /// The FROM clause. Absent only for rules that are reached by Basic Ingest.
    pub fn topic_filter(&self) -> Option<&TopicFilter> {
        self.topic_filter.as_ref()
    }

    /// The version it was compiled for.
    pub fn version(&self) -> SqlVersion {
        self.version
    }

    /// The fields of the payload that WHERE and SELECT read, dotted, each once. `*` is not among them.
    pub fn fields_read(&self) -> impl Iterator<Item = &str> {
        self.fields_read.iter().map(|name| &**name)
    }

    /// The functions in it that ask more than the message.
    pub fn asks(&self) -> &[Asks] {
        &self.asks
    }

    /// Evaluates the statement over a message. That the message's topic matches the FROM clause is the caller's to know.
    pub fn evaluate(&self, message: &Message<'_>, random: &mut dyn Random) -> Evaluation {
        self.evaluated(message, random, None)
    }

    /// The same, and what SET made, for the rule's templates.
    pub fn evaluate_keeping(&self, message: &Message<'_>, random: &mut dyn Random) -> (Evaluation, Variables) {
        let mut kept = Variables::default();
        let evaluation = self.evaluated(message, random, Some(&mut kept));
        (evaluation, kept)
    }

    fn evaluated(&self, message: &Message<'_>, random: &mut dyn Random, kept: Option<&mut Variables>) -> Evaluation {
        let mut context = Context::new(message, self.version, random);
        let result = Scope::of_payload(message.payload, &self.select.names)
            .and_then(|scope| self.result(&mut context, &scope, kept))
            .and_then(|result| context.failure.take().map_or(Ok(result), Err));
        match result {
            Ok(None) => Evaluation::NotSelected,
            Ok(Some(bytes)) => Evaluation::Selected(bytes.into()),
            Err(error) => Evaluation::Failed(error),
        }
    }

    /// The bytes of the result, or `None` if the condition is not true. What the condition does not need is not evaluated
    /// before it is known to be true.
    fn result<'m>(
        &'m self,
        context: &mut Context<'_, 'm>,
        scope: &Scope<'m>,
        kept: Option<&mut Variables>,
    ) -> Result<Option<Vec<u8>>, EvaluationError> {
        let mut variables = vec![Value::Undefined; self.variables.len()];
        for early in [true, false] {
            for (index, variable) in self.variables.iter().enumerate().filter(|(_, v)| v.early == early) {
                let value = context.with(&variables, |context| evaluate(context, scope, &variable.value));
                variables[index] = value;
            }
            let selected = |context: &mut Context<'_, 'm>| select::selected(context, scope, &self.select);
            if early && !context.with(&variables, selected) {
                return Ok(None);
            }
        }
        let result = context.with(&variables, |context| select::result(context, scope, &self.select))?;
        if let Some(kept) = kept {
            *kept = Variables(variables.into_iter().map(Value::into_owned).collect());
        }
        Ok(Some(result))
    }
}
