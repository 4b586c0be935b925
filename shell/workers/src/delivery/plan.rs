//! How a stream's records are converted, as the catalog is now.
use std::sync::Arc;

use sekisho_catalog::VersionWanted;
use sekisho_delivery::{ConversionPlan, DeliveryStream};
use sekisho_state::Cores;

/// What a stream's records are converted by, if they are: its configuration, and the columns that its table has now.
pub(super) fn plan_of(config: &DeliveryStream, cores: &Cores) -> Option<Arc<ConversionPlan>> {
    let is_s3 = config.destination.http_endpoint.is_none();
    let conversion = config.destination.conversion.as_ref().filter(|conversion| conversion.enabled && is_s3)?;
    let settings = match conversion.settings() {
        Ok(settings) => settings,
        // It was checked with the destination, so a later release refuses what this one took.
        Err(error) => {
            tracing::error!(stream = %config.name, %error, "the stream's records are not converted");
            return None;
        }
    };
    let schema = &settings.schema;
    let found = match schema.is_of(&cores.tenant) {
        true => {
            let wanted = VersionWanted::parse(Some(&schema.version_id));
            let table = cores.catalog.table(&schema.database, &schema.table, wanted);
            table.map(|table| (table.version.to_string(), table.columns())).map_err(|error| error.to_string())
        }
        false => Err("The table is in a catalog that is not here.".to_owned()),
    };
    if let Err(problem) = &found {
        tracing::warn!(stream = %config.name, problem, "the stream's records go to its error output");
    }
    Some(Arc::new(ConversionPlan::new(settings, &cores.tenant, found)))
}
