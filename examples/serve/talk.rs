//! The text systems: every text is a message for the others; `ping` is answered with `pong` where the system has it.

use std::collections::BTreeMap;

use redial::Instant;

use super::service::{Member, Replies, Service, name_in};

/// A room of people who say texts.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    names: BTreeMap<Member, String>,
    has_ping: bool,
}

impl Talk {
    /// The room of a system with text heartbeats.
    pub(crate) fn with_ping() -> Self {
        Self { has_ping: true, ..Self::default() }
    }
}

impl Service for Talk {
    fn on_open(&mut self, _now: Instant, member: Member, query: &str, out: &mut Replies) {
        let name = name_in(query).unwrap_or_else(|| format!("guest{member}"));
        out.say(format!("{name} has come"));
        self.names.insert(member, name);
    }

    fn on_text(&mut self, _now: Instant, member: Member, text: &str, out: &mut Replies) {
        if self.has_ping && text == "ping" {
            out.send(member, "pong");
            return;
        }
        let Some(name) = self.names.get(&member) else { return };
        out.say(format!("{name}: {text}"));
        for other in self.names.keys().filter(|other| **other != member) {
            out.push(*other, format!("{name}: {text}"));
        }
    }

    fn on_gone(&mut self, _now: Instant, member: Member, out: &mut Replies) {
        if let Some(name) = self.names.remove(&member) {
            out.say(format!("{name} has gone"));
        }
    }

    fn announce(&mut self, _now: Instant, text: &str, out: &mut Replies) {
        for member in self.names.keys() {
            out.push(*member, text);
        }
    }
}
