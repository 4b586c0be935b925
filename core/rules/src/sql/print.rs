//! Prints a statement in one line, with the parentheses that it needs and no more.
use std::fmt::{Display, Formatter, Result};

use super::ast::{Expr, Item, Output, Query, Source, Statement};
use crate::operators::Operator;

/// How tightly something binds. An operand that binds looser than its place demands stands in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Unary,
    Primary,
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, assignment) in self.set.iter().enumerate() {
            f.write_str(if index == 0 { "SET " } else { ", " })?;
            write!(f, "@{} = {}", assignment.name, assignment.value)?;
        }
        if !self.set.is_empty() {
            f.write_str(" ")?;
        }
        write!(f, "SELECT {}", self.output)?;
        if let Some((_, filter)) = &self.from {
            f.write_str(" FROM ")?;
            text(filter, f)?;
        }
        condition(self.condition.as_ref(), f)
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "SELECT {} FROM ", self.output)?;
        match &self.from {
            Source::Path(path) => f.write_str(&path.join("."))?,
            Source::Variable(_, name, path) => {
                write!(f, "@{name}")?;
                names(path, f)?;
            }
        }
        condition(self.condition.as_ref(), f)
    }
}

fn condition(condition: Option<&Expr>, f: &mut Formatter<'_>) -> Result {
    condition.map_or(Ok(()), |condition| write!(f, " WHERE {condition}"))
}

impl Display for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            // `value - 1` is a field less one
            Self::Value(value) if value.begins_with_minus() => write!(f, "VALUE ({value})"),
            Self::Value(value) => write!(f, "VALUE {value}"),
            Self::Items(items) => separated(items, f, |item, f| item.fmt(f)),
        }
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.value.fmt(f)?;
        if self.alias.is_empty() { Ok(()) } else { write!(f, " AS {}", self.alias.join(".")) }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(content) => text(content, f),
            Self::Star(_) => f.write_str("*"),
            Self::Path(path) => f.write_str(&path.join(".")),
            Self::Variable(_, name) => write!(f, "@{name}"),
            Self::Member(operand, path) => {
                // these would go on with the names
                let joins = matches!(**operand, Self::Path(_) | Self::Member(..));
                if joins {
                    write!(f, "({operand})")?
                } else {
                    operand.at_least(Tightness::Primary, f)?
                }
                names(path, f)
            }
            Self::Negative(operand) => {
                f.write_str("-")?;
                operand.at_least(Tightness::Unary, f)
            }
            Self::Not(operand) => {
                f.write_str("NOT ")?;
                operand.at_least(Tightness::Not, f)
            }
            Self::Chain(first, rest) => {
                let tighter = self.tightness().next();
                first.at_least(tighter, f)?;
                for (operator, operand) in rest {
                    write!(f, " {} ", operator.symbol())?;
                    operand.at_least(tighter, f)?;
                }
                Ok(())
            }
            Self::Case { operand, whens, otherwise } => {
                write!(f, "CASE {operand}")?;
                for (when, then) in whens {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            Self::Call { name, arguments, .. } => {
                write!(f, "{name}(")?;
                separated(arguments, f, Display::fmt)?;
                f.write_str(")")
            }
            Self::Cast(value, _, name) => write!(f, "cast({value} AS {name})"),
            Self::Object(_, members) => {
                f.write_str("{")?;
                separated(members, f, |(key, value), f| {
                    text(key, f)?;
                    write!(f, ": {value}")
                })?;
                f.write_str("}")
            }
            Self::Array(_, elements) => {
                f.write_str("[")?;
                separated(elements, f, Display::fmt)?;
                f.write_str("]")
            }
            Self::Select(_, query) => write!(f, "({query})"),
            Self::Exists(_, query) => write!(f, "exists({query})"),
        }
    }
}

impl Expr {
    fn tightness(&self) -> Tightness {
        match self {
            Self::Chain(_, rest) => match rest.first().map(|(operator, _)| operator) {
                Some(Operator::Or) => Tightness::Or,
                Some(Operator::And) => Tightness::And,
                Some(Operator::Add | Operator::Subtract) => Tightness::Sum,
                Some(Operator::Multiply | Operator::Divide | Operator::Modulo) => Tightness::Product,
                _ => Tightness::Comparison,
            },
            Self::Not(_) => Tightness::Not,
            Self::Negative(_) => Tightness::Unary,
            _ => Tightness::Primary,
        }
    }

    fn at_least(&self, tightness: Tightness, f: &mut Formatter<'_>) -> Result {
        if self.tightness() >= tightness { self.fmt(f) } else { write!(f, "({self})") }
    }

    fn begins_with_minus(&self) -> bool {
        match self {
            Self::Negative(_) => true,
            Self::Chain(first, _) => first.tightness() > self.tightness() && first.begins_with_minus(),
            _ => false,
        }
    }
}

impl Tightness {
    /// What the operands of a chain have to be at least.
    fn next(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not | Self::Comparison => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Unary,
            Self::Unary | Self::Primary => Self::Primary,
        }
    }
}

fn separated<T>(items: &[T], f: &mut Formatter<'_>, mut print: impl FnMut(&T, &mut Formatter<'_>) -> Result) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print(item, f)?;
    }
    Ok(())
}

fn names(path: &[Box<str>], f: &mut Formatter<'_>) -> Result {
    path.iter().try_for_each(|name| write!(f, ".{name}"))
}

fn text(content: &str, f: &mut Formatter<'_>) -> Result {
    write!(f, "'{}'", content.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // as written                                            as printed
    const STATEMENTS: &[(&str, &str)] = &[
        ("select * from \"a/#\"",                                            "SELECT * FROM 'a/#'"),
        ("SELECT a,b . c AS x.y,*AS z FROM 't' where(a)!=1",                 "SELECT a, b.c AS x.y, * AS z FROM 't' WHERE a <> 1"),
        ("SELECT VALUE (-a) - 1",                                            "SELECT VALUE (-a - 1)"),
        ("SELECT value - 1 AS n",                                            "SELECT value - 1 AS n"),
        ("SELECT VALUE value",                                               "SELECT VALUE value"),
        ("SELECT VALUE *",                                                   "SELECT VALUE *"),
        ("SELECT (a + b) * -(c - (d - e)) - - 5 AS n",                       "SELECT (a + b) * -(c - (d - e)) - -5 AS n"),
        ("SELECT ((a OR b) AND NOT (c = d)) OR NOT (e OR f) AS n",           "SELECT (a OR b) AND NOT c = d OR NOT (e OR f) AS n"),
        ("SELECT ((a) . b) . c, (5).x, 'it''s'.y, f(1,2).z, [1].w, {}.v",    "SELECT ((a).b).c, 5.x, 'it''s'.y, f(1, 2).z, [1].w, {}.v"),
        ("SELECT (a < b) < c AS n, a IN (b IN c) AS m",                      "SELECT (a < b) < c AS n, a IN (b IN c) AS m"),
        ("SELECT {'k':*,\"q'\":[*,1],} AS o",                                "SELECT {'k': *, 'q''': [*, 1]} AS o"),
        ("SELECT case a+1 when 1 then (SELECT VALUE x FROM y.z WHERE w) else exists(select * from y) END.k AS c",
         "SELECT CASE a + 1 WHEN 1 THEN (SELECT VALUE x FROM y.z WHERE w) ELSE exists(SELECT * FROM y) END.k AS c"),
        ("SET @a=1,@b_2=@a.x SELECT @b_2 , cast(@a as Int) , encode( * , 'base64') AS e, (SELECT VALUE *FROM @a.q) AS q",
         "SET @a = 1, @b_2 = @a.x SELECT @b_2, cast(@a AS Int), encode(*, 'base64') AS e, (SELECT VALUE * FROM @a.q) AS q"),
    ];

    #[test]
    fn what_is_printed_is_the_same_statement() {
        for (written, printed) in STATEMENTS {
            let statement = Statement::parse(written).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(statement.to_string(), *printed);
            assert_eq!(Statement::parse(printed).as_ref(), Ok(&statement), "{printed}");
        }
    }
}
