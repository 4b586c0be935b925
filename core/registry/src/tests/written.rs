//! What a journal holds of authorities and provisioning: on disk for ever.
use super::*;

/// A line that no longer reads, or reads as something else, loses a state.
#[rustfmt::skip]
const WRITTEN: &[&str] = &[
    r#"{"registration_code_set":{"registration_code":"c"}}"#,
    r#"{"registration_code_set":{"registration_code":null}}"#,
    r#"{"ca_certificate_put":{"ca_certificate":{"certificate_id":"ID","der":"MAA=","active":true,"auto_registration":false,"registration_config":{"templateBody":"{}","roleArn":"r"},"creation_date":1,"last_modified_date":2,"customer_version":3,"generation_id":"g","not_before":0,"not_after":4,"certificate_mode":"DEFAULT"}}}"#,
    r#"{"ca_certificate_put":{"ca_certificate":{"certificate_id":"ID","der":"MAA=","active":false,"auto_registration":true,"registration_config":null,"creation_date":1,"last_modified_date":2,"customer_version":3,"generation_id":"g","not_before":0,"not_after":4,"certificate_mode":"SNI_ONLY"}}}"#,
    r#"{"revocation_list_begun":{"id":{"authority":"a","part":""}}}"#,
    r#"{"revocation_list_extended":{"id":{"authority":"a","part":""},"serial_numbers":["01","02"]}}"#,
    r#"{"revocation_list_taken":{"id":{"authority":"a","part":""},"this_update":1,"next_update":null}}"#,
    r#"{"certificate_registered":{"certificate":{"certificate_id":"ID","der":"MAA=","ca_certificate_id":"ID","status":"PENDING_TRANSFER","not_before":0,"not_after":4,"creation_date":1,"last_modified_date":1,"customer_version":1,"generation_id":"g","certificate_mode":"DEFAULT","transfer":{"target_account":"111111111111","message":"m","date":1}}}}"#,
    r#"{"certificate_transfer_started":{"certificate_id":"ID","transfer":{"target_account":"111111111111","date":1}}}"#,
    r#"{"provisioning_template_put":{"template":{"template_name":"t","description":null,"template_type":"FLEET_PROVISIONING","enabled":true,"provisioning_role_arn":"r","pre_provisioning_hook":{"payloadVersion":"2020-04-01","targetArn":"a"},"creation_date":1,"last_modified_date":1,"default_version_id":1,"next_version_id":2,"versions":[{"version_id":1,"template_body":"{}","creation_date":1}]}}}"#,
    r#"{"provisioning_claim_added":{"claim":{"certificate_id":"ID","template_name":"t","not_before":0,"not_after":4}}}"#,
    r#"{"provisioning_claim_expired":{"certificate_id":"ID"}}"#,
    r#"{"ownership_token_issued":{"token_sha256":"s","ownership":{"certificate_id":"ID","expires_at":5,"claim_certificate_id":"ID"}}}"#,
    r#"{"ownership_token_spent":{"token_sha256":"s"}}"#,
    r#"{"registration_task_put":{"task":{"task_id":"i","template_body":"{}","input_file_bucket":"b","input_file_key":"k","role_arn":"r","status":"InProgress","message":null,"creation_date":1,"last_modified_date":1,"success_count":0,"failure_count":0,"offset":0,"input_etag":"e","percentage_progress":0,"report_parts":{"results":0,"errors":0}}}}"#,
    r#"{"registration_task_progressed":{"task_id":"i","line":{"line_number":1,"offset":0,"end":9,"outcome":{"Ok":{"certificate_id":"ID","resource_arns":{"c":"arn"}}}},"percentage_progress":50,"at":2}}"#,
    r#"{"registration_task_progressed":{"task_id":"i","line":{"line_number":2,"offset":9,"end":18,"outcome":{"Err":"no"}},"percentage_progress":99,"at":2}}"#,
    r#"{"registration_task_forgotten":{"task_id":"i"}}"#,
    r#"{"pending_ca_key_set":{"sealed_private_key":"k"}}"#,
    r#"{"issuing_ca_set":{"ca":{"certificate_pem":"c","sealed_private_key":"k"}}}"#,
    r#"{"provisioning_template_deleted":{"template_name":"t"}}"#,
    r#"{"ca_certificate_deleted":{"certificate_id":"ID"}}"#,
];

#[test]
fn what_was_written_is_read_and_written_the_same() {
    let mut registry = Registry::new(tenant());
    for line in WRITTEN {
        let line = line.replace("ID", &"0f".repeat(32));
        let event: Event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
        registry.apply(&event);
    }
    let left = registry.snapshot();
    assert_eq!(left.len(), 5, "a certificate, its CA's list (three events), our own CA: {left:?}");
}
