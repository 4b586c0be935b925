//! Billing groups: labels that say who pays for a thing. A thing has at most one.
use sekisho_types::{BillingGroupName, Random, ThingName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::check_version;
use crate::registry::uuid;
use crate::{Event, Registry, RegistryError, Resource};

/// A billing group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingGroup {
    /// Its name.
    pub billing_group_name: BillingGroupName,
    /// A UUID that outlives nothing: a group made again under the same name has another.
    pub billing_group_id: String,
    /// For people.
    #[serde(default)]
    pub billing_group_description: Option<String>,
    /// 1 at first, one more with each update.
    pub version: u64,
    /// When it was made.
    pub creation_date: Timestamp,
}

impl Registry {
    /// A billing group by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn billing_group(&self, billing_group_name: &BillingGroupName) -> Result<&BillingGroup, RegistryError> {
        let found = self.billing_groups.get(billing_group_name);
        found.ok_or_else(|| RegistryError::not_found(Resource::BillingGroup, billing_group_name))
    }

    /// All billing groups whose names begin so, by name, ascending.
    pub fn billing_groups<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a BillingGroup> {
        self.billing_groups.values().filter(move |group| group.billing_group_name.as_str().starts_with(prefix))
    }

    /// `arn:aws:iot:<region>:<account>:billinggroup/<name>`.
    pub fn billing_group_arn(&self, billing_group_name: &BillingGroupName) -> String {
        self.tenant.arn("iot", format_args!("billinggroup/{billing_group_name}"))
    }

    /// The billing group of a thing, if it has one.
    pub fn billing_group_of_thing(&self, thing_name: &ThingName) -> Option<&BillingGroupName> {
        self.billing_group_members.of(thing_name).next().map(|(name, ())| name)
    }

    /// `CreateBillingGroup`. The same group again is no error and changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`] if it exists with another description.
    pub fn create_billing_group(
        &self,
        now: Timestamp,
        billing_group_name: BillingGroupName,
        billing_group_description: Option<String>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, BillingGroup), RegistryError> {
        if let Some(existing) = self.billing_groups.get(&billing_group_name) {
            if existing.billing_group_description == billing_group_description {
                return Ok((Vec::new(), existing.clone()));
            }
            return Err(RegistryError::AlreadyExists {
                message: format!(
                    "Billing group {billing_group_name} already exists in account with different properties"
                ),
                resource_id: existing.billing_group_id.clone(),
                resource_arn: self.billing_group_arn(&billing_group_name),
            });
        }
        let billing_group = BillingGroup {
            billing_group_name,
            billing_group_id: uuid(random),
            billing_group_description,
            version: 1,
            creation_date: now,
        };
        Ok((vec![Event::BillingGroupCreated { billing_group: billing_group.clone() }], billing_group))
    }

    /// `UpdateBillingGroup`: the new version. Without a description it stays as it is.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::VersionConflict`].
    pub fn update_billing_group(
        &self,
        billing_group_name: &BillingGroupName,
        billing_group_description: Option<String>,
        expected_version: Option<u64>,
    ) -> Result<(Vec<Event>, u64), RegistryError> {
        let mut billing_group = self.billing_group(billing_group_name)?.clone();
        check_version("billing group", &billing_group.billing_group_name, billing_group.version, expected_version)?;
        if billing_group_description.is_some() {
            billing_group.billing_group_description = billing_group_description;
        }
        billing_group.version += 1;
        let version = billing_group.version;
        Ok((vec![Event::BillingGroupUpdated { billing_group }], version))
    }

    /// `DeleteBillingGroup`. A group that does not exist is no error; things that were in it are in none.
    ///
    /// # Errors
    /// [`RegistryError::VersionConflict`].
    pub fn delete_billing_group(
        &self,
        billing_group_name: &BillingGroupName,
        expected_version: Option<u64>,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let Some(group) = self.billing_groups.get(billing_group_name) else { return Ok((Vec::new(), ())) };
        check_version("billing group", &group.billing_group_name, group.version, expected_version)?;
        Ok((vec![Event::BillingGroupDeleted { billing_group_name: billing_group_name.clone() }], ()))
    }

    /// `AddThingToBillingGroup`: out of the group it was in. In it already is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing or the group.
    pub fn add_thing_to_billing_group(
        &self,
        thing_name: &ThingName,
        billing_group_name: &BillingGroupName,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.thing(thing_name)?;
        self.billing_group(billing_group_name)?;
        if self.billing_group_of_thing(thing_name) == Some(billing_group_name) {
            return Ok((Vec::new(), ()));
        }
        let (thing_name, billing_group_name) = (thing_name.clone(), Some(billing_group_name.clone()));
        Ok((vec![Event::BillingGroupMemberSet { thing_name, billing_group_name }], ()))
    }

    /// `RemoveThingFromBillingGroup`. Not in it is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing or the group.
    pub fn remove_thing_from_billing_group(
        &self,
        thing_name: &ThingName,
        billing_group_name: &BillingGroupName,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.thing(thing_name)?;
        self.billing_group(billing_group_name)?;
        if self.billing_group_of_thing(thing_name) != Some(billing_group_name) {
            return Ok((Vec::new(), ()));
        }
        let (thing_name, billing_group_name) = (thing_name.clone(), None);
        Ok((vec![Event::BillingGroupMemberSet { thing_name, billing_group_name }], ()))
    }

    /// `ListThingsInBillingGroup`: names, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the group.
    pub fn things_in_billing_group(
        &self,
        billing_group_name: &BillingGroupName,
    ) -> Result<Vec<&ThingName>, RegistryError> {
        self.billing_group(billing_group_name)?;
        Ok(self.billing_group_members.to(billing_group_name).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn billing_groups() { check(&[
        ("iot CreateBillingGroup",                                        "create-billing-group x text",           "ok"),
        ("iot CreateBillingGroup: same configuration succeeds",           "create-billing-group x text",           "ok, nothing happened"),
        ("iot CreateBillingGroup: different configuration",               "create-billing-group x other",          "AlreadyExists: Billing group x already exists in account with different properties"),
        ("iot CreateBillingGroup",                                        "create-billing-group y",                "ok"),
        ("iot ListBillingGroups",                                         "list-billing-groups",                   "x y"),
        ("iot ListBillingGroups: namePrefixFilter",                       "list-billing-groups y",                 "y"),
        ("iot UpdateBillingGroup: expectedVersion",                       "update-billing-group x v2 other",       "VersionConflict: The version for billing group x does not match the expected version."),
        ("iot UpdateBillingGroup",                                        "update-billing-group x v1 other",       "2"),
        ("iot UpdateBillingGroup: ResourceNotFoundException",             "update-billing-group z v1 other",       "NotFound: Billing group z not found"),
        ("iot DescribeBillingGroup",                                      "describe-billing-group x",              "version 2 other"),
        ("iot CreateThing: billingGroupName",                             "create-thing a billing:z",              "NotFound: Billing group z not found"),
        ("iot CreateThing: billingGroupName",                             "create-thing a billing:x",              "ok"),
        ("iot CreateThing: same configuration succeeds",                  "create-thing a billing:x",              "ok, nothing happened"),
        ("iot CreateThing: different configuration",                      "create-thing a billing:y",              "AlreadyExists: Thing a already exists in account with different attributes"),
        ("iot AddThingToBillingGroup",                                    "create-thing b",                        "ok"),
        ("iot AddThingToBillingGroup",                                    "add-to-billing-group b x",              "ok"),
        ("iot AddThingToBillingGroup: again",                             "add-to-billing-group b x",              "ok, nothing happened"),
        ("iot AddThingToBillingGroup: ResourceNotFoundException",         "add-to-billing-group c x",              "NotFound: Thing c not found"),
        ("iot AddThingToBillingGroup: ResourceNotFoundException",         "add-to-billing-group b z",              "NotFound: Billing group z not found"),
        ("iot ListThingsInBillingGroup",                                  "list-things-in-billing-group x",        "a b"),
        ("iot dev guide: billing-groups, one a thing",                    "add-to-billing-group b y",              "ok"),
        ("iot dev guide: billing-groups, one a thing",                    "list-things-in-billing-group x",        "a"),
        ("iot dev guide: billing-groups, one a thing",                    "list-things-in-billing-group y",        "b"),
        ("iot RemoveThingFromBillingGroup: not in it",                    "remove-from-billing-group b x",         "ok, nothing happened"),
        ("iot RemoveThingFromBillingGroup",                               "remove-from-billing-group b y",         "ok"),
        ("iot ListThingsInBillingGroup",                                  "list-things-in-billing-group y",        ""),
        ("iot ListThingsInBillingGroup: ResourceNotFoundException",       "list-things-in-billing-group z",        "NotFound: Billing group z not found"),
        ("iot DeleteThing: leaves its group",                             "delete-thing a",                        "ok"),
        ("iot DeleteThing: leaves its group",                             "list-things-in-billing-group x",        ""),
        ("iot DeleteThing: a thing made again is in no group",            "create-thing a",                        "ok"),
        ("iot DeleteThing: a thing made again is in no group",            "list-things-in-billing-group x",        ""),
        ("iot DeleteBillingGroup",                                        "add-to-billing-group a x",              "ok"),
        ("iot DeleteBillingGroup: expectedVersion",                       "delete-billing-group x v1",             "VersionConflict: The version for billing group x does not match the expected version."),
        ("iot DeleteBillingGroup",                                        "delete-billing-group x v2",             "ok"),
        ("iot DeleteBillingGroup: one that does not exist",               "delete-billing-group x",                "ok, nothing happened"),
        ("iot: a group made again has no things",                         "create-billing-group x",                "ok"),
        ("iot: a group made again has no things",                         "list-things-in-billing-group x",        ""),
    ]) }
}
