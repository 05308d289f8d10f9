//! Names that a service gives to rooms, users and tasks.

use core::fmt;

use alloc::string::String;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// The name of a room, a user or a task, as the service has it: a text or a number. It keeps its JSON type.
///
/// ```
/// use redial::services::ServiceId;
/// assert_ne!(ServiceId::from(7), ServiceId::from("7"));
/// assert_eq!(ServiceId::from(7).to_string(), ServiceId::from("7").to_string());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServiceId {
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

impl ServiceId {
    /// Whether it names nothing.
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
