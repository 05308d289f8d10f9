//! The live chat's vendor: asks who it is, echoes heartbeats, and lets nobody be in two places.

use std::collections::BTreeMap;

use redial::Instant;
use serde_json::{Value, json};

use super::service::{Member, Replies, Reply, Service};

const HEARTBEAT: &str = r#"{"cmd":"wd_heartbeat"}"#;

/// One connection, and what it was asked.
#[derive(Debug)]
struct Guest {
    seed: String,
    /// The user's id as JSON, once it has logged in.
    user: Option<Value>,
}

/// The vendor's server.
#[derive(Debug)]
pub(crate) struct LiveChat {
    guests: BTreeMap<Member, Guest>,
    key: Option<String>,
}

impl LiveChat {
    /// With a key, an answer has to be md5(seed + key) in hexadecimal.
    pub(crate) fn new(key: Option<String>) -> Self {
        Self { guests: BTreeMap::new(), key }
    }

    fn on_login(&mut self, member: Member, login: &Value, out: &mut Replies) {
        let Some(guest) = self.guests.get_mut(&member) else { return };
        let code = login.get("authCode").and_then(Value::as_str).unwrap_or_default();
        let right = self.key.as_ref().map(|key| format!("{:x}", md5::compute(format!("{}{key}", guest.seed))));
        if right.is_some_and(|right| right != code) {
            out.say("a login with a wrong authCode");
            out.0.push(Reply::Close { member, code: 4001, reason: "wrong authCode".into() });
            return;
        }
        let user = login.get("userId").cloned().unwrap_or_default();
        out.say(format!("{} has come, to {}", named(&user), login.get("room_id").unwrap_or(&Value::Null)));
        guest.user = Some(user.clone());
        let elsewhere =
            self.guests.iter().filter(|(other, guest)| **other != member && guest.user.as_ref() == Some(&user));
        for old in elsewhere.map(|(old, _)| *old).collect::<Vec<_>>() {
            self.kick(old, out);
        }
    }

    fn push(&self, but: Option<Member>, from: &Value, text: &str, out: &mut Replies) {
        let frame = json!({"cmd": "message", "result": {"message": text, "from": named(from)}}).to_string();
        for (member, guest) in &self.guests {
            if Some(*member) != but && guest.user.is_some() {
                out.push(*member, frame.clone());
            }
        }
    }
}

impl Service for LiveChat {
    fn on_open(&mut self, now: Instant, member: Member, _query: &str, out: &mut Replies) {
        let seed = format!("{:x}", md5::compute(format!("{member} {now}")));
        out.send(member, json!({"cmd": "auth1", "msg_id": format!("q{member}"), "result": {"seed": seed}}).to_string());
        self.guests.insert(member, Guest { seed, user: None });
    }

    fn on_text(&mut self, _now: Instant, member: Member, text: &str, out: &mut Replies) {
        let value = serde_json::from_str::<Value>(text).unwrap_or_default();
        match value.get("cmd").and_then(Value::as_str) {
            Some("wd_heartbeat") => out.send(member, HEARTBEAT),
            Some("auth2") => self.on_login(member, &value, out),
            _ => {
                let user = self.guests.get(&member).and_then(|guest| guest.user.clone());
                if let Some(user) = user {
                    out.say(format!("{}: {text}", named(&user)));
                    self.push(Some(member), &user, text, out);
                }
            }
        }
    }

    fn on_gone(&mut self, _now: Instant, member: Member, out: &mut Replies) {
        if let Some(Guest { user: Some(user), .. }) = self.guests.remove(&member) {
            out.say(format!("{} has gone", named(&user)));
        }
    }

    fn announce(&mut self, _now: Instant, text: &str, out: &mut Replies) {
        self.push(None, &json!("the operator"), text, out);
    }

    fn kick(&mut self, member: Member, out: &mut Replies) {
        if let Some(user) = self.guests.get(&member).and_then(|guest| guest.user.as_ref()) {
            out.say(format!("{} is told that it is connected elsewhere", named(user)));
        }
        out.send(member, r#"{"cmd":"conn_close"}"#);
    }

    fn refuses_in_the_handshake(&self) -> bool {
        false
    }
}

fn named(user: &Value) -> String {
    user.as_str().map_or_else(|| user.to_string(), str::to_owned)
}
