//! What a connection asks of the registry: who is this, what may it do, which thing is it, and whom does a change concern.
use std::collections::BTreeSet;
use std::sync::Arc;

use sekisho_identity::{DeviceIdentity, IdentityError};
use sekisho_policy::ThingContext;
use sekisho_rules::Program;
use sekisho_types::{AuthorizerName, CertificateId, PolicyName, ThingName, Timestamp};

use crate::{Event, PolicyTarget, Registry, Thing, ThingPrincipalType, TopicRule};

/// Whom an event concerns among those who are connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affected {
    /// Nobody.
    None,
    /// Connections of these certificates: identity, policies or thing have changed.
    Certificates(Vec<CertificateId>),
    /// The connection whose client id is this, if it has one: whether there is a thing of that name has changed, and the thing is
    /// attached to nobody.
    Client(ThingName),
    /// Connections that this authorizer has let in.
    Authorizer(AuthorizerName),
    /// Nobody, but messages from now on meet other rules.
    Rules,
}

impl Registry {
    /// Resolves a certificate whose private key the peer has proven to hold.
    ///
    /// # Errors
    /// [`IdentityError`], by its reason.
    pub fn identify(&self, certificate_id: CertificateId, now: Timestamp) -> Result<DeviceIdentity, IdentityError> {
        let record = match (self.certificates.get(&certificate_id), self.claim(certificate_id)) {
            (Some(certificate), _) => certificate.record(),
            (None, Some(claim)) => claim.record(),
            (None, None) => return Err(IdentityError::Unknown { certificate_id }),
        };
        DeviceIdentity::establish(certificate_id, &record, now)
    }

    /// The thing a certificate belongs to exclusively (iot dev guide: exclusive-thing).
    pub fn exclusive_thing_of(&self, certificate_id: CertificateId) -> Option<&ThingName> {
        self.thing_principals.of(&certificate_id).find_map(|(name, kind)| match kind {
            ThingPrincipalType::ExclusiveThing => Some(name),
            ThingPrincipalType::NonExclusiveThing => None,
        })
    }

    /// What policies may know of a device that names its thing (`x-amzn-iot-thingname`) and no client id; `None` if its certificate is
    /// not attached to that thing.
    pub fn thing_named(&self, certificate_id: CertificateId, thing_name: &ThingName) -> Option<ThingContext> {
        self.thing_principals.kind(&certificate_id, thing_name)?;
        let thing = self.things.get(thing_name)?;
        Some(ThingContext {
            thing_name: thing.thing_name.clone(),
            thing_type_name: thing.thing_type_name.as_ref().map(ToString::to_string),
            attributes: thing.attributes.clone(),
            is_attached: true,
        })
    }

    /// The thing a connection stands for, for policy variables: the one its certificate belongs to exclusively, else the one
    /// its client id names (iot dev guide: thing-policy-variables, exclusive-thing).
    ///
    /// A thing of that name to which the certificate is not attached is told too, as not attached; the policy engine lets it
    /// lend no name and no attribute.
    pub fn thing_of(&self, certificate_id: CertificateId, client_id: &str) -> Option<ThingContext> {
        let thing = match self.exclusive_thing_of(certificate_id) {
            Some(name) => self.things.get(name)?,
            None => self.things.get(client_id)?,
        };
        Some(ThingContext {
            thing_name: thing.thing_name.clone(),
            thing_type_name: thing.thing_type_name.as_ref().map(ToString::to_string),
            attributes: thing.attributes.clone(),
            is_attached: self.thing_principals.kind(&certificate_id, &thing.thing_name).is_some(),
        })
    }

    /// The rules that messages meet, by name, ascending.
    pub fn rules(&self) -> impl Iterator<Item = (&TopicRule, &Arc<Program>)> {
        let enabled = self.rules.values().filter(|held| !held.rule.rule_disabled());
        enabled.filter_map(|held| held.program.as_ref().map(|program| (&held.rule, program)))
    }

    /// Whom an event concerns, asked after it was applied.
    pub fn affected(&self, event: &Event) -> Affected {
        match event {
            Event::CertificateStatusChanged { certificate_id, .. }
            | Event::CertificateDeleted { certificate_id }
            | Event::CertificateTransferStarted { certificate_id, .. }
            | Event::ProvisioningClaimExpired { certificate_id }
            | Event::ThingPrincipalAttached { certificate_id, .. }
            | Event::ThingPrincipalDetached { certificate_id, .. }
            | Event::PolicyAttached { target: PolicyTarget::Certificate(certificate_id), .. }
            | Event::PolicyDetached { target: PolicyTarget::Certificate(certificate_id), .. } => {
                Affected::Certificates(vec![*certificate_id])
            }
            Event::PolicyDefaultVersionSet { policy_name, .. }
            | Event::PolicyVersionCreated { policy_name, set_as_default: true, .. } => self.holders_of(policy_name),
            Event::ThingUpdated { thing } => self.principals(&thing.thing_name),
            Event::TopicRulePut { .. } | Event::TopicRuleDeleted { .. } => Affected::Rules,
            // Attached to nobody, yet or any more: `IsAttached` is `false` where it had no value, or has none any more.
            Event::ThingCreated { thing: Thing { thing_name, .. } } | Event::ThingDeleted { thing_name } => {
                Affected::Client(thing_name.clone())
            }
            // New and therefore attached to nobody, or attached to nobody and therefore deleted.
            Event::CertificateRegistered { .. } | Event::PolicyCreated { .. } | Event::PolicyDeleted { .. } => {
                Affected::None
            }
            // Not in force.
            Event::PolicyVersionCreated { set_as_default: false, .. } | Event::PolicyVersionDeleted { .. } => {
                Affected::None
            }
            Event::PolicyAttached { target: PolicyTarget::ThingGroup(name), .. }
            | Event::PolicyDetached { target: PolicyTarget::ThingGroup(name), .. } => {
                some(self.certificates_below(name).into_iter())
            }
            Event::ThingGroupMemberAdded { thing_name, .. } | Event::ThingGroupMemberRemoved { thing_name, .. } => {
                self.principals(thing_name)
            }
            Event::ThingGroupDeleted { thing_group_name } => match &self.thing_group_left {
                Some((name, certificates)) if name == thing_group_name => some(certificates.iter().copied()),
                Some(_) | None => Affected::None,
            },
            // No policy variable tells of them, and new groups have no things.
            Event::ThingTypeCreated { .. }
            | Event::ThingTypeUpdated { .. }
            | Event::ThingTypeDeleted { .. }
            | Event::ThingGroupCreated { .. }
            | Event::ThingGroupUpdated { .. }
            | Event::BillingGroupCreated { .. }
            | Event::BillingGroupUpdated { .. }
            | Event::BillingGroupDeleted { .. }
            | Event::BillingGroupMemberSet { .. } => Affected::None,
            Event::IssuingCaSet { .. }
            | Event::PendingCaKeySet { .. }
            | Event::ServerCaSet { .. }
            | Event::EndpointPrefixSet { .. }
            | Event::Tagged { .. }
            | Event::Untagged { .. } => Affected::None,
            // None of these is asked when a connection is looked at again: a CA vouches once, at registration.
            Event::RegistrationCodeSet { .. }
            | Event::CaCertificatePut { .. }
            | Event::CaCertificateDeleted { .. }
            | Event::RevocationListBegun { .. }
            | Event::RevocationListExtended { .. }
            | Event::RevocationListTaken { .. }
            | Event::ProvisioningTemplatePut { .. }
            | Event::ProvisioningTemplateDeleted { .. }
            | Event::ProvisioningClaimAdded { .. }
            | Event::OwnershipTokenIssued { .. }
            | Event::OwnershipTokenSpent { .. }
            | Event::RegistrationTaskPut { .. }
            | Event::RegistrationTaskProgressed { .. }
            | Event::RegistrationTaskForgotten { .. }
            | Event::EventConfigurationsSet { .. }
            | Event::RoleAliasPut { .. }
            | Event::RoleAliasDeleted { .. }
            | Event::DestinationPut { .. }
            | Event::DestinationDeleted { .. }
            | Event::DefaultAuthorizerSet { .. } => Affected::None,
            Event::AuthorizerPut { authorizer } => Affected::Authorizer(authorizer.authorizer_name.clone()),
            Event::AuthorizerDeleted { authorizer_name } => Affected::Authorizer(authorizer_name.clone()),
        }
    }

    fn holders_of(&self, policy_name: &PolicyName) -> Affected {
        let holders: BTreeSet<_> = self
            .policy_targets
            .to(policy_name)
            .flat_map(|target| match target {
                PolicyTarget::Certificate(certificate_id) => vec![*certificate_id],
                PolicyTarget::ThingGroup(name) => self.certificates_below(name),
            })
            .collect();
        some(holders.into_iter())
    }

    fn principals(&self, thing_name: &ThingName) -> Affected {
        some(self.thing_principals.to(thing_name).copied())
    }
}

fn some(certificates: impl Iterator<Item = CertificateId>) -> Affected {
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() { Affected::None } else { Affected::Certificates(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, World};

    #[test]
    fn identities() {
        let mut world = World::new();
        let id = world.id("#0");
        assert_eq!(world.registry.identify(id, NOW), Err(IdentityError::Unknown { certificate_id: id }));
        world.run("issue #0");
        assert!(matches!(world.registry.identify(id, NOW), Err(IdentityError::NotActive { .. })));
        world.run("status #0 ACTIVE");
        assert_eq!(world.registry.identify(id, NOW).unwrap().certificate_id(), id);
        world.run("status #0 REVOKED");
        assert!(matches!(world.registry.identify(id, NOW), Err(IdentityError::NotActive { .. })));
    }

    #[test]
    #[rustfmt::skip]
    fn things_of_connections() {
        // citation                                              attached before          client id   thing and whether attached
        type Row = (&'static str, &'static [&'static str], &'static str, Option<(&'static str, bool)>);
        const TABLE: &[Row] = &[
            ("iot dev guide: thing-policy-variables",            &["a #0"],               "a", Some(("a", true))),
            ("iot dev guide: thing-policy-variables, IsAttached",&["a #1"],               "a", Some(("a", false))),
            ("iot dev guide: thing-policy-variables, no thing",  &["a #0"],               "c", None),
            ("iot dev guide: thing-policy-variables",            &["a #0", "b #0"],       "b", Some(("b", true))),
            ("iot dev guide: exclusive-thing, any client id",    &["a #0 exclusive"],     "c", Some(("a", true))),
            ("iot dev guide: exclusive-thing, before the name",  &["a #0 exclusive"],     "b", Some(("a", true))),
            ("iot: a client id that is no thing name",           &["a #0"],               "a/b#", None),
        ];
        for (citation, attached, client_id, expected) in TABLE {
            let mut world = World::new();
            for command in ["issue #0 active", "issue #1 active", "create-thing a site=x", "create-thing b"] {
                assert_eq!(world.run(command), "ok");
            }
            for pair in *attached {
                assert_eq!(world.run(&format!("attach-principal {pair}")), "ok");
            }
            let found = world.registry.thing_of(world.id("#0"), client_id);
            let seen = found.as_ref().map(|thing| (thing.thing_name.as_str(), thing.is_attached));
            assert_eq!(seen, *expected, "{citation}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn whom_an_event_concerns() {
        // #0 and #1 hold policy p, #0 belongs to thing a; q and b are held by nobody. Group plant holds policy n and has
        // group hall in it; a is in hall, b in yard.
        const TABLE: &[(&str, &[&str])] = &[
            ("status #0 INACTIVE",                  &["#0"]),
            ("issue #2 active",                     &[]),
            ("delete-certificate #2",               &["#2"]),
            ("create-policy m t",                   &[]),
            ("create-policy-version p t",           &[]),
            ("create-policy-version p t default",   &["#0", "#1"]),
            ("set-default p 1",                     &["#0", "#1"]),
            ("delete-policy-version p 2",           &[]),
            ("create-policy-version q t default",   &[]),
            ("attach-policy q #0",                  &["#0"]),
            ("detach-policy p #1",                  &["#1"]),
            ("delete-policy q",                     &[]),
            ("create-thing c",                      &["client c"]),
            ("update-thing a x=y",                  &["#0"]),
            ("update-thing a type:t",               &["#0"]),
            ("update-thing a untype",               &["#0"]),
            ("update-thing b type:t",               &[]),
            ("update-thing b x=y",                  &[]),
            ("attach-principal b #1",               &["#1"]),
            ("attach-principal b #1 exclusive",     &["#1"]),
            ("detach-principal a #0",               &["#0"]),
            ("delete-thing b",                      &["client b"]),
            ("create-rule r SELECT * FROM 'a'",     &["rules"]),
            ("disable-rule s",                      &["rules"]),
            ("delete-rule s",                       &["rules"]),
            ("tag arn:aws:iot:eu-north-1:000000000000:policy/p a=1", &[]),
            ("endpoint",                            &[]),
            ("attach-policy q @plant",              &["#0"]),
            ("attach-policy q @yard",               &[]),
            ("detach-policy n @plant",              &["#0"]),
            ("set-default n 1",                     &["#0"]),
            ("add-to-group a owner",                &["#0"]),
            ("add-to-group b owner",                &[]),
            ("regroup a -hall",                     &["#0"]),
            ("regroup b -yard +hall",               &[]),
            ("attach-policy q @hall",               &["#0"]),
            ("remove-from-group a hall",            &["#0"]),
            ("delete-group hall",                   &["#0"]),
            ("delete-group yard",                   &[]),
            ("update-group hall x=y",               &[]),
            ("create-group shed in:hall",           &[]),
            ("create-type u",                       &[]),
            ("deprecate-type t",                    &[]),
            ("create-billing-group x",              &[]),
        ];
        for (command, expected) in TABLE {
            let mut world = World::new();
            for command in [
                "issue #0 active", "issue #1 active", "create-policy p s", "create-policy q s", "create-thing a",
                "create-thing b", "attach-policy p #0", "attach-policy p #1", "attach-principal a #0",
                "create-rule s SELECT * FROM 'a'", "create-group plant", "create-group hall in:plant", "create-group yard",
                "create-group owner", "add-to-group a hall", "add-to-group b yard", "create-policy n s",
                "attach-policy n @plant", "create-type t",
            ] {
                assert_eq!(world.run(command), "ok");
            }
            match *command { // what must be there first
                "set-default p 1" => { world.run("create-policy-version p t default"); }
                "delete-policy-version p 2" => { world.run("create-policy-version p t"); }
                "set-default n 1" => { world.run("create-policy-version n t default"); }
                "delete-certificate #2" => { world.run("issue #2"); }
                "update-thing a untype" => { world.run("update-thing a type:t"); }
                _ => {}
            }
            let answer = world.run(command);
            assert!(!answer.contains(": "), "{command}: {answer}");
            let mut expected_ids: Vec<_> = expected.iter().filter(|w| w.starts_with('#')).map(|w| world.id(w)).collect();
            expected_ids.sort();
            let expected = match *expected {
                [] => Affected::None,
                ["rules"] => Affected::Rules,
                [client] if client.starts_with("client ") => {
                    Affected::Client(ThingName::parse(client.trim_start_matches("client ")).unwrap())
                }
                _ => Affected::Certificates(expected_ids),
            };
            let event = world.history.last().unwrap();
            assert_eq!(world.registry.affected(event), expected, "{command}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn policies_through_thing_groups() {
        // #0 holds own and belongs to a and b; hall is in plant.         citation, then what happens, then the policies of #0
        const TABLE: &[(&str, &[&str], &str)] = &[
            ("iot dev guide: thing-groups",                      &["add-to-group a hall"],                          "line own"),
            ("iot dev guide: thing-groups, inherited",           &["attach-policy top @plant"],                     "line own top"),
            ("iot dev guide: thing-groups, each once",           &["attach-policy top #0", "add-to-group b plant"],  "line own top"),
            ("iot: the group's version in force",                &["create-policy-version top else default"],       "line own top"),
            ("iot: still its own",                               &["detach-policy top @plant"],                     "line own top"),
            ("iot: neither",                                     &["detach-policy top #0"],                         "line own"),
            ("iot: a thing leaves its group",                    &["remove-from-group a hall"],                     "own"),
            ("iot: another of its things",                       &["regroup b -plant +hall"],                       "line own"),
            ("iot: the certificate leaves the thing",            &["detach-principal b #0"],                        "own"),
            ("iot: and is back",                                 &["attach-principal b #0"],                        "line own"),
            ("iot dev guide: thing-groups, a deleted group",     &["delete-group hall"],                            "own"),
        ];
        let mut world = World::new();
        for command in [
            "issue #0 active", "create-thing a", "create-thing b", "attach-principal a #0", "attach-principal b #0",
            "create-policy own t", "create-policy line t", "create-policy top t", "attach-policy own #0",
            "create-group plant", "create-group hall in:plant", "attach-policy line @hall",
        ] {
            assert_eq!(world.run(command), "ok", "{command}");
        }
        for (citation, commands, expected) in TABLE {
            for command in *commands {
                let answer = world.run(command);
                assert!(!answer.contains(": "), "{citation}: {command}: {answer}");
            }
            let policies = world.registry.policies_of(world.id("#0"), None);
            let names: Vec<_> = policies.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names.join(" "), *expected, "{citation}");
        }
    }

    #[test]
    fn policies_follow_the_version_in_force() {
        let mut world = World::new();
        let id = world.id("#0");
        let text = |world: &World| format!("{:?}", world.registry.policies_of(id, None));
        for command in ["issue #0 active", "create-policy p first", "attach-policy p #0"] {
            assert_eq!(world.run(command), "ok");
        }
        assert!(text(&world).contains("first"));
        world.run("create-policy-version p second");
        assert!(text(&world).contains("first"));
        world.run("set-default p 2");
        assert!(text(&world).contains("second") && !text(&world).contains("first"));
        world.run("detach-policy p #0");
        assert!(!text(&world).contains("second"));
    }
}
