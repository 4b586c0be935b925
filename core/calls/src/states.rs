//! `stepFunctions` (Step Functions API reference: `StartExecution`).
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `stepFunctions`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFunctions {
    role_arn: String,
    state_machine_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    execution_name_prefix: Option<String>,
    /// Stands behind the prefix, and is this message's alone: an execution of that name is the one that was to be started.
    execution_id: String,
}

impl Action for StepFunctions {
    const WORDS: Words = Words {
        action: "StepFunctionsAction",
        doing: "start the execution of the state machine",
        kind: "stepFunctions",
        resource_is: "StateMachine",
    };
    const SERVICE: &'static str = "states";

    fn resource(&self) -> &str {
        &self.state_machine_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        context.json()?; // the input of a state machine is JSON
        // The rule names the machine and not its account, which is the role's.
        let mut role = self.role_arn.split(':').skip(1);
        let (partition, account) = (role.next().unwrap_or("aws"), role.nth(2).unwrap_or_default());
        let arn =
            format!("arn:{partition}:states:{}:{account}:stateMachine:{}", context.region, self.state_machine_name);
        let name = format!("{}{}", self.execution_name_prefix.as_deref().unwrap_or_default(), self.execution_id);
        let body = json!({ "stateMachineArn": arn, "name": name, "input": context.text()? });
        Ok(Request::json("1.0", "AWSStepFunctions.StartExecution", &body))
    }

    fn is_done_already(&self, code: &str) -> bool {
        code == "ExecutionAlreadyExists"
    }
}
