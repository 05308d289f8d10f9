//! What the host of a session on a pipe answers by itself, so that a replay answers the same.

use redial::Action;
use redial::journal::{Input, Output, Player};
use serde_json::Value;

/// What this host knows beside the session.
pub(crate) struct Host {
    /// The key that answers `live_chat`'s challenge.
    key: Option<String>,
}

impl Host {
    /// What the settings of a preset give the host to know.
    pub(crate) fn new(config: &Value) -> Self {
        let key = config.get("preset").and_then(|preset| preset.get("key"));
        Self { key: key.and_then(Value::as_str).map(str::to_owned) }
    }

    /// What a journal's first line gives the host to know; `None` for any other line.
    pub(crate) fn from_header(line: &str) -> Option<Self> {
        match Input::from_line(line) {
            Ok(Input::Header(header)) => Some(Self::new(&header.config)),
            _ => None,
        }
    }

    /// Plays a line, and answers what the session asks and this host knows.
    pub(crate) fn play(&self, player: &mut Player, line: &str) -> Vec<Output> {
        let mut outputs = player.play(line);
        let asked = outputs.iter().find_map(|output| match output {
            Output::Action { now, action: Action::NeedCredential { challenge: Some(challenge), .. } } => {
                Some((*now, challenge.clone()))
            }
            _ => None,
        });
        if let (Some(key), Some((now, challenge))) = (&self.key, asked) {
            let proof = format!("{:x}", md5::compute(format!("{challenge}{key}")));
            player.session_mut().credential(now, proof);
            // The deadline line stays last, and there is one of it.
            outputs.pop();
            outputs.extend(player.drain());
        }
        outputs
    }
}
