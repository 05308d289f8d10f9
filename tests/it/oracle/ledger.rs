//! What the host has stored, where the session waits for that: versions rise, and nothing counts before it is stored.

use redial::config::Durability;
use redial::journal::{Call, Input};
use redial::{Action, Session};

use super::{Step, Verdict, rule};

/// The versions that were named and stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    announced: u64,
    persisted: u64,
    /// Version that changed the session of a dialect with sequence numbers.
    session: u64,
}

impl Ledger {
    pub(super) fn judge(&mut self, session: &Session, step: &Step, actions: &[Action]) -> Verdict {
        if let Input::Call { call: Call::Persisted { version }, .. } = &step.input {
            self.persisted = self.persisted.max(self.announced.min(*version));
        }
        let sends = || actions.iter().any(|action| matches!(action, Action::Send { .. }));
        let changed = actions.iter().find_map(session_change);
        let token = matches!(changed, Some((_, true)));
        rule!(!((token || self.is_sealed()) && sends()), "a frame left before the token was stored: {actions:?}");
        self.session = changed.map_or(self.session, |(version, _)| version);
        let versions = || actions.iter().filter_map(version);
        rule!(versions().count() <= 1, "one input asked several times to store: {actions:?}");
        for version in versions() {
            rule!(waits(session), "asked to store, and durability is off");
            rule!(version > self.announced, "version {version} came after {}", self.announced);
            self.announced = version;
        }
        Ok(())
    }

    /// Another process goes on with the latest version, and names later ones.
    pub(super) fn restarted(&mut self) {
        self.persisted = self.announced;
    }

    /// The latest version that was named.
    pub(super) fn announced(&self) -> u64 {
        self.announced
    }

    /// Whether what was known when this version was the latest is stored.
    pub(super) fn covers(&self, version: u64) -> bool {
        version <= self.persisted
    }

    /// Whether the session of a dialect with sequence numbers changed, and the host has not stored that.
    pub(super) fn is_sealed(&self) -> bool {
        self.session > self.persisted
    }

    /// Whether everything is stored.
    pub(super) fn is_level(&self) -> bool {
        self.persisted == self.announced
    }
}

/// Whether the session stores before it acts.
pub(super) fn waits(session: &Session) -> bool {
    session.preset().config().durability == Durability::WriteAhead
}

/// The version that changed the session of a dialect with sequence numbers, and whether there is a session after it.
fn session_change(action: &Action) -> Option<(u64, bool)> {
    let Action::Persist { version, changes, .. } = action else { return None };
    let value = changes.iter().find(|(key, _)| key == "s/session").map(|(_, value)| value.is_some())?;
    Some((*version, value))
}

fn version(action: &Action) -> Option<u64> {
    match action {
        Action::Persist { version, .. } => Some(*version),
        _ => None,
    }
}
