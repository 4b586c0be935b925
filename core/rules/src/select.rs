//! The SELECT clause: from values to the bytes of the result.
use std::borrow::Cow;

use crate::evaluate::{Context, OPERATION_STEPS, Scope, evaluate, part, read};
use crate::json::{self, Kind, write_compact};
use crate::program::{Content, Member, Output, Select};
use crate::value::{Value, separate};
use crate::{EvaluationError, RESULT_BYTES_MAX, SqlVersion};

/// The bytes that a statement makes of a message whose condition is true.
pub(crate) fn result<'m>(
    context: &mut Context<'_, 'm>,
    scope: &Scope<'m>,
    select: &'m Select,
) -> Result<Vec<u8>, EvaluationError> {
    let mut out = Vec::with_capacity(scope.bytes.len() + 128);
    match &select.output {
        Output::Star => match &scope.json {
            Ok(found) if !found.text.is_empty() => copy(found.text, found.spaced, &mut out),
            _ => out.extend_from_slice(scope.bytes),
        },
        Output::Value(expression) => {
            let value = evaluate(context, scope, expression);
            if value.is_array() && context.version == SqlVersion::V2015_10_08 {
                return Err(EvaluationError::TopLevelArray);
            }
            if value.weight() > RESULT_BYTES_MAX {
                return Err(EvaluationError::TooLarge);
            }
            value.write(&mut out);
        }
        Output::Members { star, items, tree } => {
            let values: Vec<_> = items.iter().map(|item| evaluate(context, scope, item)).collect();
            if values.iter().map(Value::weight).sum::<usize>() > RESULT_BYTES_MAX {
                return Err(EvaluationError::TooLarge);
            }
            match &scope.json {
                Ok(found) if *star && !found.text.is_empty() => {
                    if json::kind(found.text) != Kind::Object {
                        return Err(EvaluationError::NotAnObject);
                    }
                    let replaces = |member: &Member| member.field.is_some_and(|field| found.get(field).is_some());
                    if tree.iter().any(replaces) {
                        splice(found.text, tree, &values, &mut out);
                    } else {
                        copy(found.text, found.spaced, &mut out);
                        out.pop();
                        let mut comma = out.len() > 1;
                        write_members(tree, &values, &mut comma, &mut out);
                        out.push(b'}');
                    }
                }
                _ => write_object(tree, &values, &mut out),
            }
        }
    }
    if out.len() > RESULT_BYTES_MAX { Err(EvaluationError::TooLarge) } else { Ok(out) }
}

/// The value of a nested SELECT over `from`: an array for an array, one element for an object, Undefined for anything else.
pub(crate) fn nested<'m>(context: &mut Context<'_, 'm>, from: Value<'m>, select: &'m Select) -> Value<'m> {
    if !context.takes(from.weight()) {
        return Value::Undefined;
    }
    match from.into_json() {
        Cow::Borrowed(from) => of_text(context, from, select),
        Cow::Owned(from) => context.for_a_while(|context| of_text(context, &from, select).into_owned()),
    }
}

/// Whether a nested SELECT over `from` selects anything.
pub(crate) fn exists<'m>(context: &mut Context<'_, 'm>, from: Value<'m>, select: &'m Select) -> bool {
    if !context.takes(from.weight()) {
        return false;
    }
    let from = from.into_json();
    context.for_a_while(|context| match kind(&from) {
        Some(Kind::Array) => json::elements(&from).any(|element| {
            let scope = element_scope(context, element, select);
            selected(context, &scope, select)
        }),
        Some(Kind::Object) => {
            let scope = element_scope(context, &from, select);
            selected(context, &scope, select)
        }
        _ => false,
    })
}

/// The kind of a value, unless it is Undefined.
fn kind(text: &str) -> Option<Kind> {
    (!text.is_empty()).then(|| json::kind(text))
}

fn of_text<'m>(context: &mut Context<'_, 'm>, from: &'m str, select: &'m Select) -> Value<'m> {
    match kind(from) {
        Some(Kind::Array) => {
            let elements = json::elements(from).map(|element| of_element(context, element, select));
            Value::Array(elements.filter(|value| !value.is_undefined()).collect())
        }
        Some(Kind::Object) => of_element(context, from, select),
        _ => Value::Undefined,
    }
}

fn element_scope<'m>(context: &mut Context<'_, 'm>, element: &'m str, select: &Select) -> Scope<'m> {
    context.takes(element.len() + OPERATION_STEPS);
    Scope { bytes: element.as_bytes(), json: select.names.fields.find_in(element) }
}

fn of_element<'m>(context: &mut Context<'_, 'm>, element: &'m str, select: &'m Select) -> Value<'m> {
    let scope = element_scope(context, element, select);
    if !selected(context, &scope, select) {
        return Value::Undefined;
    }
    match &select.output {
        Output::Star => Value::Json(element.into()),
        Output::Value(expression) => part(context, &scope, expression),
        Output::Members { star, items, tree } => {
            let mut values: Vec<_> = items.iter().map(|item| evaluate(context, &scope, item)).collect();
            if !context.takes(values.iter().map(Value::weight).sum()) {
                return Value::Undefined;
            }
            match (star, json::kind(element)) {
                (false, _) => object(tree, &mut values),
                (true, Kind::Object) => {
                    let mut out = Vec::new();
                    splice(element, tree, &values, &mut out);
                    String::from_utf8(out).map_or(Value::Undefined, |text| Value::Json(text.into()))
                }
                (true, _) => Value::Undefined,
            }
        }
    }
}

/// The object that items make. Each of them is in one place of it.
fn object<'m>(tree: &'m [Member], values: &mut [Value<'m>]) -> Value<'m> {
    let mut members = Vec::with_capacity(tree.len());
    for member in tree {
        if member.is_defined(values) {
            let value = match &member.content {
                Content::Item(at) => std::mem::take(&mut values[*at]),
                Content::Nested(inner) => object(inner, values),
            };
            members.push((Cow::Borrowed(&*member.key), value));
        }
    }
    Value::Object(members)
}

/// WHERE: anything but true selects nothing.
pub(crate) fn selected<'m>(context: &mut Context<'_, 'm>, scope: &Scope<'m>, select: &'m Select) -> bool {
    select.condition.as_ref().is_none_or(|condition| matches!(read(context, scope, condition), Value::Boolean(true)))
}

fn copy(text: &str, spaced: bool, out: &mut Vec<u8>) {
    if spaced { write_compact(text, out) } else { out.extend_from_slice(text.as_bytes()) }
}

fn write_object(tree: &[Member], values: &[Value<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    write_members(tree, values, &mut false, out);
    out.push(b'}');
}

fn write_members(tree: &[Member], values: &[Value<'_>], comma: &mut bool, out: &mut Vec<u8>) {
    for member in tree.iter().filter(|member| member.is_defined(values)) {
        separate(comma, out);
        out.extend_from_slice(&member.quoted_key);
        member.write_value(values, out);
    }
}

impl Member {
    fn is_defined(&self, values: &[Value<'_>]) -> bool {
        match &self.content {
            Content::Item(at) => values.get(*at).is_some_and(|value| !value.is_undefined()),
            Content::Nested(members) => members.iter().any(|member| member.is_defined(values)),
        }
    }

    fn write_value(&self, values: &[Value<'_>], out: &mut Vec<u8>) {
        match &self.content {
            Content::Item(at) => values[*at].write(out),
            Content::Nested(members) => write_object(members, values, out),
        }
    }
}

/// Copies the object that is `text` with the members of `tree` put into it: a member of the same name is replaced where it is
/// (an object that nested members go into is kept, and they go into it), the others follow at the end. Members that are
/// Undefined change nothing.
fn splice(text: &str, tree: &[Member], values: &[Value<'_>], out: &mut Vec<u8>) {
    let mut written = vec![false; tree.len()];
    let mut comma = false;
    out.push(b'{');
    for found in json::members(text) {
        let at = tree.iter().position(|member| *member.key == *found.key && member.is_defined(values));
        if at.is_some_and(|at| std::mem::replace(&mut written[at], true)) {
            continue; // a repeated key of the payload: its first place holds the new value already
        }
        separate(&mut comma, out);
        out.extend_from_slice(found.quoted_key.as_bytes());
        out.push(b':');
        match at.map(|at| &tree[at]) {
            None => write_compact(found.value, out),
            Some(member) => match &member.content {
                Content::Nested(members) => match json::members(text).filter(|m| m.key == found.key).last() {
                    Some(last) if json::kind(last.value) == Kind::Object => splice(last.value, members, values, out),
                    _ => write_object(members, values, out),
                },
                Content::Item(at) => values[*at].write(out),
            },
        }
    }
    for (member, _) in tree.iter().zip(written).filter(|(member, written)| !written && member.is_defined(values)) {
        separate(&mut comma, out);
        out.extend_from_slice(&member.quoted_key);
        member.write_value(values, out);
    }
    out.push(b'}');
}
