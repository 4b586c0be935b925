//! Grants: made, found, named twice, ended two ways.
use super::{NOW, World, context, zeros};
use crate::*;

const WHO: &str = "arn:aws:iam::111122223333:role/oven";

fn granted(operations: &[Operation]) -> Granted {
    Granted {
        name: None,
        grantee_principal: WHO.into(),
        retiring_principal: None,
        operations: operations.to_vec(),
        constraints: None,
    }
}

impl World {
    fn grant(&mut self, key: &str, granted: Granted) -> Result<Grant, KmsError> {
        let mut random = self.random();
        let made = self.kms.create_grant(NOW, key, granted, &mut random);
        self.apply(made)
    }
}

#[test]
fn the_same_under_the_same_name_is_one_grant() {
    let mut world = World::new();
    let key = world.key();
    let named = Granted { name: Some("lake".into()), ..granted(&[Operation::Encrypt, Operation::Decrypt]) };
    let one = world.grant(&key, named.clone()).unwrap();
    let reordered = Granted { operations: vec![Operation::Decrypt, Operation::Encrypt, Operation::Decrypt], ..named };
    let mut random = world.random();
    let (events, same) = world.kms.create_grant(NOW, &key, reordered.clone(), &mut random).unwrap();
    assert_eq!((events.len(), &same), (0, &one));
    assert_ne!(one.token(&world.root_key, &mut random), one.token(&world.root_key, &mut random), "with a new token");
    let less = Granted { operations: vec![Operation::Decrypt], ..reordered };
    assert_ne!(world.grant(&key, less).unwrap().id, one.id, "other parameters: another grant");
    let unnamed = granted(&[Operation::Decrypt]);
    assert_ne!(world.grant(&key, unnamed.clone()).unwrap().id, world.grant(&key, unnamed).unwrap().id);
    assert_eq!(world.kms.list_grants(&key, None, Some(WHO)).unwrap().count(), 4);
    assert_eq!(world.kms.list_grants(&key, Some(&one.id), None).unwrap().count(), 1);
    assert_eq!(world.kms.list_grants(&key, None, Some("arn:aws:iam::111122223333:root")).unwrap().count(), 0);
}

#[test]
fn a_grant_ends_by_its_id_or_a_token() {
    let mut world = World::new();
    let (key, other) = (world.key(), world.key());
    let one = world.grant(&key, granted(&[Operation::Decrypt])).unwrap();
    assert_eq!(world.kms.delete_grant(&other, &one.id), Err(KmsError::GrantNotFound(one.id.clone())));
    assert_eq!(world.kms.delete_grant(&key, "1"), Err(KmsError::InvalidGrantId("1".into())));
    let token = one.token(&world.root_key, &mut zeros());
    assert_eq!(world.kms.grant_of_token(&world.root_key, &token), Ok(&one));
    let revoked = world.kms.delete_grant(&key, &one.id);
    world.apply(revoked).unwrap();
    assert_eq!(world.kms.retire_grant(&world.root_key, &token), Err(KmsError::InvalidGrantToken));
    let two = world.grant(&key, granted(&[Operation::Decrypt])).unwrap();
    let retired = world.kms.retire_grant(&world.root_key, &two.token(&world.root_key, &mut zeros()));
    world.apply(retired).unwrap();
    assert_eq!(world.kms.grants().count(), 0);
    for token in ["", "!", "AAAA"] {
        assert_eq!(world.kms.grant_of_token(&world.root_key, token), Err(KmsError::InvalidGrantToken), "`{token}`");
    }
}

#[test]
fn what_a_grant_may_say() {
    type Is = fn(&KmsError) -> bool;
    const VALIDATION: Option<Is> = Some(|error| matches!(error, KmsError::Validation(_)));
    const PRINCIPAL: Option<Is> = Some(|error| matches!(error, KmsError::Principal(_)));
    let mut world = World::new();
    let (symmetric, signing) = (world.key(), world.key_of(KeySpec::EccNistP256, KeyUsage::SignVerify));
    let with = |pairs: &[(&str, &str)]| {
        let constraints = GrantConstraints { encryption_context_subset: Some(context(pairs)), ..Default::default() };
        Granted { constraints: Some(constraints), ..granted(&[Operation::Decrypt]) }
    };
    let nine: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| (name, "1")).to_vec();
    let long = "x".repeat(385);
    let by = |principal: &str| Granted { grantee_principal: principal.into(), ..granted(&[Operation::Decrypt]) };
    #[rustfmt::skip] // API reference: CreateGrant              key          asked                                               refused
    let table = [
        ("Operations: what the key can do",                     &symmetric,  granted(&[Operation::Decrypt, Operation::DescribeKey]), None),
        ("Operations: what the key can do",                     &signing,    granted(&[Operation::Sign, Operation::GetPublicKey]),   None),
        ("Operations: not of this key",                         &symmetric,  granted(&[Operation::Sign]),                            VALIDATION),
        ("Operations: not of this key",                         &signing,    granted(&[Operation::Encrypt]),                         VALIDATION),
        ("Operations: GetPublicKey needs a public key",         &symmetric,  granted(&[Operation::GetPublicKey]),                    VALIDATION),
        ("Operations: one at least",                            &symmetric,  granted(&[]),                                           VALIDATION),
        ("Constraints: 8 pairs",                                &symmetric,  with(&nine[..8]),                                       None),
        ("Constraints: 8 pairs",                                &symmetric,  with(&nine),                                            VALIDATION),
        ("Constraints: 384 characters",                         &symmetric,  with(&[("a", &long[1..])]),                             None),
        ("Constraints: 384 characters",                         &symmetric,  with(&[("a", &long)]),                                  VALIDATION),
        ("Constraints: symmetric keys",                         &signing,    Granted { operations: vec![Operation::Sign], ..with(&[("a", "1")]) }, VALIDATION),
        ("GranteePrincipal: a role, assumed",                   &symmetric,  by("arn:aws:sts::111122223333:assumed-role/oven/7"),    None),
        ("GranteePrincipal: an ARN of IAM or STS",              &symmetric,  by("arn:aws:s3:::lake"),                                PRINCIPAL),
        ("GranteePrincipal: an ARN",                            &symmetric,  by("oven"),                                             PRINCIPAL),
    ];
    for (rule, key, asked, refused) in table {
        match (world.grant(key, asked), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => assert!(expected(&error), "{rule}: {error:?}"),
            (outcome, _) => panic!("{rule}: {outcome:?}"),
        }
    }
}

#[test]
fn grants_go_with_their_key_and_come_back_from_a_snapshot() {
    let mut world = World::new();
    let key = world.key();
    world.grant(&key, granted(&[Operation::Decrypt])).unwrap();
    let mut again = Kms::new(world.kms.tenant().clone());
    for event in world.kms.snapshot() {
        again.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
    }
    assert_eq!(again, world.kms);
    let key_id = world.kms.resolve(&key).unwrap().key_id.clone();
    world.kms.apply(&Event::KeyDeleted { key_id });
    assert_eq!(world.kms.grants().count(), 0);
}

#[test]
fn tokens_are_refused_or_known_and_never_panic() {
    let world = World::new();
    bolero::check!(name = "grant_token").for_each(|bytes: &[u8]| {
        let token = String::from_utf8_lossy(bytes);
        assert!(world.kms.grant_of_token(&world.root_key, &token).is_err());
    });
}
