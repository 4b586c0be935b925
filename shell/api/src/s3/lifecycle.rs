//! PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration.
use std::collections::BTreeMap;

use http::Response;
use sekisho_objects::{Expiration, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration, Pairs, Setting};
use sekisho_types::Timestamp;

use super::error::{header_not_implemented, invalid_argument, malformed_xml};
use super::xml::Element;
use super::{names, settings, show, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// S3 user guide: "Lifecycle configuration elements".
const RULES_MAX: usize = 1000;
const BODY_BYTES_MAX: usize = 1024 * 1024;
const DAY_S: i64 = 24 * 3600;

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let document =
        xml::read(&mut request, "LifecycleConfiguration", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let rules = document.all("Rule").enumerate().map(|(at, one)| rule(at, one));
    let rules: Vec<LifecycleRule> = rules.collect::<Result<_, _>>()?;
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(malformed_xml());
    }
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = "Rule ID must be unique. Found same ID for more than one rule";
        return Err(invalid_argument(message, "ID", twice[0]));
    }
    settings::set(app, names::bucket(&request)?, Setting::Lifecycle(Some(Lifecycle(rules))), 200).await
}

fn rule(at: usize, rule: &Element) -> Result<LifecycleRule, ApiError> {
    for name in ["Transition", "NoncurrentVersionTransition"] {
        if rule.all(name).next().is_some() {
            return Err(header_not_implemented(name));
        }
    }
    let id = rule.text("ID")?.filter(|id| !id.is_empty()).map_or_else(|| format!("rule-{}", at + 1), str::to_owned);
    if id.chars().count() > 255 {
        return Err(invalid_argument("ID length should not exceed allowed limit of 255", "ID", &id));
    }
    let enabled = match rule.text("Status")?.map(str::trim) {
        Some("Enabled") => true,
        Some("Disabled") => false,
        _ => return Err(malformed_xml()),
    };
    let expiration = rule.child("Expiration")?.map(expiration).transpose()?;
    let noncurrent = rule.child("NoncurrentVersionExpiration")?.map(noncurrent).transpose()?;
    let abort = rule.child("AbortIncompleteMultipartUpload")?;
    let abort_uploads_days = abort.map(|abort| days(abort, "DaysAfterInitiation")).transpose()?.flatten();
    if expiration.is_none() && noncurrent.is_none() && abort_uploads_days.is_none() {
        let message = "At least one action needs to be specified in a rule";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    let filter = match (rule.child("Filter")?, rule.text("Prefix")?) {
        (Some(filter), None) => self::filter(filter)?,
        (None, Some(prefix)) => {
            LifecycleFilter { outside: true, prefix: Some(prefix.to_owned()), ..LifecycleFilter::default() }
        }
        _ => return Err(malformed_xml()),
    };
    // Delete markers and uploads have no tags.
    if !filter.tags.is_empty() {
        let lone = (expiration == Some(Expiration::LoneDeleteMarkers)).then_some("ExpiredObjectDeleteMarker");
        if let Some(action) = lone.or(abort_uploads_days.map(|_| "AbortIncompleteMultipartUpload")) {
            return Err(ApiError::new(400, "InvalidRequest", format!("{action} cannot be specified with Tags.")));
        }
    }
    Ok(LifecycleRule { id, enabled, filter, expiration, noncurrent, abort_uploads_days })
}

fn filter(filter: &Element) -> Result<LifecycleFilter, ApiError> {
    let inner = filter.child("And")?;
    // Without And, there is one condition at most.
    if inner.is_none() && filter.children.len() > 1 {
        return Err(malformed_xml());
    }
    let filter = inner.unwrap_or(filter);
    let tag = |tag: &Element| {
        let text = |name| tag.text(name)?.ok_or_else(malformed_xml).map(str::to_owned);
        Ok((text("Key")?, text("Value")?))
    };
    let tags: BTreeMap<String, String> = filter.all("Tag").map(tag).collect::<Result<_, ApiError>>()?;
    let size =
        |name| filter.text(name)?.map(|text| text.trim().parse::<u64>().map_err(|_| malformed_xml())).transpose();
    Ok(LifecycleFilter {
        outside: false,
        prefix: filter.text("Prefix")?.map(str::to_owned),
        tags: Pairs::from(tags),
        size_greater_than: size("ObjectSizeGreaterThan")?,
        size_less_than: size("ObjectSizeLessThan")?,
    })
}

fn days(parent: &Element, name: &'static str) -> Result<Option<u32>, ApiError> {
    let Some(text) = parent.text(name)? else { return Ok(None) };
    let days = text.trim().parse::<u32>().map_err(|_| malformed_xml())?;
    match days {
        0 => Err(invalid_argument(&format!("'{name}' for the action must be a positive integer"), name, text)),
        days => Ok(Some(days)),
    }
}

fn expiration(expiration: &Element) -> Result<Expiration, ApiError> {
    let date = expiration.text("Date")?;
    match (days(expiration, "Days")?, date, expiration.boolean("ExpiredObjectDeleteMarker")?) {
        (Some(days), None, None) => Ok(Expiration::Days(days)),
        (None, Some(text), None) => {
            let time = text.trim().parse::<jiff::Timestamp>().map_err(|_| malformed_xml())?.as_second();
            match time % DAY_S {
                0 => Ok(Expiration::Date(Timestamp::from_seconds(time))),
                _ => Err(invalid_argument("'Date' must be at midnight GMT", "Date", text)),
            }
        }
        (None, None, Some(true)) => Ok(Expiration::LoneDeleteMarkers),
        _ => Err(malformed_xml()),
    }
}

fn noncurrent(noncurrent: &Element) -> Result<NoncurrentExpiration, ApiError> {
    let keep = days(noncurrent, "NewerNoncurrentVersions")?;
    Ok(NoncurrentExpiration { days: days(noncurrent, "NoncurrentDays")?.ok_or_else(malformed_xml)?, keep })
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let Lifecycle(rules) = settings.lifecycle.as_ref()?;
        let mut response = xml::document("LifecycleConfiguration", |out| {
            rules.iter().for_each(|rule| xml::nested(out, "Rule", |out| write(out, rule)));
        });
        // What sizes a rule without one means (S3 user guide: "Lifecycle configuration elements").
        show::set(response.headers_mut(), "x-amz-transition-default-minimum-object-size", "all_storage_classes_128K");
        Some(response)
    })
}

fn write(out: &mut String, rule: &LifecycleRule) {
    element(out, "ID", &rule.id);
    let LifecycleFilter { outside, prefix, tags, size_greater_than, size_less_than } = &rule.filter;
    let conditions = |out: &mut String| {
        prefix.iter().for_each(|prefix| element(out, "Prefix", prefix));
        for (key, value) in tags.iter() {
            xml::nested(out, "Tag", |out| {
                element(out, "Key", key);
                element(out, "Value", value);
            });
        }
        size_greater_than.iter().for_each(|size| element(out, "ObjectSizeGreaterThan", &size.to_string()));
        size_less_than.iter().for_each(|size| element(out, "ObjectSizeLessThan", &size.to_string()));
    };
    let several = [prefix.is_some(), size_greater_than.is_some(), size_less_than.is_some()];
    let several = several.iter().filter(|given| **given).count() + tags.len() > 1;
    match (outside, several) {
        (true, _) => conditions(out),
        (false, false) => xml::nested(out, "Filter", conditions),
        (false, true) => xml::nested(out, "Filter", |out| xml::nested(out, "And", conditions)),
    }
    element(out, "Status", if rule.enabled { "Enabled" } else { "Disabled" });
    if let Some(expiration) = rule.expiration {
        xml::nested(out, "Expiration", |out| match expiration {
            Expiration::Days(days) => element(out, "Days", &days.to_string()),
            Expiration::Date(date) => xml::time(out, "Date", date),
            Expiration::LoneDeleteMarkers => element(out, "ExpiredObjectDeleteMarker", "true"),
        });
    }
    if let Some(noncurrent) = rule.noncurrent {
        xml::nested(out, "NoncurrentVersionExpiration", |out| {
            element(out, "NoncurrentDays", &noncurrent.days.to_string());
            noncurrent.keep.iter().for_each(|keep| element(out, "NewerNoncurrentVersions", &keep.to_string()));
        });
    }
    if let Some(days) = rule.abort_uploads_days {
        xml::nested(out, "AbortIncompleteMultipartUpload", |out| {
            element(out, "DaysAfterInitiation", &days.to_string());
        });
    }
}
