//! What a refusal means.

/// Codes that ask for patience with a status that does not (AWS SDKs and Tools Reference Guide, "Retry behavior": throttling and transient
/// errors; the services' models); those of keys, clocks and endpoints, which an operator can mend without a new rule; and that of an answer
/// which is not AWS's at all, such as a proxy's page.
#[rustfmt::skip]
const PASSING: &[&str] = &[
    "BandwidthLimitExceeded", "EC2ThrottledException", "ExecutionLimitExceeded", "KmsThrottled", "KMSThrottling", "KMSThrottlingException",
    "LimitExceededException", "OperationAbortedException", "OverLimit", "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
    "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeout", "RequestTimeoutException", "SlowDown",
    "Throttled", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException", "TransactionConflictException",
    "TransactionInProgressException",
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidEndpointException", "InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "UnrecognizedClientException",
    "Unknown",
];

/// A code without its namespace or what stands behind it: services that spoke the query protocol write `namespace#Code` or `Code:address`.
pub(crate) fn bare(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('.').next().unwrap_or(code)
}

/// Whether the same call may do better later.
pub fn is_passing(status: u16, code: &str) -> bool {
    let code = bare(code);
    status >= 500 || status == 429 || status == 408 || PASSING.iter().any(|passing| passing.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_do_better_later() {
        #[rustfmt::skip] // status  code                                                            passing
        let table = [
            (500,                   "InternalServerError",                                          true),
            (503,                   "Unknown",                                                      true),
            (403,                   "Unknown",                                                      true),
            (429,                   "TooManyRequestsException",                                     true),
            (400,                   "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", true),
            (400,                   "com.amazonaws.sqs#RequestThrottled",                           true),
            (400,                   "AWS.SimpleQueueService.KmsThrottled",                          true),
            (400,                   "KmsThrottlingException",                                       true),
            (400,                   "ThrottlingException",                                          true),
            (403,                   "InvalidClientTokenId",                                         true),
            (403,                   "RequestTimeTooSkewed",                                         true),
            (400,                   "ValidationException",                                          false),
            (403,                   "AccessDenied",                                                 false),
            (404,                   "ResourceNotFoundException",                                    false),
        ];
        for (status, code, expected) in table {
            assert_eq!(is_passing(status, code), expected, "{status} {code}");
        }
    }
}
