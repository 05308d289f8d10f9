//! The Vue plugin's backend: the socket says only that something changed, `GET /messages?since=N` says what.

use std::collections::BTreeMap;

use redial::Instant;
use serde_json::{Value, json};

use super::service::{Member, Replies, Service, name_in};

/// More than this many messages are not kept.
const KEPT: usize = 1_000;

/// The messages, which are fetched by request, and those who want to know of new ones.
#[derive(Debug, Default)]
pub(crate) struct VuePolling {
    names: BTreeMap<Member, String>,
    messages: Vec<String>,
}

impl VuePolling {
    fn take(&mut self, message: String, but: Option<Member>, out: &mut Replies) {
        if self.messages.len() == KEPT {
            out.say("there is no room for more messages");
            return;
        }
        self.messages.push(message);
        for member in self.names.keys().filter(|member| Some(**member) != but) {
            out.push(*member, r#"{"changed":"messages"}"#);
        }
    }
}

impl Service for VuePolling {
    fn on_open(&mut self, _now: Instant, member: Member, query: &str, out: &mut Replies) {
        let name = name_in(query).unwrap_or_else(|| format!("guest{member}"));
        out.say(format!("{name} has come"));
        self.names.insert(member, name);
    }

    fn on_text(&mut self, _now: Instant, member: Member, text: &str, out: &mut Replies) {
        let command = serde_json::from_str::<Value>(text).unwrap_or_default();
        if command.get("command").and_then(Value::as_str) == Some("heartBeat") {
            out.send(member, r#"{"command":"heartBeat"}"#);
            return;
        }
        let Some(name) = self.names.get(&member) else { return };
        let message = format!("{name}: {text}");
        out.say(message.clone());
        self.take(message, Some(member), out);
    }

    fn on_gone(&mut self, _now: Instant, member: Member, out: &mut Replies) {
        if let Some(name) = self.names.remove(&member) {
            out.say(format!("{name} has gone"));
        }
    }

    fn announce(&mut self, _now: Instant, text: &str, out: &mut Replies) {
        self.take(text.to_owned(), None, out);
    }

    fn http(&mut self, target: &str) -> Option<String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let since = query.strip_prefix("since=").and_then(|since| since.parse().ok()).unwrap_or(0_usize);
        let news = self.messages.get(since..).unwrap_or_default();
        // How many there are also tells a client that this server has begun anew.
        (path == "/messages").then(|| json!({"total": self.messages.len(), "messages": news}).to_string())
    }
}
