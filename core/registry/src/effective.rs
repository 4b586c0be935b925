//! Which policies speak for whom, and what they may know: asked by a connection, and by who wants to know beforehand.
use std::collections::BTreeSet;
use std::sync::Arc;

use sekisho_identity::PresentedCertificate;
use sekisho_policy::{CertificateVariables, Context, PolicySet};
use sekisho_types::{CertificateId, ClientId, PolicyName, ThingName, Timestamp};

use crate::{Policy, PolicyTarget, Registry, RegistryError};

impl Registry {
    /// The policies that speak for a certificate, each once and in the version in force: its own, and those of the thing
    /// groups its thing is in, and of the groups above. Of its things that is the one its client id names (iot dev guide:
    /// iot-policies, "the clientId and the thing name must match"), or the one it belongs to exclusively; without a client id, as
    /// over HTTP, all of them. Cheap: documents are compiled once.
    pub fn policies_of(&self, certificate_id: CertificateId, client_id: Option<&ClientId>) -> PolicySet {
        if let Some(held) = self.claims.get(&certificate_id) {
            return held.policies.clone();
        }
        self.in_force(self.policy_names_of(certificate_id, client_id))
    }

    /// What policies may know of a certificate and of the client it connects as. Where it comes from, and how, is for the caller
    /// to add. The certificate is taken apart only for `policies` that ask for it.
    pub fn context_of(
        &self,
        now: Timestamp,
        certificate_id: CertificateId,
        client_id: Option<&ClientId>,
        policies: &PolicySet,
    ) -> Context {
        let mut context = Context::new(self.tenant.clone());
        context.now = Some(now);
        context.certificate_id = Some(certificate_id);
        context.client_id = client_id.cloned();
        context.thing = client_id.and_then(|client_id| self.thing_of(certificate_id, client_id.as_str()));
        if policies.asks_for_certificate() {
            context.certificate = self.certificate_variables(certificate_id).map(Arc::new);
        }
        context
    }

    /// `GetEffectivePolicies`, by name, ascending: of a certificate, those of [`Registry::policies_of`]; of a thing, those every
    /// certificate of it has through the thing; of a thing group, its own and those of the groups above. A certificate that is
    /// not attached to the thing has nothing through it.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for who is not there; [`RegistryError::InvalidRequest`] for a principal that can be none, and
    /// for nobody.
    pub fn effective_policies(
        &self,
        principal: Option<&str>,
        thing_name: Option<&ThingName>,
    ) -> Result<Vec<&Policy>, RegistryError> {
        let thing = thing_name.map(|name| self.thing(name)).transpose()?;
        let names = match (principal, thing) {
            (None, None) => {
                return Err(RegistryError::InvalidRequest("Either a principal or a thing name is needed".to_owned()));
            }
            (None, Some(thing)) => self.policy_names_through([&thing.thing_name].into_iter()),
            (Some(principal), _) => match self.certificate_of_arn(principal) {
                Some(certificate_id) => {
                    self.certificate(certificate_id)?;
                    self.policy_names_of(certificate_id, None)
                }
                None => self.attached_policies(principal, true)?,
            },
        };
        Ok(names.into_iter().filter_map(|name| self.policies.get(name)).map(|held| &held.policy).collect())
    }

    /// `TestAuthorization`: the policies of a certificate, as a client with this id, as if `add` were attached to it and `skip` were not.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a certificate or policy that is not there.
    pub fn policies_as_if(
        &self,
        certificate_id: Option<CertificateId>,
        client_id: Option<&ClientId>,
        add: &[PolicyName],
        skip: &[PolicyName],
    ) -> Result<PolicySet, RegistryError> {
        let mut names = BTreeSet::new();
        if let Some(certificate_id) = certificate_id {
            self.certificate(certificate_id)?;
            names = self.policy_names_of(certificate_id, client_id);
        }
        for name in add {
            names.insert(&self.policy(name)?.policy_name);
        }
        for name in skip {
            self.policy(name)?;
            names.remove(name);
        }
        Ok(self.in_force(names))
    }

    fn in_force(&self, names: BTreeSet<&PolicyName>) -> PolicySet {
        let held = names.into_iter().filter_map(|name| self.policies.get(name));
        PolicySet::new(held.map(|held| (held.policy.policy_name.clone(), Arc::clone(&held.in_force))).collect())
    }

    fn policy_names_of(&self, certificate_id: CertificateId, client_id: Option<&ClientId>) -> BTreeSet<&PolicyName> {
        let speaks = |thing: &ThingName| match (self.exclusive_thing_of(certificate_id), client_id) {
            (Some(exclusive), _) => exclusive == thing,
            (None, Some(client_id)) => thing.as_str() == client_id.as_str(),
            (None, None) => true,
        };
        let things = self.thing_principals.of(&certificate_id).map(|(thing, _)| thing);
        let mut names = self.policy_names_through(things.filter(|thing| speaks(thing)));
        names.extend(self.policy_targets.of(&PolicyTarget::Certificate(certificate_id)).map(|(name, ())| name));
        names
    }

    /// Those of the groups the things are in, and of the groups above.
    fn policy_names_through<'a>(&'a self, things: impl Iterator<Item = &'a ThingName>) -> BTreeSet<&'a PolicyName> {
        let groups = self.groups_of_things(things).into_iter().cloned().map(PolicyTarget::ThingGroup);
        let mut names = BTreeSet::new();
        for target in groups {
            names.extend(self.policy_targets.of(&target).map(|(name, ())| name));
        }
        names
    }

    /// What a registered certificate says. A claim has the policy we gave it, which does not ask.
    fn certificate_variables(&self, certificate_id: CertificateId) -> Option<CertificateVariables> {
        let presented = PresentedCertificate::parse(&self.certificates.get(&certificate_id)?.der).ok()?;
        Some(CertificateVariables::of(&presented))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, World};

    /// #0 holds own and belongs to a and b, #1 to nothing; a is in hall, which is in plant, which holds top.
    fn world() -> World {
        let mut world = World::new();
        for command in [
            "issue #0 active",
            "issue #1 active",
            "create-thing a site=x",
            "create-thing b",
            "create-thing c",
            "attach-principal a #0",
            "attach-principal b #0",
            "create-policy own t",
            "create-policy line t",
            "create-policy top t",
            "create-policy spare t",
            "attach-policy own #0",
            "create-group plant",
            "create-group hall in:plant",
            "add-to-group a hall",
            "attach-policy line @hall",
            "attach-policy top @plant",
        ] {
            assert_eq!(world.run(command), "ok", "{command}");
        }
        world
    }

    #[test]
    fn a_groups_policies_are_for_the_client_that_has_its_things_name() {
        let mut world = world();
        let id = world.id("#0");
        let names = |world: &World, client_id: Option<&str>| {
            let client_id = client_id.map(|text| ClientId::parse(text).unwrap());
            let policies = world.registry.policies_of(id, client_id.as_ref());
            policies.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(" ")
        };
        let all = names(&world, None);
        assert_eq!((names(&world, Some("a")), names(&world, Some("somebody"))), (all.clone(), "own".to_owned()));
        assert_eq!(names(&world, Some("b")), "own", "attached, and in no group");
        for command in ["detach-principal a #0", "detach-principal b #0", "attach-principal a #0 exclusive"] {
            assert_eq!(world.run(command), "ok", "{command}");
        }
        assert_eq!(names(&world, Some("somebody")), all, "it is of one thing alone");
    }

    #[test]
    fn effective() {
        let world = world();
        let arn = |alias: &str| world.registry.certificate_arn(world.id(alias));
        let group = |name: &str| format!("arn:aws:iot:eu-north-1:000000000000:thinggroup/{name}");
        #[rustfmt::skip] // principal                        thing       policies
        let table = [
            (Some(arn("#0")),                                None,       "line own top"),
            (Some(arn("#0")),                                Some("a"),  "line own top"),
            (Some(arn("#1")),                                None,       ""),
            (Some(arn("#1")),                                Some("a"),  ""), // not attached to it
            (None,                                           Some("a"),  "line top"),
            (None,                                           Some("b"),  ""),
            (Some(group("hall")),                            None,       "line top"),
            (Some(group("plant")),                           None,       "top"),
            (None,                                           None,       "InvalidRequest"),
            (None,                                           Some("x"),  "NotFound"),
            (Some(arn("#2")),                                None,       "NotFound"),
            (Some(group("yard")),                            None,       "NotFound"),
            (Some("eu-north-1:some-cognito-identity".into()), None,      "InvalidRequest"),
        ];
        for (principal, thing, expected) in table {
            let name = thing.map(|name| ThingName::parse(name).unwrap());
            let seen = match world.registry.effective_policies(principal.as_deref(), name.as_ref()) {
                Ok(found) => found.iter().map(|policy| policy.policy_name.as_str()).collect::<Vec<_>>().join(" "),
                Err(error) => format!("{error:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
            };
            assert_eq!(seen, expected, "{principal:?} {thing:?}");
        }
    }

    #[test]
    fn as_if() {
        type Row<'a> = (Option<&'a str>, &'a [&'a str], &'a [&'a str], &'a str);
        let world = world();
        let names = |names: &[&str]| names.iter().map(|name| PolicyName::parse(name).unwrap()).collect::<Vec<_>>();
        #[rustfmt::skip] // of          added                  skipped        policies
        let table: [Row<'_>; 8] = [
            (Some("#0"),    &[],                   &[],           "line own top"),
            (Some("#0"),    &["spare", "own"],     &["line"],     "own spare top"),
            (Some("#0"),    &["spare"],            &["spare"],    "line own top"), // skipped whoever brings it
            (None,          &["spare"],            &[],           "spare"),
            (None,          &[],                   &[],           ""),
            (Some("#2"),    &[],                   &[],           "Certificate #2 not found"),
            (Some("#0"),    &["x"],                &[],           "Policy x not found"),
            (Some("#0"),    &[],                   &["x"],        "Policy x not found"),
        ];
        for (of, add, skip, expected) in table {
            let id = of.map(|alias| world.id(alias));
            let seen = match world.registry.policies_as_if(id, None, &names(add), &names(skip)) {
                Ok(found) => found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" "),
                Err(error) => error.to_string().replace(&world.id("#2").to_string(), "#2"),
            };
            assert_eq!(seen, expected, "{of:?} + {add:?} - {skip:?}");
        }
    }

    #[test]
    fn what_policies_may_know() {
        let mut world = world();
        let id = world.id("#0");
        let client_id = ClientId::parse("a").unwrap();
        let told = |world: &World, name: &str| {
            let policies = world.registry.policies_of(id, None);
            let context = world.registry.context_of(NOW, id, Some(&client_id), &policies);
            context.variable(name).map(std::borrow::Cow::into_owned)
        };
        let own_name = "iot:Certificate.Subject.CommonName";
        #[rustfmt::skip] // variable                          value
        let table = [
            ("iot:ClientId",                                  Some("a".to_owned())),
            ("iot:CertificateId",                             Some(id.to_string())),
            ("iot:Connection.Thing.Attributes[site]",         Some("x".to_owned())),
            ("aws:CurrentTime",                               Some(NOW.to_string())),
            ("aws:SourceIp",                                  None),
            (own_name,                                        None), // nobody asks for it
        ];
        for (name, expected) in table {
            assert_eq!(told(&world, name), expected, "{name}");
        }
        let document = format!("create-policy-version own ${{{own_name}}} default");
        assert!(!world.run(&document).contains(": "));
        assert_eq!(told(&world, own_name).as_deref(), Some("test"));
        let http = world.registry.context_of(NOW, id, None, &world.registry.policies_of(id, None));
        assert!(http.thing.is_none() && http.client_id.is_none() && http.certificate.is_some());
    }
}
