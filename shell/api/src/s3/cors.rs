//! PutBucketCors, GetBucketCors, and what browsers are told.
use http::header::HeaderMap;
use http::{Method, Response};
use sekisho_objects::{Cors, CorsRule, Setting};

use super::error::{invalid_argument, malformed_xml};
use super::xml::Element;
use super::{names, settings, show, xml};
use crate::address::Address;
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// S3 user guide: "Elements of a CORS configuration".
const RULES_MAX: usize = 100;
const BODY_BYTES_MAX: usize = 64 * 1024;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let document = xml::read(&mut request, "CORSConfiguration", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let rules: Vec<CorsRule> = document.all("CORSRule").map(rule).collect::<Result<_, _>>()?;
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(malformed_xml());
    }
    settings::set(app, names::bucket(&request)?, Setting::Cors(Some(Cors(rules))), 200).await
}

fn rule(rule: &Element) -> Result<CorsRule, ApiError> {
    let all = |name: &str| rule.all(name).map(|child| child.text.trim().to_owned()).collect::<Vec<String>>();
    let (origins, methods, headers) = (all("AllowedOrigin"), all("AllowedMethod"), all("AllowedHeader"));
    if origins.is_empty() || methods.is_empty() {
        return Err(malformed_xml());
    }
    if let Some(method) = methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
        let message = format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    for text in origins.iter().chain(&headers) {
        if text.matches('*').count() > 1 {
            let message = format!("AllowedOrigin \"{text}\" can not have more than one wildcard.");
            return Err(ApiError::new(400, "InvalidRequest", message));
        }
    }
    let max_age_s =
        rule.text("MaxAgeSeconds")?.map(|text| text.trim().parse().map_err(|_| malformed_xml())).transpose()?;
    let id = rule.text("ID")?.map(str::to_owned);
    if id.as_ref().is_some_and(|id| id.chars().count() > 255) {
        return Err(invalid_argument(
            "ID length should not exceed allowed limit of 255",
            "ID",
            &id.unwrap_or_default(),
        ));
    }
    Ok(CorsRule { id, origins, methods, headers, exposed: all("ExposeHeader"), max_age_s })
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let Cors(rules) = settings.cors.as_ref()?;
        Some(xml::document("CORSConfiguration", |out| {
            for rule in rules {
                xml::nested(out, "CORSRule", |out| {
                    rule.id.iter().for_each(|id| element(out, "ID", id));
                    rule.headers.iter().for_each(|text| element(out, "AllowedHeader", text));
                    rule.methods.iter().for_each(|text| element(out, "AllowedMethod", text));
                    rule.origins.iter().for_each(|text| element(out, "AllowedOrigin", text));
                    rule.exposed.iter().for_each(|text| element(out, "ExposeHeader", text));
                    rule.max_age_s.iter().for_each(|seconds| element(out, "MaxAgeSeconds", &seconds.to_string()));
                });
            }
        }))
    })
}

/// Answers a browser that asks before it sends. Such a request has no signature: it learns which rule there is for it, and
/// nothing of what the bucket holds.
pub(crate) fn preflight(app: &App, address: &Address, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = |message: &str| ApiError::new(403, "AccessForbidden", message);
    let missing = "Insufficient information. Origin request header needed.";
    let origin = text("origin").ok_or_else(|| ApiError::new(400, "BadRequest", missing))?;
    let method = text("access-control-request-method").unwrap_or("null");
    if !METHODS.contains(&method) {
        let message = format!("Invalid Access-Control-Request-Method: {method}");
        return Err(ApiError::new(400, "BadRequest", message));
    }
    let wanted: Vec<&str> = text("access-control-request-headers")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let bucket = names::bucket_name(address.bucket.as_deref().unwrap_or_default())?;
    let cores = app.state.read();
    let cors = cores.objects.bucket(&bucket).ok().and_then(|bucket| bucket.settings.cors.as_ref());
    let cors = cors.ok_or_else(|| refused("CORSResponse: CORS is not enabled for this bucket."))?;
    let rule = cors.rule(origin, method, &wanted);
    let rule = rule.ok_or_else(|| refused("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."))?;
    let mut response = Response::new(crate::empty());
    let out = response.headers_mut();
    allow(out, rule, origin);
    if !wanted.is_empty() {
        show::set(out, "access-control-allow-headers", &wanted.join(", "));
    }
    rule.max_age_s.iter().for_each(|seconds| show::set(out, "access-control-max-age", &seconds.to_string()));
    Ok(response)
}

/// Tells a browser that it may show an answer to the page that asked.
pub(crate) fn decorate(app: &App, address: &Address, method: &Method, asked: &HeaderMap, out: &mut HeaderMap) {
    let Some(origin) = asked.get("origin").and_then(|value| value.to_str().ok()) else { return };
    let Ok(bucket) = names::bucket_name(address.bucket.as_deref().unwrap_or_default()) else { return };
    let cores = app.state.read();
    let cors = cores.objects.bucket(&bucket).ok().and_then(|bucket| bucket.settings.cors.as_ref());
    if let Some(rule) = cors.and_then(|cors| cors.rule(origin, method.as_str(), &[])) {
        allow(out, rule, origin);
    }
}

fn allow(out: &mut HeaderMap, rule: &CorsRule, origin: &str) {
    if rule.any_origin() {
        show::set(out, "access-control-allow-origin", "*");
    } else {
        show::set(out, "access-control-allow-origin", origin);
        show::set(out, "access-control-allow-credentials", "true");
    }
    show::set(out, "access-control-allow-methods", &rule.methods.join(", "));
    if !rule.exposed.is_empty() {
        show::set(out, "access-control-expose-headers", &rule.exposed.join(", "));
    }
    show::set(out, "vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}
