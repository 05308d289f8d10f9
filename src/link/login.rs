//! Credentials: the one that is held, when the host is asked for one, and how far a login has come.
//!
//! 1. A credential that the account's server refused is not held any longer.
//! 2. Where the policy is to ask, the host is asked anew for every attempt and every challenge.

use alloc::string::String;

use crate::config::CredentialSource;
use crate::secret::Secret;

/// The credential of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    held: Option<Secret>,
}

/// How far the login of one connection has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LoginStep {
    /// Nothing was asked.
    Unasked,
    /// The host was asked for the credential; the answer to the server carries the reference back.
    Asked { reference: Option<String> },
    /// The answer is out.
    Answered,
}

impl Credentials {
    pub(super) fn held(&self) -> Option<&Secret> {
        self.held.as_ref()
    }

    pub(super) fn hold(&mut self, value: Secret) {
        self.held = Some(value);
    }

    pub(super) fn drop_held(&mut self) {
        self.held = None;
    }

    /// Whether the host must be asked before anything can be proved.
    pub(super) fn must_ask(&self, source: CredentialSource) -> bool {
        match source {
            CredentialSource::Optional => false,
            CredentialSource::Held => self.held.is_none(),
            CredentialSource::Asked => true,
        }
    }
}
