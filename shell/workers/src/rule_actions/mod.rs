//! What rules do with the messages they select: at once, or as work that is journaled and done behind the acknowledgement.
mod run; // one rule over one message
mod known; // what its functions ask of the server
mod draws; // random numbers, the same again for who comes back
mod asked; // what its functions were answered, for one message
mod perform; // one action: what can be done at once is
mod chain; // messages that rules republish, and how many
mod failures; // what failed, and the error action for it
mod work; // the rest is done by these
mod ask; // others are asked
mod later; // a rule that has to ask them
mod produce; // a record for Kafka, whose secrets have to be asked for
mod room; // who waits until some of it is done
mod figures; // what became of it, counted
mod insight; // the same for who looks after rules

pub(crate) use ask::AskError;
pub(crate) use chain::{Chain, Republished};
pub(crate) use figures::RuleFigures;
pub use figures::{ActionInsight, Trouble as RuleTrouble};
pub use insight::{RuleInsight, Rules, WaitingInsight};
pub(crate) use perform::is_done_later;
pub(crate) use room::Room;
pub(crate) use work::Due;
pub use work::run_rule_actions;
