//! AWS's dialect, or MQTT to the letter.
use sekisho_broker::HashMatch;
use sekisho_gate::Settings;

/// Whose word counts where AWS IoT Core differs from MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// AWS IoT Core's (developer guide: "MQTT", differences from the specifications).
    #[default]
    Aws,
    /// The specifications'.
    Mqtt,
}

impl Profile {
    /// What a connection is held to.
    pub fn settings(self) -> Settings {
        match self {
            Self::Aws => Settings::default(),
            Self::Mqtt => Settings::mqtt(),
        }
    }

    pub(crate) const fn hash_match(self) -> HashMatch {
        match self {
            Self::Aws => HashMatch::Aws,
            Self::Mqtt => HashMatch::Standard,
        }
    }
}
