//! Link of a session: opens connections, checks that they are alive, and waits between attempts. It knows no messages.
//!
//! [`machine`] holds every phase and every transition; the other files are small machines that decide for it.

mod fallback;
mod heartbeat;
mod login;
mod machine;
mod malformed;
mod network;
mod reconnect;

pub(crate) use machine::{DisconnectReason, Link, LinkEvent, check_close, close_code_for};
pub(crate) use malformed::MalformedFrames;
