//! Provisioning templates and their versions.
use sekisho_provisioning::{Template, TemplateType};
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Event, Registry, RegistryError, Resource};

/// Versions of a template, the default among them.
pub const TEMPLATE_VERSIONS_MAX: usize = 5;

/// A template with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisioningTemplate {
    /// Its name.
    pub template_name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// JITP or FLEET_PROVISIONING.
    #[serde(with = "template_type_text")]
    pub template_type: TemplateType,
    /// Whether devices may use it.
    pub enabled: bool,
    /// The role AWS would act in; kept, and checked for its shape alone.
    pub provisioning_role_arn: String,
    /// Who is asked before a device is provisioned.
    #[serde(default)]
    pub pre_provisioning_hook: Option<ProvisioningHook>,
    /// When it was made.
    pub creation_date: Timestamp,
    /// When anything about it last changed.
    pub last_modified_date: Timestamp,
    /// The version in force.
    pub default_version_id: u32,
    /// The id the next version gets; ids are never used again.
    pub next_version_id: u32,
    /// Oldest first.
    pub versions: Vec<ProvisioningTemplateVersion>,
}

/// One version of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisioningTemplateVersion {
    /// 1, 2, …
    pub version_id: u32,
    /// JSON, as it was given.
    pub template_body: String,
    /// When it was made.
    pub creation_date: Timestamp,
}

/// Who is asked before a device is provisioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningHook {
    /// The contract's version.
    #[serde(default = "payload_version")]
    pub payload_version: String,
    /// A Lambda function's ARN; the configuration says what stands in its place.
    pub target_arn: String,
}

fn payload_version() -> String {
    "2020-04-01".to_owned()
}

/// What `CreateProvisioningTemplate` asks for.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// Its name.
    pub template_name: String,
    /// For people.
    pub description: Option<String>,
    /// JITP or FLEET_PROVISIONING.
    pub template_type: TemplateType,
    /// The first version.
    pub template_body: String,
    /// Whether devices may use it.
    pub enabled: bool,
    /// The role AWS would act in.
    pub provisioning_role_arn: String,
    /// Who is asked.
    pub pre_provisioning_hook: Option<ProvisioningHook>,
}

/// What `UpdateProvisioningTemplate` asks for.
#[derive(Clone, Debug, Default)]
pub struct TemplateUpdate {
    /// For people.
    pub description: Option<String>,
    /// Whether devices may use it.
    pub enabled: Option<bool>,
    /// The version in force.
    pub default_version_id: Option<u32>,
    /// The role AWS would act in.
    pub provisioning_role_arn: Option<String>,
    /// Who is asked.
    pub pre_provisioning_hook: Option<ProvisioningHook>,
    /// Nobody is asked any more.
    pub remove_pre_provisioning_hook: bool,
}

impl ProvisioningTemplate {
    /// A version by its id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn version(&self, version_id: u32) -> Result<&ProvisioningTemplateVersion, RegistryError> {
        let found = self.versions.iter().find(|version| version.version_id == version_id);
        let name = format_args!("{version_id} of {}", self.template_name);
        found.ok_or_else(|| RegistryError::not_found(Resource::ProvisioningTemplateVersion, name))
    }

    /// The version in force.
    pub fn default_version(&self) -> &ProvisioningTemplateVersion {
        self.version(self.default_version_id).expect("the version in force is never deleted")
    }
}

impl Registry {
    /// A template by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn provisioning_template(&self, template_name: &str) -> Result<&ProvisioningTemplate, RegistryError> {
        let found = self.provisioning_templates.get(template_name);
        found.ok_or_else(|| RegistryError::not_found(Resource::ProvisioningTemplate, template_name))
    }

    /// All templates, by name, ascending.
    pub fn provisioning_templates(&self) -> impl Iterator<Item = &ProvisioningTemplate> {
        self.provisioning_templates.values()
    }

    /// `arn:aws:iot:<region>:<account>:provisioningtemplate/<name>`.
    pub fn provisioning_template_arn(&self, template_name: &str) -> String {
        self.tenant.arn("iot", format_args!("provisioningtemplate/{template_name}"))
    }

    /// `CreateProvisioningTemplate`: the body becomes version 1, in force.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`]; [`RegistryError::InvalidRequest`] for a body that is none, or a hook on JITP.
    pub fn create_provisioning_template(
        &self,
        now: Timestamp,
        new: NewTemplate,
    ) -> Result<(Vec<Event>, ProvisioningTemplate), RegistryError> {
        if self.provisioning_templates.contains_key(&new.template_name) {
            return Err(RegistryError::AlreadyExists {
                message: format!("Provisioning template {} already exists", new.template_name),
                resource_arn: self.provisioning_template_arn(&new.template_name),
                resource_id: new.template_name,
            });
        }
        check(&new.template_body, new.template_type)?;
        check_hook(new.template_type, new.pre_provisioning_hook.as_ref())?;
        let template = ProvisioningTemplate {
            template_name: new.template_name,
            description: new.description,
            template_type: new.template_type,
            enabled: new.enabled,
            provisioning_role_arn: new.provisioning_role_arn,
            pre_provisioning_hook: new.pre_provisioning_hook,
            creation_date: now,
            last_modified_date: now,
            default_version_id: 1,
            next_version_id: 2,
            versions: vec![ProvisioningTemplateVersion {
                version_id: 1,
                template_body: new.template_body,
                creation_date: now,
            }],
        };
        Ok((vec![Event::ProvisioningTemplatePut { template: template.clone() }], template))
    }

    /// `UpdateProvisioningTemplate`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the template or the version; [`RegistryError::InvalidRequest`] for a hook on JITP.
    pub fn update_provisioning_template(
        &self,
        now: Timestamp,
        template_name: &str,
        update: TemplateUpdate,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut template = self.provisioning_template(template_name)?.clone();
        check_hook(template.template_type, update.pre_provisioning_hook.as_ref())?;
        if update.remove_pre_provisioning_hook && update.pre_provisioning_hook.is_some() {
            let message = "preProvisioningHook and removePreProvisioningHook exclude each other".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        if let Some(version_id) = update.default_version_id {
            template.default_version_id = template.version(version_id)?.version_id;
        }
        template.description = update.description.or(template.description);
        template.enabled = update.enabled.unwrap_or(template.enabled);
        template.provisioning_role_arn = update.provisioning_role_arn.unwrap_or(template.provisioning_role_arn);
        template.pre_provisioning_hook = match update.pre_provisioning_hook {
            None if update.remove_pre_provisioning_hook => None,
            Some(hook) => Some(hook),
            None => template.pre_provisioning_hook,
        };
        template.last_modified_date = now;
        Ok((vec![Event::ProvisioningTemplatePut { template }], ()))
    }

    /// `DeleteProvisioningTemplate`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::DeleteConflict`] while it has other versions or a CA names it.
    pub fn delete_provisioning_template(&self, template_name: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        let template = self.provisioning_template(template_name)?;
        if template.versions.len() > 1 {
            return Err(RegistryError::DeleteConflict(format!(
                "Cannot delete provisioning template {template_name}: versions other than the default version exist"
            )));
        }
        let names = |name: &Option<String>| name.as_deref() == Some(template_name);
        let mut configs = self.cas.values().filter_map(|held| held.ca.registration_config.as_ref());
        if configs.any(|config| names(&config.template_name)) {
            return Err(RegistryError::DeleteConflict(format!(
                "Cannot delete provisioning template {template_name}: a CA certificate refers to it"
            )));
        }
        Ok((vec![Event::ProvisioningTemplateDeleted { template_name: template_name.to_owned() }], ()))
    }

    /// `CreateProvisioningTemplateVersion`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::InvalidRequest`] for a body that is none,
    /// [`RegistryError::VersionsLimitExceeded`] for the sixth.
    pub fn create_provisioning_template_version(
        &self,
        now: Timestamp,
        template_name: &str,
        template_body: String,
        set_as_default: bool,
    ) -> Result<(Vec<Event>, u32), RegistryError> {
        let mut template = self.provisioning_template(template_name)?.clone();
        check(&template_body, template.template_type)?;
        if template.versions.len() >= TEMPLATE_VERSIONS_MAX {
            return Err(RegistryError::VersionsLimitExceeded(format!(
                "The provisioning template {template_name} already has the maximum number of versions ({TEMPLATE_VERSIONS_MAX})"
            )));
        }
        let version_id = template.next_version_id;
        template.versions.push(ProvisioningTemplateVersion { version_id, template_body, creation_date: now });
        template.next_version_id += 1;
        template.last_modified_date = now;
        if set_as_default {
            template.default_version_id = version_id;
        }
        Ok((vec![Event::ProvisioningTemplatePut { template }], version_id))
    }

    /// `DeleteProvisioningTemplateVersion`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::DeleteConflict`] for the version in force.
    pub fn delete_provisioning_template_version(
        &self,
        now: Timestamp,
        template_name: &str,
        version_id: u32,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut template = self.provisioning_template(template_name)?.clone();
        template.version(version_id)?;
        if template.default_version_id == version_id {
            let message = "Cannot delete the default version of a provisioning template".to_owned();
            return Err(RegistryError::DeleteConflict(message));
        }
        template.versions.retain(|version| version.version_id != version_id);
        template.last_modified_date = now;
        Ok((vec![Event::ProvisioningTemplatePut { template }], ()))
    }
}

fn check(body: &str, template_type: TemplateType) -> Result<(), RegistryError> {
    Template::parse(body, template_type).map(drop).map_err(|error| RegistryError::InvalidRequest(error.to_string()))
}

fn check_hook(template_type: TemplateType, hook: Option<&ProvisioningHook>) -> Result<(), RegistryError> {
    if template_type == TemplateType::Jitp && hook.is_some() {
        let message = "A pre-provisioning hook is only possible in templates of type FLEET_PROVISIONING".to_owned();
        return Err(RegistryError::InvalidRequest(message));
    }
    Ok(())
}

mod template_type_text {
    use sekisho_provisioning::TemplateType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(found: &TemplateType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(found.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TemplateType, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        TemplateType::parse(&text).ok_or_else(|| D::Error::custom("not a type of provisioning template"))
    }
}
