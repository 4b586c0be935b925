//! POST Object: a browser's form is put (S3: "Browser-Based Uploads Using POST"). The form's policy is signed, and says what
//! the form may say; its fields are what PutObject has in headers.
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, REFERER, USER_AGENT};
use http::{Method, Response, StatusCode, Uri, request};
use percent_encoding::utf8_percent_encode;
use sekisho_objects::{PostPolicy, PostPolicyError};
use sekisho_sigv4::{SigV4Error, SignedForm, verify_form_as};

use super::describe::{KEPT, METADATA, SSE};
use super::error::invalid_argument;
use super::receive::BODY_BYTES_MAX;
use super::{authorize, put_object, show, tagging, xml};
use crate::address::Address;
use crate::form_data::{FormData, Piece};
use crate::front::Seen;
use crate::render::element;
use crate::s3_request::{form_refusal, next_data};
use crate::{ApiError, App, Body, Peer, S3Request, Service, auth, roles};

const FORM: &str = "multipart/form-data";
/// The fields before the file come within this: until then nobody has shown who they are.
const FIELDS_MAX: Duration = Duration::from_secs(60);
/// Fields that are the signature, or that no condition has to be about.
const NO_CONDITION: [&str; 3] = ["policy", "x-amz-signature", "file"];

/// Whether a request is one: a form that is posted, without a signature of its own.
pub(crate) fn is_form(head: &request::Parts) -> bool {
    let in_query = head.uri.query().is_some_and(|query| query.contains("X-Amz-") || query.contains("AWSAccessKeyId"));
    let begins = content_type(head).get(..FORM.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(FORM));
    head.method == Method::POST && begins && !head.headers.contains_key(AUTHORIZATION) && !in_query
}

fn content_type(head: &request::Parts) -> &str {
    head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A form's fields, in order, with `${filename}` replaced.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
            );
            invalid_argument(&message, name, "")
        })
    }
}

/// Answers a form.
pub(crate) async fn run(
    app: &App,
    peer: Peer,
    head: &request::Parts,
    address: Address,
    mut body: Body,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    let (Some(bucket), None) = (address.bucket, address.key) else {
        return Err(auth::refusal(Service::S3, &SigV4Error::MissingAuthentication));
    };
    let mut form = FormData::new(content_type(head)).map_err(form_refusal)?;
    let room = app.unverified.form().await?;
    let fields = tokio::time::timeout(FIELDS_MAX, fields(&mut form, &mut body)).await;
    let fields =
        fields.map_err(|_| ApiError::new(400, "RequestTimeout", "The form's fields did not come in time."))??;
    let key = fields.required("key")?.to_owned();
    let policy = signed(&fields)?;
    seen.access_key_id = policy.credential.split('/').next().unwrap_or_default().chars().take(128).collect();
    let region = app.state.tenant().region.as_str();
    let operator = verify_form_as(&policy, region, |id, token| roles::signer_of(app, id, token));
    let operator = operator.map_err(|error| auth::refusal(Service::S3, &error))?;
    drop(room);
    (seen.verified, seen.resource) = (true, format!("arn:aws:s3:::{bucket}/{key}"));
    roles::may(&operator, Service::S3, "PostObject")?;
    let document = STANDARD.decode(policy.policy).map_err(|_| PostPolicyError::Invalid("Invalid base64"))?;
    let meant: Vec<(&str, &str)> = fields
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !ignored(name) && !name.eq_ignore_ascii_case("bucket"))
        .chain([("bucket", bucket.as_str())])
        .collect();
    let sizes = PostPolicy::parse(&document)?.admit(app.state.now(), &meant)?;
    let sizes = *sizes.start()..=(*sizes.end()).min(BODY_BYTES_MAX);
    let mut request =
        S3Request::of_form("PostObject", operator, peer, headers(&fields, &head.headers)?, (form, body), sizes);
    (request.bucket, request.key) = (Some(bucket.clone()), Some(key.clone()));
    request.request_id.clone_from(&seen.request_id);
    authorize::authorize(app, &request)?;
    let (got, customer) = put_object::put(app, &mut request).await?;
    let response = put_object::answer(app, &request, &got, customer.as_ref())?;
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = head.uri.path().trim_end_matches('/');
    let scheme = if peer.secure { "https" } else { "http" };
    let location = format!("{scheme}://{host}{path}/{}", utf8_percent_encode(&key, &show::RESERVED));
    answer(response, &fields, &Put { bucket: &bucket, key: &key, etag: &show::quoted(&got.record.etag), location })
}

/// Reads what stands before the file, and the file's beginning.
async fn fields(form: &mut FormData, body: &mut Body) -> Result<Fields, ApiError> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let file_name = loop {
        match form.poll_piece().map_err(form_refusal)? {
            Some(Piece::Field { name, value }) => {
                let twice = fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(&name));
                if twice && !ignored(&name) {
                    return Err(invalid_argument("POST requires exactly one field of a name.", "field", &name));
                }
                fields.push((name, value));
            }
            Some(Piece::File { name }) => break name,
            Some(Piece::Bytes(_) | Piece::End) => {
                return Err(invalid_argument("POST requires exactly one file upload per request.", "file", "0"));
            }
            None => match next_data(body).await? {
                Some(data) => form.handle_bytes(&data),
                None => return Err(form_refusal(crate::form_data::FormError::Malformed)),
            },
        }
    };
    // Of a path that a browser tells, the last name.
    let file_name = file_name.unwrap_or_default();
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    for (_, value) in fields.iter_mut().filter(|(name, _)| !NO_CONDITION.contains(&name.to_ascii_lowercase().as_str()))
    {
        *value = value.replace("${filename}", file_name);
    }
    Ok(Fields(fields))
}

/// Whether no condition has to be about a field.
fn ignored(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NO_CONDITION.contains(&name.as_str()) || name.starts_with("x-ignore-")
}

/// The form's signature. Nobody is let in without one.
fn signed(fields: &Fields) -> Result<SignedForm<'_>, ApiError> {
    if ["AWSAccessKeyId", "signature"].iter().any(|name| fields.get(name).is_some()) {
        return Err(auth::refusal(Service::S3, &SigV4Error::UnsupportedAlgorithm { found: "AWS".to_owned() }));
    }
    let names = ["policy", "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date"];
    if names.iter().all(|name| fields.get(name).is_none()) {
        return Err(auth::refusal(Service::S3, &SigV4Error::MissingAuthentication));
    }
    Ok(SignedForm {
        policy: fields.required("policy")?,
        signature: fields.required("X-Amz-Signature")?,
        algorithm: fields.required("X-Amz-Algorithm")?,
        credential: fields.required("X-Amz-Credential")?,
        date: fields.required("X-Amz-Date")?,
        security_token: fields.get("x-amz-security-token"),
    })
}

/// What PutObject has in headers; of the form's own, what bucket policies ask for.
fn headers(fields: &Fields, of_form: &HeaderMap) -> Result<HeaderMap, ApiError> {
    const BEGINNINGS: [&str; 5] =
        [METADATA, SSE, "x-amz-checksum-", "x-amz-object-lock-", "x-amz-website-redirect-location"];
    let told = [REFERER, USER_AGENT].into_iter().filter_map(|name| Some((name.clone(), of_form.get(&name)?.clone())));
    let mut headers: HeaderMap = told.collect();
    for (name, value) in &fields.0 {
        let name = name.to_ascii_lowercase();
        let (name, value) = match name.as_str() {
            "acl" => ("x-amz-acl".to_owned(), value.clone()),
            "tagging" => ("x-amz-tagging".to_owned(), tagging::as_header(value)?),
            "x-amz-storage-class" => (name, value.clone()),
            _ if KEPT.contains(&name.as_str()) => (name, value.clone()),
            _ if BEGINNINGS.iter().any(|begin| name.starts_with(begin)) => (name, value.clone()),
            _ => continue,
        };
        let refused = || invalid_argument("The field cannot be a header.", "field", &name);
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| refused())?;
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?, value);
    }
    Ok(headers)
}

/// What was put.
struct Put<'a> {
    bucket: &'a str,
    key: &'a str,
    etag: &'a str,
    location: String,
}

/// As the form wants it: a redirect, a document or nothing.
fn answer(mut response: Response<Body>, fields: &Fields, put: &Put<'_>) -> Result<Response<Body>, ApiError> {
    let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
    // One that cannot be a URL is as if it were not there.
    let redirect = redirect.filter(|url| {
        let uri = url.parse::<Uri>().ok();
        uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
    });
    if let Some(url) = redirect {
        let encoded = |text: &str| utf8_percent_encode(text, &show::RESERVED).to_string();
        let (url, fragment) = url.split_once('#').map_or((url, String::new()), |(url, rest)| (url, format!("#{rest}")));
        let joint = if url.contains('?') { '&' } else { '?' };
        let (bucket, key, etag) = (encoded(put.bucket), encoded(put.key), encoded(put.etag));
        *response.status_mut() = StatusCode::SEE_OTHER;
        let target = format!("{url}{joint}bucket={bucket}&key={key}&etag={etag}{fragment}");
        show::set(response.headers_mut(), "location", &target);
        return Ok(response);
    }
    show::set(response.headers_mut(), "location", &put.location);
    match fields.get("success_action_status") {
        Some("200") => {}
        Some("201") => {
            let document = xml::plain("PostResponse", |out| {
                element(out, "Location", &put.location);
                element(out, "Bucket", put.bucket);
                element(out, "Key", put.key);
                element(out, "ETag", put.etag);
            });
            let (parts, body) = document.into_parts();
            response.headers_mut().extend(parts.headers);
            *response.body_mut() = body;
            *response.status_mut() = StatusCode::CREATED;
        }
        _ => *response.status_mut() = StatusCode::NO_CONTENT,
    }
    Ok(response)
}
