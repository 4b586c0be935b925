//! Provisioning templates: what a device needs, written once and worked out for each.
//!
//! Receives a template's text and the parameters of one device; hands on a [`Plan`]: the thing, the certificate's status and
//! the policies it names, every expression worked out. What of it is there already, and making it, is the registry's business.
mod template; // text → Template, refused where it could never work
mod expression; // Ref and the Fn:: functions
mod resource; // things, certificates and policies of a template
mod parameters; // what a certificate says about its device
mod plan; // Template + parameters → Plan
mod error; // whose fault it is

pub use error::{ProvisionError, TemplateError};
pub use parameters::{CERTIFICATE_ID, certificate_parameters};
pub use plan::{CertificatePlan, CertificateSource, Plan, PolicyPlan, ThingPlan};
pub use resource::Override;
pub use template::{TEMPLATE_CHARS_MAX, Template, TemplateType};

#[cfg(test)]
mod tests;
