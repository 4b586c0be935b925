//! What a bucket is told beside its encryption: one event and one command for all of it.
use std::collections::BTreeMap;

use sekisho_iam::AttachedPolicy;
use serde::{Deserialize, Serialize};

use crate::{Cors, Lifecycle, Versioning};

/// The settings of a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BucketSettings {
    /// `PutBucketVersioning`
    pub versioning: Versioning,
    /// `PutBucketTagging`; `None` where there are none.
    pub tags: Option<BTreeMap<String, String>>,
    /// `PutBucketPolicy`
    pub policy: Option<AttachedPolicy>,
    /// `PutBucketLifecycleConfiguration`
    pub lifecycle: Option<Lifecycle>,
    /// `PutBucketCors`
    pub cors: Option<Cors>,
    /// `PutPublicAccessBlock`
    pub public_access_block: Option<PublicAccessBlock>,
    /// `PutBucketOwnershipControls`
    pub ownership: Option<Ownership>,
}

/// One setting, and what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Setting {
    /// `PutBucketVersioning`
    Versioning(Versioning),
    /// `PutBucketTagging`, `DeleteBucketTagging`
    Tags(Option<BTreeMap<String, String>>),
    /// `PutBucketPolicy`, `DeleteBucketPolicy`
    Policy(Option<AttachedPolicy>),
    /// `PutBucketLifecycleConfiguration`, `DeleteBucketLifecycle`
    Lifecycle(Option<Lifecycle>),
    /// `PutBucketCors`, `DeleteBucketCors`
    Cors(Option<Cors>),
    /// `PutPublicAccessBlock`, `DeletePublicAccessBlock`
    PublicAccessBlock(Option<PublicAccessBlock>),
    /// `PutBucketOwnershipControls`, `DeleteBucketOwnershipControls`
    Ownership(Option<Ownership>),
}

/// `PublicAccessBlockConfiguration`. Nothing here is ever public; what is set is kept and told, and a policy that would be
/// public is refused where `block_public_policy` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// `BlockPublicAcls`
    pub block_public_acls: bool,
    /// `IgnorePublicAcls`
    pub ignore_public_acls: bool,
    /// `BlockPublicPolicy`
    pub block_public_policy: bool,
    /// `RestrictPublicBuckets`
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// What a new bucket has (S3 user guide: "Blocking public access", since April 2023).
    pub const NEW: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// `ObjectOwnership`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// ACLs are off.
    BucketOwnerEnforced,
    /// Who may write ACLs gives objects away with them.
    BucketOwnerPreferred,
    /// Who writes an object owns it.
    ObjectWriter,
}

impl Ownership {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::BucketOwnerEnforced, "BucketOwnerEnforced"),
        (Self::BucketOwnerPreferred, "BucketOwnerPreferred"),
        (Self::ObjectWriter, "ObjectWriter"),
    ];
}

impl BucketSettings {
    /// What a new bucket has.
    pub fn new() -> Self {
        Self {
            public_access_block: Some(PublicAccessBlock::NEW),
            ownership: Some(Ownership::BucketOwnerEnforced),
            ..Self::default()
        }
    }

    pub(crate) fn set(&mut self, setting: &Setting) {
        match setting.clone() {
            Setting::Versioning(versioning) => self.versioning = versioning,
            Setting::Tags(tags) => self.tags = tags,
            Setting::Policy(policy) => self.policy = policy,
            Setting::Lifecycle(lifecycle) => self.lifecycle = lifecycle,
            Setting::Cors(cors) => self.cors = cors,
            Setting::PublicAccessBlock(block) => self.public_access_block = block,
            Setting::Ownership(ownership) => self.ownership = ownership,
        }
    }

    /// All of them, each as it would be set.
    pub(crate) fn all(&self) -> [Setting; 7] {
        [
            Setting::Versioning(self.versioning),
            Setting::Tags(self.tags.clone()),
            Setting::Policy(self.policy.clone()),
            Setting::Lifecycle(self.lifecycle.clone()),
            Setting::Cors(self.cors.clone()),
            Setting::PublicAccessBlock(self.public_access_block),
            Setting::Ownership(self.ownership),
        ]
    }
}
