//! Connections that a custom authorizer lets in: asked before CONNACK, and again while they last.
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_authorizer::MqttPart;
use sekisho_gate::ConnectRequest;
use sekisho_policy::Principal;
use tokio::task::JoinHandle;

use super::{Custom, NotVouched};
use crate::decisions::Decision;
use crate::gateway::{Gateway, Session};
use crate::peer::{Credential, Peer};
use crate::prelude::Prelude;

/// For the operator.
fn failed(error: &tokio::task::JoinError) -> String {
    format!("asking a custom authorizer failed in the server: {error}")
}

/// How often it is tried again to ask for a connection when others are asked for: nobody has said no, and strangers may be among them.
const CROWDED_TRIES: u32 = 12;
/// And after how long.
const CROWDED_PAUSE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Whether a custom authorizer is to speak for somebody: ask [`Gateway::vouch`] before [`Gateway::connect`].
    pub fn is_to_be_vouched_for(&self, peer: &Peer) -> bool {
        matches!(peer.credential, Credential::Custom(_))
    }

    /// Asks a custom authorizer for somebody who connects. A no is recorded for `sekisho why`; after a yes, [`Gateway::connect`] decides.
    pub fn vouch(self: &Arc<Self>, peer: &Arc<Peer>, request: &ConnectRequest) -> JoinHandle<Prelude> {
        let mqtt = MqttPart {
            user_name: request.user_name.as_ref().map(ToString::to_string),
            password: request.password.clone(),
            client_id: request.client_id.as_ref().map(ToString::to_string),
        };
        let (gateway, peer) = (self.clone(), peer.clone());
        tokio::spawn(async move {
            let Credential::Custom(custom) = &peer.credential else { return Prelude::Retry };
            let client_id = mqtt.client_id.clone();
            let (asked, asking) = (custom.clone(), gateway.clone());
            let asked = tokio::spawn(async move {
                let brought = Arc::new(asked.brought(Some(mqtt)));
                asking.authorizers.ask(&asked, brought, None).await
            });
            let granted = match asked.await {
                Ok(granted) => granted.map_err(|error| error.to_string()),
                Err(error) => Err(failed(&error)),
            };
            match granted {
                Ok(grant) => {
                    custom.settle(Ok(grant));
                    Prelude::Retry
                }
                Err(reason) => {
                    let decision = Decision::new(gateway.state.now(), "authorizer", reason).of(&peer);
                    gateway.decisions.record(decision.client_id(client_id.as_deref()));
                    Prelude::Close
                }
            }
        })
    }

    /// Asks again for a connection whose time has come. Whatever is answered, the connection looks at itself again then.
    pub fn refresh(self: &Arc<Self>, session: &Session) {
        let Credential::Custom(custom) = &session.peer().credential else { return };
        let Some((name, brought)) = custom.take_turn(Instant::now()) else { return };
        let (gateway, link, custom) = (self.clone(), session.link().clone(), custom.clone());
        tokio::spawn(async move {
            let (asking, asked) = (gateway.clone(), custom.clone());
            let asked = tokio::spawn(async move {
                let ask = || asking.authorizers.ask(&asked, brought.clone(), Some(name.clone()));
                let mut answer = ask().await;
                for _ in 0..CROWDED_TRIES {
                    let Err(NotVouched::Crowded(_)) = answer else { break };
                    tokio::time::sleep(CROWDED_PAUSE).await;
                    answer = ask().await;
                }
                answer
            });
            let answer = match asked.await {
                Ok(answer) => answer.map_err(|error: NotVouched| error.to_string()),
                Err(error) => Err(failed(&error)),
            };
            custom.settle(answer);
            link.signal(|signals| signals.changed = true);
        });
    }

    /// How long a connection may last, from its CONNECT on, if that was said.
    pub fn lasts(&self, peer: &Peer) -> Option<Duration> {
        let Credential::Custom(custom) = &peer.credential else { return None };
        custom.granted(|grant| grant.disconnect_after).ok()
    }

    /// Who somebody is by a custom authorizer's word, while that authorizer is there and active.
    pub(crate) fn identify_custom(&self, custom: &Custom) -> Result<Principal, String> {
        let (who, name, made) = custom.granted(|grant| (grant.who.clone(), grant.authorizer.clone(), grant.made))?;
        let cores = self.state.read();
        let found = cores.registry.authorizer(&name).ok().filter(|authorizer| authorizer.creation_date == made);
        match found.map(|authorizer| authorizer.status) {
            Some(sekisho_registry::AuthorizerStatus::Active) => Ok(who.into()),
            Some(sekisho_registry::AuthorizerStatus::Inactive) => Err(NotVouched::Inactive(name).to_string()),
            None => Err(NotVouched::NotThere(name).to_string()),
        }
    }
}
