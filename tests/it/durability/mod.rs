//! Stories of messages that outlive the process: store, then act; and what a new process makes of what was stored.

mod changes;
mod crashes;
mod forged;
mod inbound;
mod kept;
mod outbound;
mod restored;
mod snapshots;
mod write_ahead;

use redial::MessageId;

/// What `uni_app` says when it has taken a message of ours.
fn receipt(id: &MessageId) -> String {
    format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#)
}

/// A message that `uni_app` pushes.
fn push(id: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"news of {id}"}}"#)
}
