//! What a dialect wants of the opening handshake.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What a dialect wants of the opening handshake (RFC 6455 §4.1).
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handshake {
    /// A query to append to the URL, percent-encoded, without the `?`. It may hold a credential: keep it out of logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The subprotocols to offer, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subprotocols: Vec<String>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("query", &self.query.as_ref().map(|_| "***"))
            .field("subprotocols", &self.subprotocols)
            .finish()
    }
}
