//! A topic rule destination, as operations tell of it; and the owners of endpoints that a new rule calls.
use sekisho_registry::{Destination, Event, Place, Registry, RegistryError, Vpc};
use serde_json::{Value, json};

use crate::App;

/// `TopicRuleDestination`
pub(super) fn shown(registry: &Registry, destination: &Destination) -> Value {
    told(registry, destination, "Properties")
}

/// `TopicRuleDestinationSummary`
pub(super) fn in_list(registry: &Registry, destination: &Destination) -> Value {
    told(registry, destination, "Summary")
}

fn told(registry: &Registry, destination: &Destination, what: &str) -> Value {
    let (member, place) = match &destination.place {
        Place::Http(endpoint) => (format!("httpUrl{what}"), json!({ "confirmationUrl": endpoint.confirmation_url })),
        Place::Vpc(Vpc { vpc_id, subnet_ids, security_groups, role_arn }) => {
            let place = json!({
                "vpcId": vpc_id, "subnetIds": subnet_ids, "securityGroups": security_groups, "roleArn": role_arn,
            });
            (if what == "Summary" { "vpcDestinationSummary".into() } else { "vpcProperties".into() }, place)
        }
    };
    let mut shown = json!({
        "arn": registry.destination_arn(destination),
        "status": destination.status,
        "createdAt": destination.created_at.epoch_seconds(),
        "lastUpdatedAt": destination.last_updated_at.epoch_seconds(),
        member: place,
    });
    if let Some(reason) = &destination.status_reason {
        shown["statusReason"] = json!(reason);
    }
    shown
}

/// What a rule that is made or replaced brings with it: a destination for each endpoint it calls that has none, whose owner is to be asked.
pub(super) fn of_rule(
    app: &App,
    registry: &Registry,
    mut events: Vec<Event>,
) -> Result<(Vec<Event>, Vec<Destination>), RegistryError> {
    let urls = events.iter().flat_map(|event| match event {
        Event::TopicRulePut { rule } => rule.confirmation_urls(),
        _ => Vec::new(),
    });
    let mut urls: Vec<_> = urls.filter(|url| registry.destination_at(url).is_none()).collect();
    urls.sort();
    urls.dedup();
    let mut asked = Vec::new();
    for url in urls {
        let (made, destination) = registry.create_destination(app.state.now(), &mut app.state.random(), url)?;
        events.extend(made);
        asked.push(destination);
    }
    Ok((events, asked))
}
