//! The chat hub's messages, in memory and in a file that outlives the process.
//!
//! One JSON line for each message that was taken and for each that reached somebody. A line is written before anybody hears
//! of what it says, so a hub that is killed at any moment knows at least what it has promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use redial::MessageId;
use serde::{Deserialize, Serialize};

/// So many of somebody's messages may lack a receipt after a restart.
const LATEST: usize = 100;

/// A message as it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) id: MessageId,
    pub(crate) text: String,
}

impl Taken {
    /// The id under which the others get it. It is made from the sender's own, so it is the same after a restart.
    pub(crate) fn push_id(&self) -> MessageId {
        MessageId::from(format!("{}/{}", self.from, self.id))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Taken(Taken),
    Reached { push: MessageId, user: String },
}

/// All messages, in order, and who has which.
#[derive(Debug, Default)]
pub(crate) struct Store {
    messages: Vec<Taken>,
    known: BTreeSet<(String, MessageId)>,
    /// By push, who has it.
    reached: BTreeMap<MessageId, BTreeSet<String>>,
    file: Option<File>,
}

impl Store {
    /// The store in this file, with what an earlier process left there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut store = Self::default();
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that was cut short by the end of a process had promised nothing yet.
            match serde_json::from_str(line) {
                Ok(Line::Taken(taken)) => store.remember(taken),
                Ok(Line::Reached { push, user }) => drop(store.reached.entry(push).or_default().insert(user)),
                Err(_) => {}
            }
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        store.file = Some(file);
        Ok(store)
    }

    /// Keeps a message; says whether it is new.
    pub(crate) fn take(&mut self, taken: Taken) -> io::Result<bool> {
        if self.known.contains(&(taken.from.clone(), taken.id.clone())) {
            return Ok(false);
        }
        self.note(&Line::Taken(taken.clone()))?;
        self.remember(taken);
        Ok(true)
    }

    /// Notes that a user has a message; the message, if this is news.
    pub(crate) fn reach(&mut self, user: &str, push: &MessageId) -> io::Result<Option<&Taken>> {
        if !self.reached.entry(push.clone()).or_default().insert(user.to_owned()) {
            return Ok(None);
        }
        self.note(&Line::Reached { push: push.clone(), user: user.to_owned() })?;
        Ok(self.messages.iter().rev().find(|taken| taken.push_id() == *push))
    }

    /// What a user has not got yet, in order.
    pub(crate) fn owed_to<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Taken> {
        let has = move |taken: &Taken| self.reached.get(&taken.push_id()).is_some_and(|users| users.contains(user));
        self.messages.iter().filter(move |taken| taken.from != user && !has(taken))
    }

    /// Which of a user's latest messages have reached anybody.
    pub(crate) fn reached_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a MessageId> {
        let latest = self.messages.iter().rev().filter(move |taken| taken.from == user).take(LATEST);
        latest.filter(|taken| self.reached.contains_key(&taken.push_id())).map(|taken| &taken.id)
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    fn remember(&mut self, taken: Taken) {
        if self.known.insert((taken.from.clone(), taken.id.clone())) {
            self.messages.push(taken);
        }
    }

    fn note(&mut self, line: &Line) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        file.write_all(text.as_bytes())
    }
}
