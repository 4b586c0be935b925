//! Answers and refusals in each protocol's shape.
use std::borrow::Cow;
use std::fmt::Write as _;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::body::{Body, empty, full};
use crate::error::{INTERNAL, NOT_IMPLEMENTED, UNAVAILABLE};
use crate::{ApiError, Protocol, Service};

/// An answer in JSON; `null` is an empty body.
pub(crate) fn json(service: Service, value: &Value) -> Response<Body> {
    json_text(service, if value.is_null() { Vec::new() } else { value.to_string().into_bytes() })
}

/// An answer in JSON, as text.
pub(crate) fn json_text(service: Service, text: Vec<u8>) -> Response<Body> {
    with_content_type(Response::new(full(text)), json_type(service))
}

/// An answer in XML, as text.
pub(crate) fn xml(text: String) -> Response<Body> {
    with_content_type(Response::new(full(text)), "text/xml")
}

/// A refusal in the service's own shape. `about` is the path; `head` leaves the body out, as answers to HEAD must.
pub(crate) fn refusal(service: Service, error: &ApiError, request_id: &str, about: &str, head: bool) -> Response<Body> {
    let code = code(service, &error.code);
    let (body, content_type) = match service.protocol() {
        Protocol::RestJson => {
            let mut object = Map::from_iter([("message".to_owned(), Value::from(error.message.as_str()))]);
            if matches!(service, Service::IotData | Service::IotJobsData) {
                object.insert("traceId".to_owned(), Value::from(request_id));
            }
            (json_error(object, error), json_type(service))
        }
        Protocol::Json11 => {
            let mut object = Map::new();
            object.insert("__type".to_owned(), Value::from(&*code));
            object.insert("message".to_owned(), Value::from(error.message.as_str()));
            (json_error(object, error), json_type(service))
        }
        Protocol::RestXml => (s3_error(&code, error, request_id, about), "application/xml"),
        Protocol::Query => (query_error(&code, error, request_id), "text/xml"),
    };
    let mut response = Response::new(if head { empty() } else { full(body) });
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if service.protocol() == Protocol::RestJson {
        // AWS IoT ends the name with a colon; clients cut it there.
        if let Ok(value) = HeaderValue::from_str(&format!("{code}:")) {
            response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), value);
        }
    }
    for (name, value) in &error.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    with_content_type(response, content_type)
}

/// Sets the headers every answer has.
pub(crate) fn identify(response: &mut Response<Body>, service: Service, request_id: &str) {
    let Ok(id) = HeaderValue::from_str(request_id) else { return };
    let headers = response.headers_mut();
    match service.protocol() {
        Protocol::RestXml => {
            headers.insert("x-amz-id-2", id.clone());
            headers.insert("x-amz-request-id", id);
            headers.insert("server", HeaderValue::from_static("AmazonS3"));
        }
        Protocol::RestJson | Protocol::Json11 | Protocol::Query => {
            headers.insert("x-amzn-requestid", id);
        }
    }
}

/// What the service calls it.
pub(crate) fn code<'a>(service: Service, code: &'a str) -> Cow<'a, str> {
    let named = match (code, service) {
        (INTERNAL, Service::Iot | Service::IotData) => "InternalFailureException",
        (INTERNAL, Service::IotJobsData) => "InternalServerException",
        (INTERNAL, Service::Firehose | Service::Sts) => "InternalFailure",
        (INTERNAL, Service::Glue) => "InternalServiceException",
        (INTERNAL, Service::Kms) => "KMSInternalException",
        (INTERNAL, Service::S3) => "InternalError",
        (UNAVAILABLE, Service::S3 | Service::Sts) => "ServiceUnavailable",
        (UNAVAILABLE, Service::Kms) => "DependencyTimeoutException",
        (UNAVAILABLE, _) => "ServiceUnavailableException",
        (NOT_IMPLEMENTED, Service::S3 | Service::Sts) => "NotImplemented",
        (NOT_IMPLEMENTED, _) => "NotImplementedException",
        (other, _) => return Cow::Borrowed(other),
    };
    Cow::Borrowed(named)
}

fn json_error(mut object: Map<String, Value>, error: &ApiError) -> Vec<u8> {
    object.extend(error.extra.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    Value::Object(object).to_string().into_bytes()
}

fn s3_error(code: &str, error: &ApiError, request_id: &str, about: &str) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element(&mut out, "Code", code);
    element(&mut out, "Message", &error.message);
    for (name, value) in &error.extra {
        element(&mut out, name, value);
    }
    if !error.extra.iter().any(|(name, _)| *name == "Resource") {
        element(&mut out, "Resource", about);
    }
    element(&mut out, "RequestId", request_id);
    element(&mut out, "HostId", request_id);
    out.push_str("</Error>");
    out.into_bytes()
}

fn query_error(code: &str, error: &ApiError, request_id: &str) -> Vec<u8> {
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let mut out = String::from("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>");
    element(&mut out, "Type", fault);
    element(&mut out, "Code", code);
    element(&mut out, "Message", &error.message);
    out.push_str("</Error>");
    element(&mut out, "RequestId", request_id);
    out.push_str("</ErrorResponse>");
    out.into_bytes()
}

/// Appends `<name>text</name>`, the text escaped; what XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn element(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    let _ = write!(out, "</{name}>");
}

fn json_type(service: Service) -> &'static str {
    match service.protocol() {
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson | Protocol::RestXml | Protocol::Query => "application/json",
    }
}

fn with_content_type(mut response: Response<Body>, content_type: &'static str) -> Response<Body> {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use http_body_util::BodyExt;

    fn show(service: Service, error: &ApiError, head: bool) -> String {
        let response = refusal(service, error, "id", "/a&b", head);
        let header = |name: &str| response.headers().get(name).map_or("-", |v| v.to_str().unwrap()).to_owned();
        let start = format!("{} {} {}", response.status().as_u16(), header("content-type"), header("x-amzn-errortype"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        format!("{start}\n    {}", String::from_utf8_lossy(&body).replace('\n', "\n    "))
    }

    #[test]
    fn each_protocol_has_its_shape() {
        let exists = ApiError::new(409, "ResourceAlreadyExistsException", "Thing <t> exists").with("resourceId", "t");
        let missing = ApiError::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", "<a>\r\u{1}");
        let shown = [
            show(Service::Iot, &exists, false),
            show(Service::IotData, &ApiError::new(403, "ForbiddenException", "Forbidden"), false),
            show(Service::Kms, &ApiError::new(400, "NotFoundException", "Key 'k' does not exist"), false),
            show(Service::S3, &missing, false),
            show(Service::S3, &missing, true),
            show(Service::Sts, &ApiError::new(403, "InvalidClientTokenId", "no"), false),
            show(Service::Firehose, &ApiError::not_implemented("A"), false),
            show(Service::Kms, &ApiError::internal("the disk is gone"), false),
            show(Service::S3, &ApiError::internal("the disk is gone"), false),
        ];
        expect![[r#"
            409 application/json ResourceAlreadyExistsException:
                {"message":"Thing <t> exists","resourceId":"t"}
            403 application/json ForbiddenException:
                {"message":"Forbidden","traceId":"id"}
            400 application/x-amz-json-1.1 -
                {"__type":"NotFoundException","message":"Key 'k' does not exist"}
            404 application/xml -
                <?xml version="1.0" encoding="UTF-8"?>
                <Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>&lt;a&gt;&#13;�</Key><Resource>/a&amp;b</Resource><RequestId>id</RequestId><HostId>id</HostId></Error>
            404 application/xml -
                
            403 text/xml -
                <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>no</Message></Error><RequestId>id</RequestId></ErrorResponse>
            501 application/x-amz-json-1.1 -
                {"__type":"NotImplementedException","message":"`A` is not offered by this server yet"}
            500 application/x-amz-json-1.1 -
                {"__type":"KMSInternalException","message":"An internal error occurred."}
            500 application/xml -
                <?xml version="1.0" encoding="UTF-8"?>
                <Error><Code>InternalError</Code><Message>An internal error occurred.</Message><Resource>/a&amp;b</Resource><RequestId>id</RequestId><HostId>id</HostId></Error>"#]]
        .assert_eq(&shown.join("\n"));
    }
}
