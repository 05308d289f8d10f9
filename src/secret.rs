//! Credentials that `Debug` and `Display` do not show.

use core::fmt;

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// A secret is a credential: a token, a password, the answer to a challenge.
///
/// `Debug` and `Display` print `***`. Serde writes the credential as it is, because a journal or a snapshot without it
/// could not be replayed: guard these files like the credential itself.
///
/// ```
/// use redial::Secret;
/// let token = Secret::new("eyJhbGciOi");
/// assert_eq!(format!("{token:?} {token}"), "*** ***");
/// assert_eq!(token.reveal(), "eyJhbGciOi");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret from a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the credential itself, for the frame or the URL that must carry it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Gives back the room that the credential does not use, so that its length says what it takes.
    pub(crate) fn fit(mut self) -> Self {
        self.0.shrink_to_fit();
        self
    }

    /// Compares two credentials in a time that does not tell where they differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let differences = self.0.bytes().zip(other.0.bytes()).fold(0, |seen, (one, two)| seen | (one ^ two));
        self.0.len() == other.0.len() && differences == 0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
