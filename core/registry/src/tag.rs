//! Tags: what an operator writes on a resource for an operator to read.
use std::collections::BTreeMap;

use sekisho_types::{
    AuthorizerName, BillingGroupName, CertificateId, PolicyName, RoleAliasName, RuleName, ThingGroupName, ThingTypeName,
};

use crate::{Event, Registry, RegistryError};

/// AWS's limit on tags of one resource.
pub const TAGS_PER_RESOURCE_MAX: usize = 50;

impl Registry {
    /// `ListTagsForResource`: by key, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], or [`RegistryError::InvalidRequest`] for what bears no tags.
    pub fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, RegistryError> {
        self.check_taggable(arn)?;
        Ok(self.tags.get(arn).cloned().unwrap_or_default())
    }

    /// `TagResource`: adds tags, or gives the ones that are there other values.
    ///
    /// # Errors
    /// As [`Registry::tags`], and [`RegistryError::LimitExceeded`] for more than fifty.
    pub fn tag_resource(&self, arn: &str, tags: BTreeMap<String, String>) -> Result<(Vec<Event>, ()), RegistryError> {
        self.check_taggable(arn)?;
        self.tagged(arn, tags).map(|events| (events, ()))
    }

    /// The tags a create operation brings along for the resource it is about to make.
    ///
    /// # Errors
    /// [`RegistryError::LimitExceeded`] for more than fifty.
    pub fn tagged(&self, arn: &str, tags: BTreeMap<String, String>) -> Result<Vec<Event>, RegistryError> {
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let present = self.tags.get(arn);
        let kept = present.map_or(0, |present| present.keys().filter(|key| !tags.contains_key(*key)).count());
        if kept + tags.len() > TAGS_PER_RESOURCE_MAX {
            let message = format!("A resource can have at most {TAGS_PER_RESOURCE_MAX} tags");
            return Err(RegistryError::LimitExceeded(message));
        }
        Ok(vec![Event::Tagged { arn: arn.to_owned(), tags }])
    }

    /// `UntagResource`. A key that is not there is no error.
    ///
    /// # Errors
    /// As [`Registry::tags`].
    pub fn untag_resource(&self, arn: &str, keys: Vec<String>) -> Result<(Vec<Event>, ()), RegistryError> {
        self.check_taggable(arn)?;
        Ok((vec![Event::Untagged { arn: arn.to_owned(), keys }], ()))
    }

    /// AWS tags policies, rules, thing types, groups, CAs, role aliases, authorizers and templates; things and device certificates bear no tags there.
    fn check_taggable(&self, arn: &str) -> Result<(), RegistryError> {
        let resource = self.tenant.resource_of("iot", arn).and_then(|resource| resource.split_once('/'));
        match resource {
            Some(("policy", name)) => self.policy(&PolicyName::parse(name)?).map(drop),
            Some(("rule", name)) => self.topic_rule(&RuleName::parse(name)?).map(drop),
            Some(("thingtype", name)) => self.thing_type(&ThingTypeName::parse(name)?).map(drop),
            Some(("thinggroup", name)) => self.thing_group(&ThingGroupName::parse(name)?).map(drop),
            Some(("billinggroup", name)) => self.billing_group(&BillingGroupName::parse(name)?).map(drop),
            Some(("cacert", id)) => self.ca_certificate(CertificateId::parse(id)?).map(drop),
            Some(("rolealias", name)) => self.role_alias(&RoleAliasName::parse(name)?).map(drop),
            Some(("authorizer", name)) => self.authorizer(&AuthorizerName::parse(name)?).map(drop),
            Some(("provisioningtemplate", name)) => self.provisioning_template(name).map(drop),
            Some(_) | None => Err(RegistryError::InvalidRequest(format!("{arn} is not a resource that can be tagged"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    const P: &str = "arn:aws:iot:eu-north-1:000000000000:policy/p";

    #[test]
    #[rustfmt::skip] // citation                                          command                                                                 answer
    fn tags() { check(&[
        ("iot TagResource: ResourceNotFoundException",                    "tag arn:aws:iot:eu-north-1:000000000000:policy/p a=1",                 "NotFound: Policy p not found"),
        ("iot TagResource",                                               "create-policy p a",                                                    "ok"),
        ("iot ListTagsForResource: none",                                 "list-tags arn:aws:iot:eu-north-1:000000000000:policy/p",               "{}"),
        ("iot TagResource",                                               "tag arn:aws:iot:eu-north-1:000000000000:policy/p a=1 b=2",             "ok"),
        ("iot TagResource: another value",                                "tag arn:aws:iot:eu-north-1:000000000000:policy/p a=3",                 "ok"),
        ("iot ListTagsForResource",                                       "list-tags arn:aws:iot:eu-north-1:000000000000:policy/p",               "{\"a\": \"3\", \"b\": \"2\"}"),
        ("iot UntagResource",                                             "untag arn:aws:iot:eu-north-1:000000000000:policy/p a",                 "ok"),
        ("iot ListTagsForResource",                                       "list-tags arn:aws:iot:eu-north-1:000000000000:policy/p",               "{\"b\": \"2\"}"),
        ("iot: a resource made again has no tags",                        "delete-policy p",                                                      "ok"),
        ("iot: a resource made again has no tags",                        "create-policy p a",                                                    "ok"),
        ("iot: a resource made again has no tags",                        "list-tags arn:aws:iot:eu-north-1:000000000000:policy/p",               "{}"),
        ("iot dev guide: tagging-iot, which resources",                   "list-tags arn:aws:iot:eu-north-1:000000000000:cert/0",                 "InvalidRequest: arn:aws:iot:eu-north-1:000000000000:cert/0 is not a resource that can be tagged"),
        ("iot TagResource: another account",                              "tag arn:aws:iot:eu-north-1:111111111111:policy/p a=1",                 "InvalidRequest: arn:aws:iot:eu-north-1:111111111111:policy/p is not a resource that can be tagged"),
    ]) }

    #[test]
    #[rustfmt::skip] // citation                                          command                                                                 answer
    fn tags_of_types_and_groups() { check(&[
        ("iot TagResource: ResourceNotFoundException",                    "tag arn:aws:iot:eu-north-1:000000000000:thingtype/t a=1",              "NotFound: Thing type t not found"),
        ("iot TagResource: ResourceNotFoundException",                    "tag arn:aws:iot:eu-north-1:000000000000:thinggroup/g a=1",             "NotFound: Thing group g not found"),
        ("iot TagResource: ResourceNotFoundException",                    "tag arn:aws:iot:eu-north-1:000000000000:billinggroup/b a=1",           "NotFound: Billing group b not found"),
        ("iot TagResource: thing types",                                  "create-type t",                                                        "ok"),
        ("iot TagResource: thing types",                                  "tag arn:aws:iot:eu-north-1:000000000000:thingtype/t a=1",              "ok"),
        ("iot TagResource: thing types",                                  "list-tags arn:aws:iot:eu-north-1:000000000000:thingtype/t",            "{\"a\": \"1\"}"),
        ("iot: a type made again has no tags",                            "deprecate-type t",                                                     "ok"),
        ("iot: a type made again has no tags",                            "delete-type t late",                                                   "ok"),
        ("iot: a type made again has no tags",                            "create-type t",                                                        "ok"),
        ("iot: a type made again has no tags",                            "list-tags arn:aws:iot:eu-north-1:000000000000:thingtype/t",            "{}"),
        ("iot TagResource: thing groups",                                 "create-group g",                                                       "ok"),
        ("iot TagResource: thing groups",                                 "tag arn:aws:iot:eu-north-1:000000000000:thinggroup/g a=1",             "ok"),
        ("iot: a group made again has no tags",                           "delete-group g",                                                       "ok"),
        ("iot: a group made again has no tags",                           "create-group g",                                                       "ok"),
        ("iot: a group made again has no tags",                           "list-tags arn:aws:iot:eu-north-1:000000000000:thinggroup/g",           "{}"),
        ("iot TagResource: billing groups",                               "create-billing-group b",                                               "ok"),
        ("iot TagResource: billing groups",                               "tag arn:aws:iot:eu-north-1:000000000000:billinggroup/b a=1",           "ok"),
        ("iot: a billing group made again has no tags",                   "delete-billing-group b",                                               "ok"),
        ("iot: a billing group made again has no tags",                   "create-billing-group b",                                               "ok"),
        ("iot: a billing group made again has no tags",                   "list-tags arn:aws:iot:eu-north-1:000000000000:billinggroup/b",         "{}"),
    ]) }

    #[test]
    fn fifty_tags_fit() {
        let mut world = World::new();
        world.run("create-policy p a");
        let fifty: String = (0..50).map(|n| format!(" k{n}=v")).collect();
        assert_eq!(world.run(&format!("tag {P}{fifty}")), "ok", "aws tagging: 50 tags a resource");
        assert_eq!(world.run(&format!("tag {P} k7=w")), "ok", "aws tagging: another value is no further tag");
        assert_eq!(world.run(&format!("tag {P} k50=v")), "LimitExceeded: A resource can have at most 50 tags");
    }
}
