//! Opening handshake: the parts of it that a dialect sets.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Parts of the opening handshake that a dialect sets (RFC 6455 §4.1). `Debug` hides the query and the subprotocols.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handshake {
    /// The query to append to the URL, percent-encoded, without the `?`; `None` appends nothing. The query may hold a
    /// credential: keep it out of logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The subprotocols to offer, in order of preference (RFC 6455 §1.9); empty offers none. One may
    /// hold a credential, where a service takes it that way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subprotocols: Vec<String>,
}

impl Handshake {
    /// Sets the query, or leaves the URL as it is.
    #[must_use]
    pub fn query(mut self, query: Option<String>) -> Self {
        self.query = query;
        self
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("query", &self.query.as_ref().map(|_| "***"))
            .field("subprotocols", &self.subprotocols.iter().map(|_| "***").collect::<Vec<_>>())
            .finish()
    }
}
