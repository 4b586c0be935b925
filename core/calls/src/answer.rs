//! What a refusal means.

/// Codes that ask for patience with a status that does not (AWS SDKs and Tools Reference Guide, "Retry behavior": throttling and transient
/// errors), and those of credentials, which an operator can mend without a new rule.
#[rustfmt::skip]
const PASSING: &[&str] = &[
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeout",
    "RequestTimeoutException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "TransactionInProgressException", "OverLimit", "KMSThrottlingException", "ExpiredToken", "ExpiredTokenException",
];

/// Whether the same call may do better later.
pub fn is_passing(status: u16, code: &str) -> bool {
    // awsQuery-compatible services write `namespace#Code` or `Code:address`.
    let code = code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code);
    let code = code.rsplit('.').next().unwrap_or(code);
    status >= 500 || status == 429 || status == 408 || PASSING.contains(&code)
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
            (429,                   "TooManyRequestsException",                                     true),
            (400,                   "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", true),
            (400,                   "com.amazonaws.sqs#RequestThrottled",                           true),
            (400,                   "ThrottlingException",                                          true),
            (403,                   "ExpiredToken",                                                 true),
            (400,                   "ValidationException",                                          false),
            (403,                   "AccessDenied",                                                 false),
            (404,                   "ResourceNotFoundException",                                    false),
        ];
        for (status, code, expected) in table {
            assert_eq!(is_passing(status, code), expected, "{status} {code}");
        }
    }
}
