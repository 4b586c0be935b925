//! Bulk registration: a template, an object with a device a line, and how far it has come.
use std::collections::BTreeMap;

use sekisho_provisioning::{Template, TemplateType};
use sekisho_types::{CertificateId, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::uuid;
use crate::{Event, Registry, RegistryError, Resource};

/// Tasks under way at once (AWS IoT Core quotas).
pub const TASKS_RUNNING_MAX: usize = 1;
/// How long a finished task is remembered.
pub const TASK_KEPT_SECONDS: i64 = 30 * 24 * 3600;

/// A bulk registration task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTask {
    /// A UUID.
    pub task_id: String,
    /// The template each line fills in.
    pub template_body: String,
    /// Where the lines are.
    pub input_file_bucket: String,
    /// And under which key.
    pub input_file_key: String,
    /// The role AWS would act in.
    pub role_arn: String,
    /// How it stands.
    pub status: TaskStatus,
    /// Why, if that needs saying.
    #[serde(default)]
    pub message: Option<String>,
    /// When it was asked for.
    pub creation_date: Timestamp,
    /// When anything about it last changed.
    pub last_modified_date: Timestamp,
    /// Lines done.
    #[serde(default)]
    pub success_count: u64,
    /// Lines that failed.
    #[serde(default)]
    pub failure_count: u64,
    /// Bytes of the input that are done: where it goes on after a restart.
    #[serde(default)]
    pub offset: u64,
    /// The input as it was when the first line was read; a task does not go on with another.
    #[serde(default)]
    pub input_etag: Option<String>,
    /// 0 to 100.
    #[serde(default)]
    pub percentage_progress: u8,
    /// Reports written so far: of lines done, and of lines that failed.
    #[serde(default)]
    pub report_parts: ReportParts,
    /// Lines that are in no report yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreported: Vec<LineOutcome>,
}

/// How many reports there are of a task, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportParts {
    /// Of lines done.
    pub results: u32,
    /// Of lines that failed.
    pub errors: u32,
}

/// What became of a line of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineOutcome {
    /// Counted from 1.
    pub line_number: u64,
    /// Where it begins.
    pub offset: u64,
    /// Where the next one does.
    pub end: u64,
    /// The certificate and the ARNs by logical name, or what failed.
    pub outcome: Result<LineResult, String>,
}

/// What a line made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineResult {
    /// Its certificate.
    pub certificate_id: CertificateId,
    /// Logical name to ARN.
    pub resource_arns: BTreeMap<String, String>,
}

impl RegistrationTask {
    /// A line is done, one way or the other.
    pub(crate) fn progressed(&mut self, line: &LineOutcome, percentage_progress: u8, at: Timestamp) {
        match line.outcome {
            Ok(_) => self.success_count += 1,
            Err(_) => self.failure_count += 1,
        }
        self.offset = line.end;
        self.percentage_progress = percentage_progress;
        self.last_modified_date = at;
        self.unreported.push(line.clone());
    }
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    /// It runs, or waits for its turn.
    InProgress,
    /// Every line was tried.
    Completed,
    /// The input could not be read.
    Failed,
    /// It was stopped.
    Cancelled,
    /// It is being stopped.
    Cancelling,
}

impl TaskStatus {
    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Cancelling => "Cancelling",
        }
    }

    /// Whether nothing more will happen.
    pub const fn is_over(self) -> bool {
        match self {
            Self::InProgress | Self::Cancelling => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl Registry {
    /// `StartThingRegistrationTask`.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] for a template that is none, [`RegistryError::LimitExceeded`] while another runs.
    pub fn start_registration_task(
        &self,
        now: Timestamp,
        template_body: String,
        (input_file_bucket, input_file_key): (String, String),
        role_arn: String,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, RegistrationTask), RegistryError> {
        Template::parse(&template_body, TemplateType::Registration)
            .map_err(|error| RegistryError::InvalidRequest(error.to_string()))?;
        if self.registration_tasks.values().filter(|task| !task.status.is_over()).count() >= TASKS_RUNNING_MAX {
            return Err(RegistryError::LimitExceeded(format!(
                "The maximum number of thing registration tasks in progress is {TASKS_RUNNING_MAX}"
            )));
        }
        let task = RegistrationTask {
            task_id: uuid(random),
            template_body,
            input_file_bucket,
            input_file_key,
            role_arn,
            status: TaskStatus::InProgress,
            message: None,
            creation_date: now,
            last_modified_date: now,
            success_count: 0,
            failure_count: 0,
            offset: 0,
            input_etag: None,
            percentage_progress: 0,
            report_parts: ReportParts::default(),
            unreported: Vec::new(),
        };
        let mut events = self.forget_old_tasks(now);
        events.push(Event::RegistrationTaskPut { task: task.clone() });
        Ok((events, task))
    }

    fn forget_old_tasks(&self, now: Timestamp) -> Vec<Event> {
        let old = |task: &&RegistrationTask| {
            task.status.is_over() && task.last_modified_date.seconds() + TASK_KEPT_SECONDS < now.seconds()
        };
        let old = self.registration_tasks.values().filter(old);
        old.map(|task| Event::RegistrationTaskForgotten { task_id: task.task_id.clone() }).collect()
    }

    /// A task by its id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn registration_task(&self, task_id: &str) -> Result<&RegistrationTask, RegistryError> {
        let found = self.registration_tasks.get(task_id);
        found.ok_or_else(|| RegistryError::not_found(Resource::RegistrationTask, task_id))
    }

    /// All tasks, by id.
    pub fn registration_tasks(&self) -> impl Iterator<Item = &RegistrationTask> {
        self.registration_tasks.values()
    }

    /// `StopThingRegistrationTask`: it stops before its next line.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::InvalidRequest`] if it is over.
    pub fn stop_registration_task(&self, now: Timestamp, task_id: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut task = self.registration_task(task_id)?.clone();
        match task.status {
            TaskStatus::InProgress => {}
            TaskStatus::Cancelling => return Ok((Vec::new(), ())),
            TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Cancelled => {
                let message = format!("Thing registration task {task_id} is {}", task.status.as_str());
                return Err(RegistryError::InvalidRequest(message));
            }
        }
        task.status = TaskStatus::Cancelling;
        task.last_modified_date = now;
        Ok((vec![Event::RegistrationTaskPut { task }], ()))
    }

    /// What a worker did to a task: `change` is applied to it as it is now.
    pub fn change_registration_task(
        &self,
        now: Timestamp,
        task_id: &str,
        change: impl FnOnce(&mut RegistrationTask),
    ) -> Result<(Vec<Event>, RegistrationTask), RegistryError> {
        let mut task = self.registration_task(task_id)?.clone();
        change(&mut task);
        task.last_modified_date = now;
        Ok((vec![Event::RegistrationTaskPut { task: task.clone() }], task))
    }
}
