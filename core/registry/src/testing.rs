//! A registry driven by lines of text, so that a test is a table anybody can read.
use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sekisho_identity::{
    CertificateStatus, DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE, Signer, SigningKey, encode_pem, issue_ca,
    issue_device_certificate,
};
use sekisho_types::{AccountId, CertificateId, PolicyName, Region, RuleName, Secret, Tenant, ThingName, Timestamp};
use sekisho_types::{BillingGroupName, InvalidName, ThingGroupName, ThingTypeName};

use crate::{DELETE_AFTER_DEPRECATION, ThingGroupFilter, ThingGroupUpdate, ThingTypeUpdate};
use crate::{Event, Registry, RegistryError, ThingFilter, ThingPrincipalType, ThingUpdate};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_541_022_751_983);
/// The policy document `document(text)` allows publishing on one topic.
pub(crate) fn document(topic: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-north-1:000000000000:topic/{topic}"}}]}}"#
    )
}

pub(crate) fn tenant() -> Tenant {
    Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() }
}

/// A registry, the certificates its test calls `#0`, `#1`, …, and everything that happened.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) history: Vec<Event>,
    certificates: Vec<(CertificateId, Vec<u8>)>,
    drawn: u8,
}

impl World {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let key = SigningKey::from_pkcs8(&Secret::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())).unwrap();
        let name = DistinguishedName::common_name("test");
        let mut serial = 0_u8;
        let mut random = |out: &mut [u8]| {
            serial += 1;
            out.fill(serial);
        };
        let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(2_000_000_000));
        let ca = issue_ca(&key, &name, lifetime, &mut random).unwrap();
        let issuer = Issuer::new(&ca, &key).unwrap();
        let certificates = (0..3)
            .map(|_| {
                let spki = key.subject_public_key_info();
                let der = issue_device_certificate(&issuer, spki, &name, lifetime, &mut random).unwrap();
                (sekisho_identity::PresentedCertificate::id_of(&der), der)
            })
            .collect();
        Self { registry: Registry::new(tenant()), history: Vec::new(), certificates, drawn: 0 }
    }

    pub(crate) fn id(&self, alias: &str) -> CertificateId {
        self.certificates[alias.trim_start_matches('#').parse::<usize>().unwrap()].0
    }

    /// The ARN a word stands for: `#0` is a certificate, `@g` a thing group, everything else itself.
    fn arn(&self, word: &str) -> String {
        match word.strip_prefix('@') {
            Some(name) => self.registry.thing_group_arn(&ThingGroupName::parse(name).unwrap()),
            None if word.starts_with('#') => self.registry.certificate_arn(self.id(word)),
            None => word.to_owned(),
        }
    }

    /// Runs one line. Answers `ok`, `ok, nothing happened`, what was asked for, or the error's variant and text.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let answer = match self.command(line) {
            Ok((events, answer)) => {
                let nothing = events.is_empty() && answer.is_empty() && !line.starts_with("list-");
                for event in events {
                    self.registry.apply(&event);
                    self.history.push(event);
                }
                match (answer.as_str(), nothing) {
                    ("", true) => "ok, nothing happened".to_owned(),
                    ("", false) if !line.starts_with("list-") => "ok".to_owned(),
                    _ => answer,
                }
            }
            Err(error) => {
                let debug = format!("{error:?}");
                let variant = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                format!("{variant}: {error}")
            }
        };
        self.certificates
            .iter()
            .enumerate()
            .fold(answer, |answer, (i, (id, _))| answer.replace(&id.to_string(), &format!("#{i}")))
    }

    fn command(&mut self, line: &str) -> Result<(Vec<Event>, String), RegistryError> {
        self.drawn = self.drawn.wrapping_add(1);
        let drawn = self.drawn;
        let mut random = move |out: &mut [u8]| out.fill(drawn);
        let now = NOW.plus(std::time::Duration::from_millis(self.history.len() as u64));
        let registry = &self.registry;
        let words: Vec<&str> = line.split_whitespace().collect();
        let rest = |from: usize| words.get(from..).unwrap_or_default();
        let has = |flag: &str| words.contains(&flag);
        let thing = |word: &str| ThingName::parse(word).map_err(RegistryError::from);
        let policy = |word: &str| PolicyName::parse(word).map_err(RegistryError::from);
        let rule = |word: &str| RuleName::parse(word).map_err(RegistryError::from);
        let unit = |(events, ()): (Vec<Event>, ())| (events, String::new());
        let answer = |text: String| Ok((Vec::new(), text));
        Ok(match words.as_slice() {
            ["create-thing", name, ..] => {
                let kind = option(rest(2), "type:", ThingTypeName::parse)?;
                let billing = option(rest(2), "billing:", BillingGroupName::parse)?;
                let (events, _) = registry.create_thing(thing(name)?, kind, pairs(rest(2)), billing, &mut random)?;
                (events, String::new())
            }
            ["update-thing", name, ..] => {
                let attributes = pairs(rest(2));
                let update = ThingUpdate {
                    attributes: (!attributes.is_empty() || has("none")).then_some(attributes),
                    merge: has("merge"),
                    thing_type_name: option(rest(2), "type:", ThingTypeName::parse)?,
                    remove_thing_type: has("untype"),
                    expected_version: expected(rest(2)),
                };
                unit(registry.update_thing(&thing(name)?, update)?)
            }
            ["delete-thing", name, ..] => unit(registry.delete_thing(&thing(name)?, expected(rest(2)))?),
            ["describe-thing", name] => {
                let found = registry.thing(&thing(name)?)?;
                return answer(format!("version {} {:?}", found.version, found.attributes));
            }
            ["list-things", ..] => {
                let filter = ThingFilter {
                    attribute_name: words.get(1).filter(|w| **w != "-").map(|w| (*w).to_owned()),
                    attribute_value: words.get(2).filter(|w| **w != "-").map(|w| (*w).to_owned()),
                    use_prefix: has("prefix"),
                    thing_type_name: option(rest(3), "type:", ThingTypeName::parse)?,
                };
                return answer(join(registry.things(&filter).map(|t| t.thing_name.to_string())));
            }
            ["issue", alias, ..] => {
                let der = &self.certificates[alias[1..].parse::<usize>().unwrap()].1;
                let (events, _) = registry.add_issued_certificate(now, der, has("active"), &mut random)?;
                (events, String::new())
            }
            ["register", alias, ..] => {
                let pem = match alias.strip_prefix('#') {
                    Some(n) => encode_pem(PEM_CERTIFICATE, &self.certificates[n.parse::<usize>().unwrap()].1),
                    None => (*alias).to_owned(),
                };
                let status = words.get(2).and_then(|word| CertificateStatus::parse(word));
                let at = if has("late") { Timestamp::from_seconds(2_600_000_000) } else { now };
                let (events, _) = registry.register_certificate_without_ca(at, &pem, status, &mut random)?;
                (events, String::new())
            }
            ["status", alias, status] => {
                unit(registry.update_certificate(now, self.id(alias), CertificateStatus::parse(status).unwrap())?)
            }
            ["delete-certificate", alias, ..] => unit(registry.delete_certificate(self.id(alias), has("force"))?),
            ["describe-certificate", alias] => {
                let found = registry.certificate(self.id(alias))?;
                return answer(format!("{} {}", found.status, found.certificate_mode.as_str()));
            }
            ["list-certificates"] => {
                return answer(join(registry.certificates().rev().map(|c| c.certificate_id.to_string())));
            }
            ["create-policy", name, topic] => {
                let (events, _) = registry.create_policy(now, policy(name)?, &text_of(topic), &mut random)?;
                (events, String::new())
            }
            ["create-policy-version", name, topic, ..] => {
                let (events, version) =
                    registry.create_policy_version(now, &policy(name)?, &text_of(topic), has("default"))?;
                (events, version.version_id.to_string())
            }
            ["set-default", name, version] => {
                unit(registry.set_default_policy_version(now, &policy(name)?, version.parse().unwrap())?)
            }
            ["delete-policy-version", name, version] => {
                unit(registry.delete_policy_version(now, &policy(name)?, version.parse().unwrap())?)
            }
            ["delete-policy", name] => unit(registry.delete_policy(&policy(name)?)?),
            ["list-policies"] => return answer(join(registry.policies().map(|p| p.policy_name.to_string()))),
            ["list-policy-versions", name] => {
                let found = registry.policy(&policy(name)?)?;
                return answer(join(found.versions.iter().rev().map(|version| {
                    let mark = if version.version_id == found.default_version_id { "*" } else { "" };
                    format!("{}{mark}", version.version_id)
                })));
            }
            ["attach-policy", name, target] => unit(registry.attach_policy(&policy(name)?, &self.arn(target))?),
            ["detach-policy", name, target] => unit(registry.detach_policy(&policy(name)?, &self.arn(target))?),
            ["list-attached-policies", target, ..] => {
                let found = registry.attached_policies(&self.arn(target), has("recursive"))?;
                return answer(join(found.iter().map(ToString::to_string)));
            }
            ["list-targets", name] => return answer(registry.targets_of_policy(&policy(name)?)?.join(" ")),
            ["attach-principal", name, principal, ..] => {
                let kind = if has("exclusive") {
                    ThingPrincipalType::ExclusiveThing
                } else {
                    ThingPrincipalType::NonExclusiveThing
                };
                unit(registry.attach_thing_principal(&thing(name)?, &self.arn(principal), kind)?)
            }
            ["detach-principal", name, principal] => {
                unit(registry.detach_thing_principal(&thing(name)?, &self.arn(principal))?)
            }
            ["list-thing-principals", name] => {
                let found = registry.principals_of_thing(&thing(name)?)?;
                return answer(join(found.iter().map(|(arn, kind)| format!("{arn} {}", kind.as_str()))));
            }
            ["list-principal-things", principal] => {
                let principal = self.arn(principal);
                let found = registry.things_of_principal(&principal)?;
                return answer(join(found.iter().map(|(name, kind)| format!("{name} {}", kind.as_str()))));
            }
            ["create-rule", name, ..] => unit(registry.create_topic_rule(now, rule(name)?, payload(line))?),
            ["replace-rule", name, ..] => unit(registry.replace_topic_rule(&rule(name)?, payload(line))?),
            ["disable-rule", name] => unit(registry.set_topic_rule_disabled(&rule(name)?, true)?),
            ["enable-rule", name] => unit(registry.set_topic_rule_disabled(&rule(name)?, false)?),
            ["delete-rule", name] => unit(registry.delete_topic_rule(&rule(name)?)?),
            ["list-rules"] => return answer(join(registry.topic_rules().map(|(r, _)| r.rule_name.to_string()))),
            ["list-rule-versions"] => {
                return answer(join(
                    registry.topic_rules().map(|(r, _)| format!("{}@{}", r.rule_name, r.replacements)),
                ));
            }
            ["list-enabled-rules"] => return answer(join(registry.rules().map(|(r, _)| r.rule_name.to_string()))),
            ["tag", arn, ..] => unit(registry.tag_resource(arn, pairs(rest(2)))?),
            ["untag", arn, key] => unit(registry.untag_resource(arn, vec![(*key).to_owned()])?),
            ["list-tags", arn] => return answer(format!("{:?}", registry.tags(arn)?)),
            ["endpoint"] => registry.ensure_endpoint_prefix(&mut random),
            _ => return self.group_command(now, &words, &mut random),
        })
    }

    /// The commands about thing types, thing groups and billing groups.
    fn group_command(
        &self,
        now: Timestamp,
        words: &[&str],
        random: &mut dyn sekisho_types::Random,
    ) -> Result<(Vec<Event>, String), RegistryError> {
        let registry = &self.registry;
        let rest = |from: usize| words.get(from..).unwrap_or_default();
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let has = |flag: &str| words.contains(&flag);
        let thing = |word: &str| ThingName::parse(word).map_err(RegistryError::from);
        let kind = |word: &str| ThingTypeName::parse(word).map_err(RegistryError::from);
        let group = |word: &str| ThingGroupName::parse(word).map_err(RegistryError::from);
        let billing = |word: &str| BillingGroupName::parse(word).map_err(RegistryError::from);
        let unit = |(events, ()): (Vec<Event>, ())| (events, String::new());
        let version = |(events, version): (Vec<Event>, u64)| (events, version.to_string());
        let answer = |text: String| Ok((Vec::new(), text));
        Ok(match words {
            ["create-type", name, ..] => {
                let (events, _) = registry.create_thing_type(now, kind(name)?, None, owned(rest(2)), random)?;
                (events, String::new())
            }
            ["update-type", name, ..] => {
                let update =
                    ThingTypeUpdate { searchable_attributes: Some(owned(rest(2))), ..ThingTypeUpdate::default() };
                unit(registry.update_thing_type(&kind(name)?, update)?)
            }
            ["describe-type", name] => {
                let found = registry.thing_type(&kind(name)?)?;
                let state = if found.deprecation_date.is_some() { "deprecated" } else { "in use" };
                return answer(format!("{state} {:?}", found.searchable_attributes));
            }
            ["list-types"] => return answer(join(registry.thing_types().map(|t| t.thing_type_name.to_string()))),
            ["deprecate-type", name, ..] => unit(registry.deprecate_thing_type(now, &kind(name)?, has("undo"))?),
            ["delete-type", name, ..] => {
                let at = if has("late") { now.plus(DELETE_AFTER_DEPRECATION) } else { now };
                unit(registry.delete_thing_type(at, &kind(name)?)?)
            }
            ["create-group", name, ..] => {
                let parent = option(rest(2), "in:", ThingGroupName::parse)?;
                let (events, _) =
                    registry.create_thing_group(now, group(name)?, parent, None, pairs(rest(2)), random)?;
                (events, String::new())
            }
            ["update-group", name, ..] => {
                let attributes = pairs(rest(2));
                let update = ThingGroupUpdate {
                    thing_group_description: None,
                    attributes: (!attributes.is_empty()).then_some(attributes),
                    merge: has("merge"),
                    expected_version: expected(rest(2)),
                };
                version(registry.update_thing_group(&group(name)?, update)?)
            }
            ["delete-group", name, ..] => unit(registry.delete_thing_group(&group(name)?, expected(rest(2)))?),
            ["describe-group", name] => {
                let found = registry.thing_group(&group(name)?)?;
                let mut above: Vec<_> = registry.ancestors(found).map(|g| g.thing_group_name.to_string()).collect();
                above.reverse();
                return answer(format!("version {} {:?} in {}", found.version, found.attributes, above.join(" ")));
            }
            ["list-groups", ..] => {
                let filter = ThingGroupFilter {
                    parent_group_name: option(rest(1), "in:", ThingGroupName::parse)?,
                    recursive: has("recursive"),
                    name_prefix: words.iter().find_map(|w| w.strip_prefix("prefix:")).unwrap_or_default().to_owned(),
                };
                let found = registry.thing_groups(&filter)?;
                return answer(join(found.map(|g| g.thing_group_name.to_string())));
            }
            ["add-to-group", name, to] => unit(registry.add_thing_to_group(&thing(name)?, &group(to)?)?),
            ["remove-from-group", name, from] => unit(registry.remove_thing_from_group(&thing(name)?, &group(from)?)?),
            ["regroup", name, ..] => {
                let all = |sign| rest(2).iter().filter_map(move |word| word.strip_prefix(sign)).map(group);
                let add = all('+').collect::<Result<Vec<_>, _>>()?;
                let remove = all('-').collect::<Result<Vec<_>, _>>()?;
                unit(registry.update_groups_of_thing(&thing(name)?, &add, &remove)?)
            }
            ["list-groups-of", name] => {
                return answer(join(registry.groups_of_thing(&thing(name)?)?.into_iter().map(ToString::to_string)));
            }
            ["list-things-in-group", name, ..] => {
                let found = registry.things_in_group(&group(name)?, has("recursive"))?;
                return answer(join(found.into_iter().map(ToString::to_string)));
            }
            ["create-billing-group", name, ..] => {
                let description = words.get(2).map(|word| (*word).to_owned());
                let (events, _) = registry.create_billing_group(now, billing(name)?, description, random)?;
                (events, String::new())
            }
            ["update-billing-group", name, at, description] => {
                let description = Some((*description).to_owned());
                version(registry.update_billing_group(&billing(name)?, description, expected(&[at]))?)
            }
            ["delete-billing-group", name, ..] => {
                unit(registry.delete_billing_group(&billing(name)?, expected(rest(2)))?)
            }
            ["describe-billing-group", name] => {
                let found = registry.billing_group(&billing(name)?)?;
                let description = found.billing_group_description.as_deref().unwrap_or_default();
                return answer(format!("version {} {description}", found.version));
            }
            ["list-billing-groups", ..] => {
                let found = registry.billing_groups(words.get(1).copied().unwrap_or_default());
                return answer(join(found.map(|g| g.billing_group_name.to_string())));
            }
            ["add-to-billing-group", name, to] => {
                unit(registry.add_thing_to_billing_group(&thing(name)?, &billing(to)?)?)
            }
            ["remove-from-billing-group", name, from] => {
                unit(registry.remove_thing_from_billing_group(&thing(name)?, &billing(from)?)?)
            }
            ["list-things-in-billing-group", name] => {
                let found = registry.things_in_billing_group(&billing(name)?)?;
                return answer(join(found.into_iter().map(ToString::to_string)));
            }
            other => unreachable!("no such command: {other:?}"),
        })
    }
}

/// Runs a table from an empty registry: citation, command, what it answers.
pub(crate) fn check(table: &[(&str, &str, &str)]) {
    let mut world = World::new();
    for (citation, command, answer) in table {
        assert_eq!(world.run(command), *answer, "{citation}: {command}");
    }
}

fn pairs(words: &[&str]) -> BTreeMap<String, String> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What follows a word's prefix, such as the name in `type:pump`.
fn option<N>(
    words: &[&str],
    prefix: &str,
    parse: fn(&str) -> Result<N, InvalidName>,
) -> Result<Option<N>, RegistryError> {
    let found = words.iter().find_map(|word| word.strip_prefix(prefix));
    Ok(found.map(parse).transpose()?)
}

fn expected(words: &[&str]) -> Option<u64> {
    words.iter().find_map(|word| word.strip_prefix('v')?.parse().ok())
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// A topic becomes a policy for it; what begins with a brace is a document already.
fn text_of(word: &str) -> String {
    if word.starts_with('{') { word.to_owned() } else { document(word) }
}

/// Everything after the rule's name is SQL.
fn payload(line: &str) -> serde_json::Value {
    let sql = line.splitn(3, ' ').nth(2).unwrap_or_default();
    serde_json::json!({ "sql": sql, "actions": [], "awsIotSqlVersion": "2016-03-23" })
}
