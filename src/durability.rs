//! Whether the host stores before the session acts.

use serde::{Deserialize, Serialize};

/// Whether messages wait until the host has stored them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing waits; a snapshot is taken whenever the host likes, and a crash loses what came after it.
    #[default]
    Off,
    /// Store, then act: what was taken is told and sent, and what was delivered is acknowledged, only after `persisted`.
    WriteAhead,
}
