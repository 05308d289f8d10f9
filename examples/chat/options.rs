//! The command line, and the preset it asks for.

use redial::config::CredentialSource;
use redial::dialect::Login;
use redial::{Config, Preset};
use serde_json::{Value, json};

const HELP: &str = "\
usage: chat --preset NAME [--url ws://127.0.0.1:7420/socket] [--name YOU] [--config FILE.json] [--lossless]
            [--journal FILE]

--url       where the server is; `serve` prints it
--name      who you are to the others; made up where it is missing
--config    changes to the preset, as a merge patch: {\"heartbeat\":{\"every_ms\":1000},\"preset\":{\"key\":\"k\"}}
--lossless  uni_app: its words with the default configuration, which queues, resends and notices silence
--journal   write every input into a file, which `replay` can run again; it holds what is said, and logins";

const COMMANDS: &str = "\
/state           where the session is, what it waits for and why
/frames          show the frames that go out and come in, or stop that
/list            all messages with their states
/read N          mark message N as read
/resend N        send a failed message again, under the same id
/cancel N        take back a message that has not left
/open            begin anew after a stop, or connect without waiting
/reconnect       drop this connection and make another
/close [CODE REASON]   close for good and end
/quit            the same; so does the end of the input, once everything is settled";

/// How the program is called.
pub(crate) fn help() -> String {
    format!("{HELP}\n\npresets: {}", Preset::names().collect::<Vec<_>>().join(", "))
}

/// What can be typed.
pub(crate) fn commands() -> &'static str {
    COMMANDS
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) preset: Preset,
    pub(crate) url: String,
    pub(crate) name: String,
    /// The key that answers the live chat's challenge.
    pub(crate) key: Option<String>,
    pub(crate) journal: Option<String>,
}

const NO_TLS: &str =
    "wss needs a TLS library, and this program has none; redial-blocking takes yours, see its `Options::connect`";

impl Options {
    /// Reads the command line; `None` asks for help.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>, made_up: String) -> Result<Option<Self>, String> {
        let (mut preset, mut name) = (String::new(), made_up);
        let (mut url, mut changes) = ("ws://127.0.0.1:7420/socket".to_owned(), json!({}));
        let (mut lossless, mut journal) = (false, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{}", help()));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--preset" => preset = value()?,
                "--url" => url = value()?,
                "--name" => name = value()?,
                "--config" => changes = read(&value()?)?,
                "--journal" => journal = Some(value()?),
                "--lossless" => lossless = true,
                _ => return Err(format!("there is no option `{word}`\n{}", help())),
            }
        }
        if url.starts_with("wss:") {
            return Err(NO_TLS.to_owned());
        }
        if preset.is_empty() {
            return Err(format!("--preset is missing\n{}", help()));
        }
        let fits = !name.is_empty() && name.len() <= 24 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            return Err("--name takes up to 24 letters, digits and hyphens".to_owned());
        }
        if matches!(&*preset, "plain" | "vue_polling") {
            // These have no words of their own for who somebody is.
            url.push_str(if url.contains('?') { "&name=" } else { "?name=" });
            url.push_str(&name);
        }
        introduce(&preset, &name, &mut changes);
        let key = changes.pointer("/preset/key").and_then(Value::as_str).map(str::to_owned);
        let mut made = Preset::named(&preset, &changes).map_err(|error| error.to_string())?;
        if lossless {
            if !made.dialect().capabilities().receipts {
                return Err(format!("--lossless needs a service that confirms messages, and {preset} does not"));
            }
            made = made.with_config(Config::default()).map_err(|error| error.to_string())?;
        }
        if made.dialect().capabilities().login == Login::Handshake {
            // The name is the token, and it is asked for at every attempt, as a token that runs out would be.
            let asked = |config: &mut Config| config.authentication.credential = CredentialSource::Asked;
            made = made.configure(asked).map_err(|error| error.to_string())?;
        }
        Ok(Some(Self { preset: made, url, name, key, journal }))
    }
}

fn read(path: &str) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("{path} is not JSON: {error}"))?;
    if value.is_object() { Ok(value) } else { Err(format!("{path} is no JSON object")) }
}

/// Puts in what the file does not say: who we are, and for the polling preset how often to poll.
fn introduce(preset: &str, name: &str, changes: &mut Value) {
    let (part, defaults) = match preset {
        "react_im" => ("preset", json!({"fuid": name})),
        "wechat" => ("preset", json!({"task_id": "chat", "user_id": name})),
        "live_chat" => ("preset", json!({"room_id": 1, "user_id": name})),
        // That service's backend sets the time; ours leaves it to the client.
        "vue_polling" => ("fallback", json!({"loop_time_ms": 20_000, "after_failures": 2})),
        _ => return,
    };
    let Some(part) = changes.as_object_mut().map(|changes| changes.entry(part).or_insert_with(|| json!({}))) else {
        return;
    };
    if let (Value::Object(part), Value::Object(defaults)) = (part, defaults) {
        for (field, value) in defaults {
            part.entry(field).or_insert(value);
        }
    }
}
