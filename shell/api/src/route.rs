//! Which operation is this? Decided from the raw request, before anything is decoded.
use crate::Service;
use crate::table::Operation;

/// The operation of a REST service that fits, and the raw values of the path's labels in the template's order.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) operation: &'static Operation,
    pub(crate) labels: Vec<(&'static str, &'a str)>,
}

/// Finds the operation of a rest-json service. Where several templates fit, the one with more literal segments is meant.
pub(crate) fn rest_json<'a>(service: Service, method: &str, raw_path: &'a str) -> Option<Route<'a>> {
    let candidates = service.operations().iter().filter(|operation| operation.method == method);
    let fitting = candidates.filter_map(|operation| {
        let (labels, literals) = fit(operation.uri, raw_path, is_greedy(operation))?;
        Some((literals, Route { operation, labels }))
    });
    fitting.max_by_key(|(literals, _)| *literals).map(|(_, route)| route)
}

/// Devices and curl publish to `/topics/a/b/c`, SDKs to `/topics/a%2Fb%2Fc`; both are meant (IoT developer guide: HTTPS).
fn is_greedy(operation: &Operation) -> bool {
    matches!(operation.name, "Publish" | "GetRetainedMessage")
}

/// The labels' raw values and the number of literal segments, if `path` fits `template`.
fn fit<'a>(template: &'static str, path: &'a str, greedy: bool) -> Option<(Vec<(&'static str, &'a str)>, usize)> {
    let (mut labels, mut literals) = (Vec::new(), 0);
    let mut segments = template.strip_prefix('/')?.split('/').peekable();
    let mut rest = Some(path.strip_prefix('/')?);
    while let Some(segment) = segments.next() {
        let here = rest?;
        let takes_all = segments.peek().is_none() && (greedy || segment.ends_with("+}"));
        let (value, after) = match here.split_once('/') {
            Some((value, after)) if !takes_all => (value, Some(after)),
            _ => (here, None),
        };
        rest = after;
        match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            Some(_) if value.is_empty() => return None,
            Some(label) => labels.push((label.trim_end_matches('+'), value)),
            None if segment == value => literals += 1,
            None => return None,
        }
    }
    rest.is_none().then_some((labels, literals))
}

/// What a request to S3 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// `/`
    Service,
    /// `/{Bucket}`
    Bucket,
    /// `/{Bucket}/{Key+}`
    Object,
}

/// Finds the operation of a request to S3: of those that fit, the one that asks for most.
pub(crate) fn s3(
    method: &str,
    level: Level,
    query: &[(String, String)],
    has_header: impl Fn(&str) -> bool,
) -> Option<&'static Operation> {
    let uri = match level {
        Level::Service => "/",
        Level::Bucket => "/{Bucket}",
        Level::Object => "/{Bucket}/{Key+}",
    };
    let asked_for = |discriminator: &str| match (discriminator.strip_prefix('@'), discriminator.split_once('=')) {
        (Some(header), _) => has_header(header),
        (None, Some((name, value))) => query.iter().any(|(n, v)| n == name && v == value),
        (None, None) => query.iter().any(|(name, _)| name == discriminator),
    };
    let candidates = Service::S3.operations().iter().filter(|op| op.method == method && op.uri == uri);
    let fitting = candidates.filter(|op| op.discriminators.iter().all(|d| asked_for(d)));
    fitting.max_by_key(|op| op.discriminators.len())
}

/// Finds an operation by its name, as `X-Amz-Target` and `Action` give it.
pub(crate) fn by_name(service: Service, name: &str) -> Option<&'static Operation> {
    service.operations().iter().find(|operation| operation.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rest = (&'static str, Service, &'static str, &'static str, Option<(&'static str, &'static [&'static str])>);
    type S3Row = (&'static str, &'static str, Level, &'static str, Option<&'static str>, Option<&'static str>);

    #[rustfmt::skip] // model                 service             method   path                                            operation, labels
    const REST: &[Rest] = &[
        ("iot: CreateThing",                  Service::Iot,       "POST",   "/things/pump-7",                               Some(("CreateThing", &["pump-7"]))),
        ("iot: labels stay encoded",          Service::Iot,       "PUT",    "/things/a%3Ab/principals",                     Some(("AttachThingPrincipal", &["a%3Ab"]))),
        ("iot: an ARN in a path",             Service::Iot,       "POST",   "/attached-policies/arn%3Aaws%3Aiot%3Acert%2Fa", Some(("ListAttachedPolicies", &["arn%3Aaws%3Aiot%3Acert%2Fa"]))),
        ("iot: DetachPolicy is a POST",       Service::Iot,       "POST",   "/target-policies/p",                           Some(("DetachPolicy", &["p"]))),
        ("iot: ReplaceTopicRule is a PATCH",  Service::Iot,       "PATCH",  "/rules/r",                                     Some(("ReplaceTopicRule", &["r"]))),
        ("iot: a literal beats a label",      Service::Iot,       "PUT",    "/thing-groups/addThingToThingGroup",           Some(("AddThingToThingGroup", &[]))),
        ("iot: SetDefaultPolicyVersion",      Service::Iot,       "PATCH",  "/policies/p/version/2",                        Some(("SetDefaultPolicyVersion", &["p", "2"]))),
        ("iot: a label is not empty",         Service::Iot,       "GET",    "/things//principals",                          None),
        ("iot: ListThings",                   Service::Iot,       "GET",    "/things",                                      Some(("ListThings", &[]))),
        ("iot: a path with a tail fits none", Service::Iot,       "GET",    "/things/a/b/c",                                None),
        ("iot-data: topic in one label",      Service::IotData,   "POST",   "/topics/a%2Fb",                                Some(("Publish", &["a%2Fb"]))),
        ("iot-data: topic with slashes",      Service::IotData,   "POST",   "/topics/a/b//c",                               Some(("Publish", &["a/b//c"]))),
        ("iot-data: UpdateThingShadow",       Service::IotData,   "POST",   "/things/t/shadow",                             Some(("UpdateThingShadow", &["t"]))),
        ("iot-jobs-data",                     Service::IotJobsData, "GET",  "/things/t/jobs",                               Some(("GetPendingJobExecutions", &["t"]))),
    ];

    #[test]
    fn a_path_chooses_an_operation() {
        for (statement, service, method, path, expected) in REST {
            let route = rest_json(*service, method, path);
            let found =
                route.as_ref().map(|r| (r.operation.name, r.labels.iter().map(|(_, v)| *v).collect::<Vec<_>>()));
            assert_eq!(found, expected.map(|(name, labels)| (name, labels.to_vec())), "{statement}");
        }
    }

    #[rustfmt::skip] // model                          method    level            query                             header                 operation
    const S3: &[S3Row] = &[
        ("s3: ListBuckets",                            "GET",    Level::Service,  "",                               None,                       Some("ListBuckets")),
        ("s3: ListObjects",                            "GET",    Level::Bucket,   "prefix=a",                       None,                       Some("ListObjects")),
        ("s3: ListObjectsV2",                          "GET",    Level::Bucket,   "list-type=2&prefix=a",           None,                       Some("ListObjectsV2")),
        ("s3: a sub-resource",                         "GET",    Level::Bucket,   "encryption",                     None,                       Some("GetBucketEncryption")),
        ("s3: the newer form of the lifecycle",        "PUT",    Level::Bucket,   "lifecycle",                      None,                       Some("PutBucketLifecycleConfiguration")),
        ("s3: one analytics configuration",            "GET",    Level::Bucket,   "analytics&id=a",                 None,                       Some("GetBucketAnalyticsConfiguration")),
        ("s3: all analytics configurations",           "GET",    Level::Bucket,   "analytics",                      None,                       Some("ListBucketAnalyticsConfigurations")),
        ("s3: PutObject",                              "PUT",    Level::Object,   "x-id=PutObject",                 None,                       Some("PutObject")),
        ("s3: CopyObject",                             "PUT",    Level::Object,   "",                               Some("x-amz-copy-source"),  Some("CopyObject")),
        ("s3: UploadPart",                             "PUT",    Level::Object,   "partNumber=1&uploadId=u",        None,                       Some("UploadPart")),
        ("s3: UploadPartCopy",                         "PUT",    Level::Object,   "partNumber=1&uploadId=u",        Some("x-amz-copy-source"),  Some("UploadPartCopy")),
        ("s3: AbortMultipartUpload",                   "DELETE", Level::Object,   "uploadId=u",                     None,                       Some("AbortMultipartUpload")),
        ("s3: CreateMultipartUpload",                  "POST",   Level::Object,   "uploads",                        None,                       Some("CreateMultipartUpload")),
        ("s3: ListParts",                              "GET",    Level::Object,   "uploadId=u",                     None,                       Some("ListParts")),
        ("s3: DeleteObjects",                          "POST",   Level::Bucket,   "delete",                         None,                       Some("DeleteObjects")),
        ("s3: a form POST is no operation of the model", "POST", Level::Bucket,   "",                               None,                       None),
    ];

    #[test]
    fn method_path_and_sub_resource_choose_an_operation_of_s3() {
        for (statement, method, level, query, header, expected) in S3 {
            let query = crate::bind::query_pairs(query, true);
            let found = s3(method, *level, &query, |name| *header == Some(name)).map(|op| op.name);
            assert_eq!(found, *expected, "{statement}");
        }
    }

    #[test]
    fn no_two_operations_of_a_service_answer_to_the_same_request() {
        for service in Service::ALL {
            let rest = matches!(service, Service::Iot | Service::IotData | Service::IotJobsData | Service::S3);
            let mut seen = std::collections::HashSet::new();
            for op in service.operations() {
                let mut discriminators = op.discriminators.to_vec();
                discriminators.sort_unstable();
                let shape: Vec<&str> = op.uri.split('/').map(|s| if s.starts_with('{') { "{}" } else { s }).collect();
                let key = if rest { (op.method, shape, discriminators) } else { (op.name, vec![], vec![]) };
                assert!(seen.insert(key), "{}: {}", service.name(), op.name);
            }
        }
    }

    #[test]
    fn every_template_of_a_rest_service_is_one_this_router_reads() {
        for service in [Service::Iot, Service::IotData, Service::IotJobsData] {
            for op in service.operations() {
                let path = op.uri.replace("{", "x").replace("}", "x");
                let route = rest_json(service, op.method, &path);
                assert_eq!(route.map(|r| r.operation.name), Some(op.name), "{}", op.uri);
            }
        }
    }
}
