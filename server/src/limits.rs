//! Tables of limits: what the operator says of some, over what the profile has for all.
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::ConfigError;

/// `base` with what `said` says in its place; `table` is what the file calls it.
pub fn over<T: Serialize + DeserializeOwned>(
    table: &'static str,
    base: &T,
    said: Option<toml::Table>,
) -> Result<T, ConfigError> {
    let problem = |limit: &str, problem: String| ConfigError::Limit { table, limit: limit.into(), problem };
    let mut all = toml::Table::try_from(base).map_err(|error| problem("*", error.to_string()))?;
    for (name, value) in said.unwrap_or_default() {
        let known = all.get_mut(&name).ok_or_else(|| problem(&name, "there is no such limit".into()))?;
        *known = value;
        T::deserialize(all.clone()).map_err(|error| problem(&name, first_line(error.message())))?;
    }
    T::deserialize(all).map_err(|error| problem("*", first_line(error.message())))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use sekisho_workers::{Profile, SessionLimits, Settings};

    use super::*;

    #[test]
    fn what_is_said_stands_over_the_profile() {
        for base in [Profile::Aws.settings(), Profile::Mqtt.settings()] {
            assert_eq!(over("limits", &base, None).unwrap(), base);
            let said = toml::toml! { topic_slashes_max = 9 };
            let expected = Settings { topic_slashes_max: 9, ..base.clone() };
            assert_eq!(over("limits", &base, Some(said)).unwrap(), expected);
        }
        let refused = |said| over("sessions", &SessionLimits::default(), Some(said)).unwrap_err().to_string();
        assert_eq!(refused(toml::toml! { many = 1 }), "`sessions`, `many`: there is no such limit");
        assert_eq!(
            refused(toml::toml! { bytes = -1 }),
            "`sessions`, `bytes`: invalid value: integer `-1`, expected usize"
        );
    }
}
