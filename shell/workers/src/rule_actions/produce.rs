//! A record for a Kafka cluster: the secrets among its client's properties are asked for when it is sent.
use std::collections::BTreeMap;

use sekisho_actions::Execution;
use sekisho_kafka::Produce;
use sekisho_rules::{EvaluationError, SqlVersion, Template};

use super::ask::QUESTIONS_MAX;
use super::asked::{Asked, Memo};
use super::work::Workplace;
use crate::clusters::NotProduced;
use crate::gateway::Gateway;

impl Workplace {
    pub(super) async fn produce(
        &self,
        gateway: &Gateway,
        produce: &Produce,
        execution: &Execution,
    ) -> Result<(), NotProduced> {
        if !gateway.state.read().registry.may_reach(&produce.destination_arn) {
            return Err(NotProduced::NoDestination(produce.destination_arn.clone()));
        }
        let properties = filled(gateway, self, &produce.client_properties).await?;
        self.clusters.produce(produce, properties, &execution.result, execution.origin.received).await
    }
}

/// Properties with their secrets in place.
async fn filled(
    gateway: &Gateway,
    workplace: &Workplace,
    properties: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, NotProduced> {
    let (mut filled, memo) = (properties.clone(), Memo::default());
    for (name, value) in filled.iter_mut().filter(|(_, value)| value.contains("${")) {
        let failed = |problem: String| NotProduced::Properties(format!("clientProperties: {name}: {problem}"));
        let template = Template::compile(value, SqlVersion::V2016_03_23).map_err(|error| failed(error.to_string()))?;
        *value = loop {
            let evaluated = {
                let known = Asked { gateway, memo: &memo };
                let message = sekisho_rules::Message { known: Some(&known), ..sekisho_rules::Message::default() };
                template.evaluate(&message, &mut gateway.state.random())
            };
            match evaluated {
                Ok(text) if text.is_empty() => return Err(NotProduced::NoSecret(name.clone())),
                Ok(text) => break text,
                Err(EvaluationError::Asks(question)) if memo.asked() < QUESTIONS_MAX => {
                    let asked = workplace.ask(gateway, &question).await;
                    memo.answered(*question, asked.map_err(|error| NotProduced::Secret(error.into()))?);
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        };
    }
    Ok(filled)
}
