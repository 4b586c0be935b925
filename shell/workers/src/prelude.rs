//! What comes before a CONNECT is decided on: a certificate is looked at for the first time, a custom authorizer is asked, or the client's
//! earlier connection is heard out.
use std::time::Duration;

use sekisho_types::{ClientId, Random};
use tokio::task::JoinHandle;

use crate::gateway::Gateway;

/// How long a client that is back waits for its earlier connection to be heard out, if that cannot be read. And then: it takes over.
const HEARING_MAX: Duration = Duration::from_millis(500);

/// What became of that, and what is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prelude {
    /// The connection is over; the device connects again.
    Close,
    /// Its certificate is known now, or the authorizer knows it: it begins anew.
    Retry,
    /// Nothing else: ask [`Gateway::connect`].
    Connect,
}

impl Gateway {
    /// A name for a client that gives none.
    pub(crate) fn assigned_client_id(&self) -> ClientId {
        let bytes: [u8; 16] = self.state.random().array();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        ClientId::parse(&hex).expect("hexadecimal digits are a client id")
    }

    /// A client may have said something on its earlier connection that nobody has read yet when its new one asks to be let in: DISCONNECT,
    /// without which its will would be published, and its session kept. `None` where there is no earlier connection.
    pub fn hear_out_earlier(&self, client_id: &ClientId) -> Option<JoinHandle<Prelude>> {
        let heard = self.link_of(client_id)?.hear_out();
        Some(tokio::spawn(async move {
            let _ = tokio::time::timeout(HEARING_MAX, heard).await;
            Prelude::Connect
        }))
    }
}
