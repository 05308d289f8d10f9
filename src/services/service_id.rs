//! Id of a room, a user or a task in a service.

use core::fmt;

use alloc::string::String;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Id of a room, a user or a task: a text or a number, which keeps its JSON type.
///
/// ```
/// use redial::services::ServiceId;
/// assert_ne!(ServiceId::from(7), ServiceId::from("7"));
/// assert_eq!(ServiceId::from(7).to_string(), ServiceId::from("7").to_string());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServiceId {
    /// A JSON number.
    Number(Number),
    /// A JSON string.
    Text(String),
}

impl ServiceId {
    /// Whether the id is an empty text.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<u64> for ServiceId {
    fn from(number: u64) -> Self {
        Self::Number(Number::from(number))
    }
}

impl From<&str> for ServiceId {
    fn from(text: &str) -> Self {
        Self::Text(String::from(text))
    }
}

impl From<String> for ServiceId {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
