//! Where the session waits until the host has stored its state: no change to that state goes by without a version, and
//! what versions carry adds up to the whole.

use redial::durable::Changes;
use redial::{Action, Session, Snapshot};
use serde_json::Value;

use super::{Step, Verdict, ledger, rule};

/// What a host has stored that stores the changes of each version; `None` where nobody knows with what it began.
#[derive(Debug, Clone, Default)]
pub(super) struct Store(Option<Snapshot>);

impl Store {
    /// A host whose store holds this, or that begins with nothing.
    pub(super) fn holding(snapshot: Snapshot) -> Self {
        Self(Some(snapshot))
    }

    pub(super) fn judge(&mut self, session: &Session, step: &Step, actions: &[Action]) -> Verdict {
        let Some(store) = &mut self.0 else { return Ok(()) };
        let before = store.clone();
        let mut named = false;
        for action in actions {
            if let Action::Persist { changes, .. } = action {
                store.apply(changes);
                named = true;
            }
        }
        if step.twin.is_none() || !ledger::waits(session) {
            return Ok(());
        }
        let late = session.clone().changes();
        let loud = if named { None } else { loud(&before, &late) };
        rule!(loud.is_none(), "nobody was asked to store that {loud:?} has changed");
        let mut whole = store.clone();
        whole.apply(&late);
        rule!(whole == session.snapshot(), "what was stored is not the snapshot: {whole:?}");
        Ok(())
    }
}

/// The first change that has to be stored as soon as it happens: not how often a message was sent, nor which numbers
/// the other end has acknowledged.
pub(crate) fn loud(before: &Snapshot, changes: &Changes) -> Option<String> {
    let field = |text: &str, name: &str| serde_json::from_str::<Value>(text).expect("a record is JSON")[name].clone();
    let same = |key: &str, value: &str, names: &[&str]| {
        let stored = before.iter().find(|(of, _)| of == key).map_or_else(String::new, |(_, text)| text.to_owned());
        stored.is_empty() || names.iter().all(|name| field(&stored, name) == field(value, name))
    };
    let quiet = |key: &str, value: Option<&str>| match (key, value) {
        ("s/link" | "s/client", Some(value)) => same(key, value, &["connections"]),
        ("s/sequence", Some(value)) => same(key, value, &["accepted", "missing"]),
        ("meta" | "s/format" | "s/mint", _) => true,
        _ => ["c/", "n/", "f/", "o/", "t/"].iter().any(|kind| key.starts_with(kind)),
    };
    changes.iter().find(|(key, value)| !quiet(key, *value)).map(|(key, _)| key)
}
