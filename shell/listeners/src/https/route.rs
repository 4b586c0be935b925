//! Which operation is this? The part of the data plane that devices reach with their certificates (iot-data model).
use http::{Method, StatusCode};

use super::Failure;

/// What a device may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Publish,
    DeleteConnection,
    /// Credentials of a role.
    AssumeRole,
    /// Something that is answered with a document.
    Document(Document),
}

/// Operations that are answered with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    GetThingShadow,
    UpdateThingShadow,
    DeleteThingShadow,
    ListNamedShadowsForThing,
    GetRetainedMessage,
    ListRetainedMessages,
}

/// What stands before and after a path's label, and what each method means there.
type Row = (&'static str, &'static str, &'static [(Method, Operation)]);

#[rustfmt::skip]
const ROUTES: &[Row] = &[
    ("/topics/",          "",        &[(Method::POST,   Operation::Publish)]),
    ("/connections/",     "",        &[(Method::DELETE, Operation::DeleteConnection)]),
    ("/role-aliases/",    "/credentials", &[(Method::GET, Operation::AssumeRole)]),
    ("/things/",          "/shadow", &[(Method::GET,    Operation::Document(Document::GetThingShadow)),
                                       (Method::POST,   Operation::Document(Document::UpdateThingShadow)),
                                       (Method::DELETE, Operation::Document(Document::DeleteThingShadow))]),
    ("/api/things/shadow/ListNamedShadowsForThing/", "",
                                     &[(Method::GET,    Operation::Document(Document::ListNamedShadowsForThing))]),
    ("/retainedMessage/", "",        &[(Method::GET,    Operation::Document(Document::GetRetainedMessage))]),
    ("/retainedMessage",  "",        &[(Method::GET,    Operation::Document(Document::ListRetainedMessages))]),
];

/// The operation, and the path's label as it was sent.
pub(super) fn route<'a>(method: &Method, path: &'a str) -> Result<(Operation, &'a str), Failure> {
    let fitting = |(before, after, methods): &Row| {
        let label = path.strip_prefix(before)?.strip_suffix(after)?;
        // A row that ends in `/` wants a label, one that does not has none.
        (label.is_empty() != before.ends_with('/')).then_some((*methods, label))
    };
    let found = ROUTES.iter().find_map(fitting);
    let (methods, label) =
        found.ok_or_else(|| Failure(StatusCode::NOT_FOUND, "ResourceNotFoundException", "Not Found".into()))?;
    match methods.iter().find(|(known, _)| known == method) {
        Some((_, operation)) => Ok((*operation, label)),
        None => {
            let message = "Method Not Allowed".into();
            Err(Failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static str, Method, &'static str, Result<(Operation, &'static str), u16>);

    #[test]
    fn a_method_and_a_path_choose_an_operation() {
        #[rustfmt::skip] // iot-data model                 method          path                                              operation, label; or status
        let table: &[Case] = &[
            ("Publish",                                    Method::POST,   "/topics/a/b%2Fc",                                Ok((Operation::Publish, "a/b%2Fc"))),
            ("Publish is a POST",                          Method::GET,    "/topics/a",                                      Err(405)),
            ("a topic is not empty",                       Method::POST,   "/topics/",                                       Err(404)),
            ("DeleteConnection",                           Method::DELETE, "/connections/a%2Fb",                             Ok((Operation::DeleteConnection, "a%2Fb"))),
            ("DeleteConnection is a DELETE",               Method::POST,   "/connections/a",                                 Err(405)),
            ("a client has an id",                         Method::DELETE, "/connections/",                                  Err(404)),
            ("credentials of a role",                      Method::GET,    "/role-aliases/a/credentials",                    Ok((Operation::AssumeRole, "a"))),
            ("no such path",                               Method::GET,    "/role-aliases/a",                                Err(404)),
            ("GetThingShadow",                             Method::GET,    "/things/t/shadow",                               Ok((Operation::Document(Document::GetThingShadow), "t"))),
            ("UpdateThingShadow",                          Method::POST,   "/things/t/shadow",                               Ok((Operation::Document(Document::UpdateThingShadow), "t"))),
            ("DeleteThingShadow",                          Method::DELETE, "/things/t/shadow",                               Ok((Operation::Document(Document::DeleteThingShadow), "t"))),
            ("no such method",                             Method::PUT,    "/things/t/shadow",                               Err(405)),
            ("a thing has a name",                         Method::GET,    "/things//shadow",                                Err(404)),
            ("no such path",                               Method::GET,    "/things/t",                                      Err(404)),
            ("ListNamedShadowsForThing",                   Method::GET,    "/api/things/shadow/ListNamedShadowsForThing/t",  Ok((Operation::Document(Document::ListNamedShadowsForThing), "t"))),
            ("GetRetainedMessage",                         Method::GET,    "/retainedMessage/a/b",                           Ok((Operation::Document(Document::GetRetainedMessage), "a/b"))),
            ("ListRetainedMessages",                       Method::GET,    "/retainedMessage",                               Ok((Operation::Document(Document::ListRetainedMessages), ""))),
            ("no such path",                               Method::GET,    "/retainedMessages",                              Err(404)),
            ("no such path",                               Method::GET,    "/",                                              Err(404)),
        ];
        for (statement, method, path, expected) in table {
            let found = route(method, path).map_err(|Failure(status, ..)| status.as_u16());
            assert_eq!(found, *expected, "{statement}: {method} {path}");
        }
    }
}
