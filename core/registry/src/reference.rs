//! Names given as they are or inside an ARN, as the membership operations take them.
use std::fmt;

use sekisho_types::{BillingGroupName, InvalidName, ThingGroupName, ThingName};

use crate::{Registry, RegistryError};

impl Registry {
    /// The thing that `thingName` or `thingArn` names.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] for neither, for two that differ, and for what is no thing's ARN.
    pub fn thing_name(&self, name: Option<ThingName>, arn: Option<&str>) -> Result<ThingName, RegistryError> {
        self.referred("thing", name, arn, ThingName::parse)
    }

    /// The thing group that `thingGroupName` or `thingGroupArn` names.
    ///
    /// # Errors
    /// As [`Registry::thing_name`].
    pub fn thing_group_name(
        &self,
        name: Option<ThingGroupName>,
        arn: Option<&str>,
    ) -> Result<ThingGroupName, RegistryError> {
        self.referred("thinggroup", name, arn, ThingGroupName::parse)
    }

    /// The billing group that `billingGroupName` or `billingGroupArn` names.
    ///
    /// # Errors
    /// As [`Registry::thing_name`].
    pub fn billing_group_name(
        &self,
        name: Option<BillingGroupName>,
        arn: Option<&str>,
    ) -> Result<BillingGroupName, RegistryError> {
        self.referred("billinggroup", name, arn, BillingGroupName::parse)
    }

    fn referred<N: PartialEq + fmt::Display>(
        &self,
        kind: &str,
        name: Option<N>,
        arn: Option<&str>,
        parse: fn(&str) -> Result<N, InvalidName>,
    ) -> Result<N, RegistryError> {
        let invalid = |message: String| Err(RegistryError::InvalidRequest(message));
        let in_arn = |arn: &str| {
            let resource = self.tenant.resource_of("iot", arn)?;
            parse(resource.strip_prefix(kind)?.strip_prefix('/')?).ok()
        };
        match (name, arn.map(|arn| (arn, in_arn(arn)))) {
            (None, None) => invalid(format!("Either the name or the ARN of the {kind} must be given")),
            (_, Some((arn, None))) => invalid(format!("Invalid ARN: {arn} is not a {kind}'s ARN")),
            (Some(name), Some((arn, Some(other)))) if name != other => {
                invalid(format!("{arn} is not the ARN of {kind} {name}"))
            }
            (Some(name), _) | (None, Some((_, Some(name)))) => Ok(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tenant;

    #[test]
    #[rustfmt::skip]
    fn names_and_arns() {
        const G: &str = "arn:aws:iot:eu-north-1:000000000000:thinggroup/g";
        type Row = (&'static str, Option<&'static str>, Option<&'static str>, Result<&'static str, &'static str>);
        // citation                              name        ARN                                                       the group
        const TABLE: &[Row] = &[
            ("iot AddThingToThingGroup",         Some("g"),  None,                                                     Ok("g")),
            ("iot AddThingToThingGroup",         None,       Some(G),                                                  Ok("g")),
            ("iot AddThingToThingGroup",         Some("g"),  Some(G),                                                  Ok("g")),
            ("iot: two that differ",             Some("h"),  Some(G),                                                  Err("arn:aws:iot:eu-north-1:000000000000:thinggroup/g is not the ARN of thinggroup h")),
            ("iot: neither",                     None,       None,                                                     Err("Either the name or the ARN of the thinggroup must be given")),
            ("iot: another kind",                None,       Some("arn:aws:iot:eu-north-1:000000000000:thing/g"),      Err("Invalid ARN: arn:aws:iot:eu-north-1:000000000000:thing/g is not a thinggroup's ARN")),
            ("iot: another account",             Some("g"),  Some("arn:aws:iot:eu-north-1:111111111111:thinggroup/g"), Err("Invalid ARN: arn:aws:iot:eu-north-1:111111111111:thinggroup/g is not a thinggroup's ARN")),
        ];
        for (citation, name, arn, expected) in TABLE {
            let name = name.map(|name| ThingGroupName::parse(name).unwrap());
            let found = Registry::new(tenant()).thing_group_name(name, *arn);
            let found = found.as_ref().map(ThingGroupName::as_str).map_err(ToString::to_string);
            assert_eq!(found, expected.map_err(ToOwned::to_owned), "{citation}");
        }
    }
}
