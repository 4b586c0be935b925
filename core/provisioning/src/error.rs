//! Why a template is refused, or why it fails for one device.

/// The template could not work for any device. Operator: the text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid registration template. {0}")]
pub struct TemplateError(pub(crate) String);

/// The template does not work for this device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvisionError {
    /// Device, or operator: declared parameters, all of them, that have neither a value nor a default.
    #[error("{}", no_value(.0))]
    MissingParameters(Vec<String>),
    /// Operator: an expression cannot be worked out.
    #[error("{at}: {problem}")]
    Expression {
        /// Where it stands, such as `Resources.thing.Properties.ThingName`.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
}

fn no_value(names: &[String]) -> String {
    match names {
        [name] => format!("parameter `{name}` has no value"),
        names => format!("parameters `{}` have no value", names.join("`, `")),
    }
}
