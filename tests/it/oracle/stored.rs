//! Where the session waits until the host has stored its state, no change to that state goes by without a version.

use redial::{Action, Session};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Step, Verdict, ledger, rule};

pub(super) fn judge(session: &Session, step: &Step, actions: &[Action]) -> Verdict {
    let Some(twin) = step.twin.as_ref().filter(|_| ledger::waits(session)) else { return Ok(()) };
    let named = actions.iter().any(|action| matches!(action, Action::Persist { .. }));
    let (before, after) = (durable(&twin.snapshot()), durable(&session.snapshot()));
    rule!(named || before == after, "nobody was asked to store that {before} has become {after}");
    Ok(())
}

/// What of a snapshot has to be stored as soon as it changes: not ages, and not which positions were given, since another session
/// begins where that was forgotten.
pub(crate) fn durable(snapshot: &impl Serialize) -> Value {
    let snapshot = serde_json::to_value(snapshot).expect("a snapshot can be written");
    let delivery = &snapshot["delivery"];
    let queued: Vec<&Value> = delivery["queue"].as_array().into_iter().flatten().map(|entry| &entry["id"]).collect();
    let stream = ["sid", "accepted", "missing"].map(|field| &delivery["stream"][field]);
    let rest = ["made", "settled", "seen", "read_markers"].map(|field| &delivery[field]);
    json!([snapshot["connections"], snapshot["link"]["connections"], queued, stream, rest])
}
