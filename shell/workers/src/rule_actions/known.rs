//! What rules' functions ask of the server beside the message (developer guide, "Functions"): things at once, others once they
//! were asked.
use std::fmt;

use sekisho_rules::{Answer, Known, Question};
use sekisho_types::{ShadowId, ShadowName, ThingName};
use serde_json::json;

use crate::gateway::Gateway;

impl Known for Gateway {
    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Protobuf(message) => self.schemas.answer(message),
            Question::Shadow { thing, shadow } => self.thing_shadow(thing, shadow.as_deref()).into(),
            Question::Registry { api, thing } => self.registry_data(api, thing).into(),
            Question::Call(_) => Answer::NotYet,
        }
    }
}

impl Gateway {
    fn thing_shadow(&self, thing: &str, shadow: Option<&str>) -> Option<String> {
        let thing = ThingName::parse(thing).ok()?;
        let name = shadow.map(ShadowName::parse).transpose().ok()?;
        let document = self.state.read().shadows.get(&ShadowId { thing, name }, self.state.now());
        document.ok().map(|document| document.to_string())
    }

    fn registry_data(&self, api: &str, thing: &str) -> Option<String> {
        let thing = ThingName::parse(thing).ok()?;
        let cores = self.state.read();
        let answer = match api {
            "DescribeThing" => cores.registry.describe_thing(&thing).ok()?,
            "ListThingGroupsForThing" => {
                let groups = cores.registry.groups_of_thing(&thing).ok()?.into_iter();
                let arn = |name| cores.registry.thing_group_arn(name);
                let groups = groups.map(|name| json!({ "groupName": name, "groupArn": arn(name) }));
                json!({ "thingGroups": groups.collect::<Vec<_>>() })
            }
            _ => return None,
        };
        Some(answer.to_string())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}
