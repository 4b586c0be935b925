//! Cross-origin requests: what a browser may send to a bucket (S3 user guide: "Using cross-origin resource sharing").
use serde::{Deserialize, Serialize};

/// The rules of a bucket, the first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors(pub Vec<CorsRule>);

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    /// `ID`
    pub id: Option<String>,
    /// `AllowedOrigin`, with at most one `*`.
    pub origins: Vec<String>,
    /// `AllowedMethod`
    pub methods: Vec<String>,
    /// `AllowedHeader`, with at most one `*`.
    pub headers: Vec<String>,
    /// `ExposeHeader`
    pub exposed: Vec<String>,
    /// `MaxAgeSeconds`
    pub max_age_s: Option<u32>,
}

impl Cors {
    /// The rule for a request from `origin` with this method and these headers.
    pub fn rule(&self, origin: &str, method: &str, headers: &[&str]) -> Option<&CorsRule> {
        self.0.iter().find(|rule| {
            let header =
                |asked: &&str| rule.headers.iter().any(|allowed| fits(&allowed.to_lowercase(), &asked.to_lowercase()));
            rule.origins.iter().any(|allowed| fits(allowed, origin))
                && rule.methods.iter().any(|allowed| allowed == method)
                && headers.iter().all(header)
        })
    }
}

impl CorsRule {
    /// Whether any origin may come, so that the answer need not name one.
    pub fn any_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }
}

fn fits(allowed: &str, asked: &str) -> bool {
    match allowed.split_once('*') {
        None => allowed == asked,
        Some((before, after)) => {
            asked.len() >= before.len() + after.len() && asked.starts_with(before) && asked.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static str, &'static str, Vec<&'static str>, Option<&'static str>);

    #[test]
    fn the_first_rule_that_fits() {
        let rule = |id: &str, origins: &[&str], methods: &[&str], headers: &[&str]| CorsRule {
            id: Some(id.into()),
            origins: origins.iter().map(|text| (*text).into()).collect(),
            methods: methods.iter().map(|text| (*text).into()).collect(),
            headers: headers.iter().map(|text| (*text).into()).collect(),
            ..CorsRule::default()
        };
        let cors = Cors(vec![
            rule("a", &["https://*.example.com"], &["GET", "PUT"], &["x-amz-*", "Content-Type"]),
            rule("b", &["*"], &["GET"], &[]),
        ]);
        #[rustfmt::skip] // source                        origin                      method  headers                    rule
        let table: [Row; 6] = [
            ("CORS elements: a wildcard in an origin",    "https://a.example.com",    "PUT",  vec![],                       Some("a")),
            ("CORS elements: headers in any letter case", "https://a.example.com",    "PUT",  vec!["X-Amz-Date", "content-type"], Some("a")),
            ("CORS elements: every header must fit",      "https://a.example.com",    "PUT",  vec!["x-other"],              None),
            ("CORS elements: every origin",               "https://example.org",      "GET",  vec![],                       Some("b")),
            ("CORS elements: the method must fit",        "https://example.org",      "PUT",  vec![],                       None),
            ("CORS elements: the star is not the dot too", "https://.example.co",     "PUT",  vec![],                       None),
        ];
        for (source, origin, method, headers, expected) in table {
            let found = cors.rule(origin, method, &headers).and_then(|rule| rule.id.as_deref());
            assert_eq!(found, expected, "{source}");
        }
    }
}
