//! The half that knows connections and no messages: it connects, listens for life, finds out about death, and waits.
//!
//! [`machine`] has every phase and every transition; the other files are small machines that give it decisions.

mod fallback;
mod heartbeat;
mod login;
mod machine;
mod reconnect;

pub(crate) use machine::{DisconnectReason, Link, LinkEvent, LinkState, check_close, close_code_for};
