//! Key policies and grants, judged: "Key policies in AWS KMS" and the condition keys of KMS.
use super::{NOW, World, context, zeros};
use crate::*;

const ROOT: &str = "arn:aws:iam::111122223333:root";

fn allow(principal: &str, action: &str, condition: &str) -> String {
    statement("Allow", principal, action, condition)
}

fn statement(effect: &str, principal: &str, action: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#", "Condition": {condition}"#) };
    format!(r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": {action}, "Resource": "*"{condition}}}"#)
}

fn policy(statements: &[String]) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", "))
}

impl World {
    fn guarded(&mut self, text: &str) -> String {
        let key = self.key();
        let put = self.kms.put_policy(&key, text.to_owned(), true);
        self.apply(put).unwrap();
        key
    }

    fn may(&self, key: &str, action: &str, context: &EncryptionContext) -> bool {
        let key = self.kms.resolve(key).unwrap();
        match self.kms.authorize(key, &self.kms.asked(action, key, context)) {
            Ok(()) => true,
            Err(KmsError::AccessDenied { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn who_may_do_what() {
    let root = format!(r#"{{"AWS": "{ROOT}"}}"#);
    let role = r#"{"AWS": "arn:aws:iam::111122223333:role/oven"}"#;
    let all = allow(&root, r#""kms:*""#, "");
    let deny = |action: &str, condition: &str| statement("Deny", "\"*\"", action, condition);
    let line = context(&[("line", "4")]);
    let none = context(&[]);
    #[rustfmt::skip] // developer guide                     policy                                                                                                                      action                context    allowed
    let table = [
        ("the account, by its ARN",                         policy(std::slice::from_ref(&all)),                                                                                                     "Decrypt",            &none,     true),
        ("the account, by its number",                      policy(&[allow(r#"{"AWS": ["111122223333"]}"#, r#""kms:*""#, "")]),                                                          "Decrypt",            &none,     true),
        ("everybody",                                       policy(&[allow("\"*\"", r#""kms:*""#, "")]),                                                                                  "Decrypt",            &none,     true),
        ("another account",                                 policy(&[allow(r#"{"AWS": "arn:aws:iam::999999999999:root"}"#, r#""kms:*""#, "")]),                                            "Decrypt",            &none,     false),
        ("without a statement for the account",             policy(&[allow(role, r#""kms:*""#, "")]),                                                                                    "Decrypt",            &none,     false),
        ("a service is nobody who calls",                   policy(&[allow(r#"{"Service": "s3.amazonaws.com"}"#, r#""kms:*""#, "")]),                                                    "Decrypt",            &none,     false),
        ("NotPrincipal",                                    policy(&[all.clone(), r#"{"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/oven"}, "Action": "kms:Decrypt", "Resource": "*"}"#.into()]), "Decrypt", &none, false),
        ("actions, with wildcards",                         policy(&[allow(&root, r#"["kms:Describe*", "kms:De?rypt"]"#, "")]),                                                          "Decrypt",            &none,     true),
        ("actions, in any letter case",                     policy(&[allow(&root, r#""KMS:decrypt""#, "")]),                                                                             "Decrypt",            &none,     true),
        ("actions, another",                                policy(&[allow(&root, r#""kms:Describe*""#, "")]),                                                                           "Decrypt",            &none,     false),
        ("explicit deny wins",                              policy(&[all.clone(), deny(r#""kms:Decrypt""#, "")]),                                                                       "Decrypt",            &none,     false),
        ("explicit deny, of that action alone",             policy(&[all.clone(), deny(r#""kms:Decrypt""#, "")]),                                                                       "Encrypt",            &none,     true),
        ("NotAction",                                       policy(&[format!(r#"{{"Effect": "Allow", "Principal": {root}, "NotAction": "kms:ScheduleKeyDeletion", "Resource": "*"}}"#)]), "ScheduleKeyDeletion", &none,   false),
        ("kms:EncryptionContext:",                          policy(&[allow(&root, r#""kms:*""#, r#"{"StringEquals": {"kms:EncryptionContext:line": "4"}}"#)]),                            "Decrypt",            &line,     true),
        ("kms:EncryptionContext:, absent",                  policy(&[allow(&root, r#""kms:*""#, r#"{"StringEquals": {"kms:EncryptionContext:line": "4"}}"#)]),                            "Decrypt",            &none,     false),
        ("kms:EncryptionContext:, names have a case",       policy(&[allow(&root, r#""kms:*""#, r#"{"StringEquals": {"kms:EncryptionContext:Line": "4"}}"#)]),                            "Decrypt",            &line,     false),
        ("kms:EncryptionContext:, denied unless",           policy(&[all.clone(), deny(r#""kms:*crypt""#, r#"{"StringNotEquals": {"kms:EncryptionContext:line": ["4", "5"]}}"#)]),       "Decrypt",            &line,     true),
        ("kms:EncryptionContext:, denied unless",           policy(&[all.clone(), deny(r#""kms:*crypt""#, r#"{"StringNotEquals": {"kms:EncryptionContext:line": ["5", "6"]}}"#)]),       "Decrypt",            &line,     false),
        ("kms:EncryptionContextKeys",                       policy(&[allow(&root, r#""kms:*""#, r#"{"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "line"}}"#)]),              "Decrypt",            &line,     true),
        ("kms:EncryptionContextKeys",                       policy(&[allow(&root, r#""kms:*""#, r#"{"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "oven"}}"#)]),             "Decrypt",            &line,     false),
        ("Null",                                            policy(&[all.clone(), deny(r#""kms:Decrypt""#, r#"{"Null": {"kms:EncryptionContext:line": "true"}}"#)]),                     "Decrypt",            &none,     false),
        ("Null",                                            policy(&[all.clone(), deny(r#""kms:Decrypt""#, r#"{"Null": {"kms:EncryptionContext:line": "true"}}"#)]),                     "Decrypt",            &line,     true),
        ("kms:KeySpec, kms:KeyUsage",                       policy(&[allow(&root, r#""kms:*""#, r#"{"StringLike": {"kms:KeySpec": "SYM*", "kms:KeyUsage": "ENCRYPT_DECRYPT"}}"#)]),       "Decrypt",            &none,     true),
        ("kms:CallerAccount",                               policy(&[allow("\"*\"", r#""kms:*""#, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#)]),                        "Decrypt",            &none,     true),
        ("IfExists",                                        policy(&[allow(&root, r#""kms:*""#, r#"{"StringEqualsIfExists": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}"#)]),       "Decrypt",            &none,     true),
        ("what is not known allows nothing",                policy(&[allow(&root, r#""kms:*""#, r#"{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#)]),                                  "Decrypt",            &none,     false),
        ("what is not known denies",                        policy(&[all.clone(), deny(r#""kms:Decrypt""#, r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#)]),                        "Decrypt",            &none,     false),
    ];
    let mut world = World::new();
    for (rule, text, action, context, allowed) in table {
        let key = world.guarded(&text);
        assert_eq!(world.may(&key, action, context), allowed, "{rule}: {text}");
    }
    let key = world.key();
    assert!(world.may(&key, "Decrypt", &none), "a key without a policy has the account's own");
}

#[test]
fn a_service_is_told_from_the_caller() {
    let mut world = World::new();
    let all = allow("\"*\"", r#""kms:*""#, "");
    let via = r#"{"StringNotEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}"#;
    let key = world.guarded(&policy(&[all, statement("Deny", "\"*\"", r#""kms:GenerateDataKey*""#, via)]));
    let denied = world.guarded(&policy(&[statement("Deny", "\"*\"", r#""kms:Decrypt""#, "")]));
    let made = |via, key: &str, context: &EncryptionContext| {
        world.kms.generate_data_key(via, &world.root_key, (key, context), 32, &mut zeros()).map(drop)
    };
    let object = context(&[("aws:s3:arn", "arn:aws:s3:::lake/a")]);
    assert_eq!(made(Via::S3, &key, &object), Ok(()), "S3 may");
    assert_eq!(
        made(Via::Firehose, &key, &object),
        Ok(()),
        "a delivery stream has its grant, whatever the context says"
    );
    let refused = made(Via::S3, &denied, &context(&[("aws:firehose:arn", "arn:aws:firehose:::deliverystream/s")]));
    assert!(
        matches!(refused, Err(KmsError::AccessDenied { .. })),
        "S3's callers bring pairs of their own: {refused:?}"
    );
    assert!(!world.may(&key, "GenerateDataKey", &context(&[])), "nor does the account itself");
}

#[test]
fn a_grant_lets_what_the_policy_does_not() {
    let mut world = World::new();
    let role = r#"{"AWS": "arn:aws:iam::111122223333:role/oven"}"#;
    let key = world.guarded(&policy(&[allow(role, r#""kms:*""#, "")]));
    let subset = GrantConstraints { encryption_context_subset: Some(context(&[("line", "4")])), ..Default::default() };
    let granted = Granted {
        name: None,
        grantee_principal: ROOT.into(),
        retiring_principal: None,
        operations: vec![Operation::Decrypt, Operation::DescribeKey],
        constraints: Some(subset),
    };
    let made = world.kms.create_grant(NOW, &key, granted.clone(), &mut zeros());
    world.apply(made).unwrap();
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    #[rustfmt::skip] // Grants in KMS            action           context                          allowed
    let table: &[(&str, &str, Pairs<'_>, bool)] = &[
        ("the pairs, and others",                "Decrypt",       &[("line", "4"), ("oven", "7")], true),
        ("not without them",                     "Decrypt",       &[("oven", "7")],                false),
        ("not with another value",               "Decrypt",       &[("line", "5")],                false),
        ("not another operation",                "Encrypt",       &[("line", "4")],                false),
        ("DescribeKey has no context",           "DescribeKey",   &[],                             true),
    ];
    for (rule, action, pairs, allowed) in table {
        assert_eq!(world.may(&key, action, &context(pairs)), *allowed, "{rule}");
    }
    let denied = world.guarded(&policy(&[statement("Deny", "\"*\"", r#""kms:Decrypt""#, "")]));
    let made = world.kms.create_grant(NOW, &denied, Granted { constraints: None, ..granted }, &mut zeros());
    world.apply(made).unwrap();
    assert!(!world.may(&denied, "Decrypt", &context(&[])), "explicit deny wins over a grant too");
}

#[test]
fn a_policy_is_one_and_does_not_lock_out() {
    let mut world = World::new();
    let key = world.key();
    let good = policy(&[allow("\"*\"", r#""kms:*""#, "")]);
    let without = policy(&[allow("\"*\"", r#""kms:Decrypt""#, "")]);
    #[rustfmt::skip] // PutKeyPolicy                 policy                                                                                     taken
    let table = [
        ("a whole policy",                           good.as_str(),                                                                             true),
        ("one statement need not be in a list",      r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}"#, true),
        ("not JSON",                                 "kms:*",                                                                                   false),
        ("no statements",                            "{}",                                                                                      false),
        ("a member that is none",                    r#"{"Statements": []}"#,                                                                   false),
        ("an effect that is none",                   r#"{"Statement": [{"Effect": "allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}"#, false),
        ("no principal",                             r#"{"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}"#,             false),
        ("no resource",                              r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*"}]}"#,            false),
        ("a version that is none",                   r#"{"Version": "x", "Statement": []}"#,                                                    false),
        ("the caller could not put another",         without.as_str(),                                                                          false),
    ];
    for (rule, text, taken) in table {
        match world.kms.put_policy(&key, text.to_owned(), false) {
            Ok(_) => assert!(taken, "{rule}"),
            Err(error) => assert!(!taken && matches!(error, KmsError::MalformedPolicy(_)), "{rule}: {error:?}"),
        }
    }
    assert!(world.kms.put_policy(&key, without.clone(), true).is_ok(), "BypassPolicyLockoutSafetyCheck");
    let new = NewKey { policy: Some(without), ..NewKey::default() };
    let made = |new: NewKey| world.kms.create(NOW, &world.root_key, new, None, &mut zeros()).map(drop);
    assert!(matches!(made(new.clone()), Err(KmsError::MalformedPolicy(_))), "CreateKey: Policy");
    assert_eq!(made(NewKey { bypass_lockout_check: true, ..new }), Ok(()));
}

/// Policies were once kept without being read.
#[test]
fn a_policy_that_is_none_leaves_the_way_to_another() {
    let mut world = World::new();
    let key = world.key();
    let mut known = (**world.kms.resolve(&key).unwrap()).clone();
    known.policy = Some(sekisho_iam::AttachedPolicy::new(r#"{"Version":"x"}"#.into()));
    world.kms.apply(&Event::KeyPut { key: Box::new(known) });
    let may = |action| world.may(&key, action, &context(&[]));
    assert_eq!((may("Decrypt"), may("GetKeyPolicy"), may("PutKeyPolicy")), (false, true, true));
}
