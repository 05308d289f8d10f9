//! The chat hub's messages, in memory and in a file that outlives the process.
//!
//! One JSON line for each message that was taken and for each that reached somebody. A line is written before anybody
//! hears of what it says, so a hub that is killed at any moment knows at least what it has promised.
//!
//! The newest messages are kept, so many and so many bytes of them; the file is written anew when it is twice as long
//! as it has to be. What falls out is gone for everybody who was away so long, and if its sender repeats it, it is
//! taken for a new one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use redial::MessageId;
use serde::{Deserialize, Serialize};

/// So many messages are kept, and so many bytes of their texts.
pub(crate) const KEPT: u32 = 10_000;
pub(crate) const KEPT_BYTES: u32 = 4 << 20;
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
        push_id(&self.from, &self.id)
    }
}

fn push_id(from: &str, id: &MessageId) -> MessageId {
    MessageId::from(format!("{from}/{id}"))
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
    messages: VecDeque<Taken>,
    /// Of their texts.
    bytes: usize,
    known: BTreeSet<(String, MessageId)>,
    /// By push, who has it.
    reached: BTreeMap<MessageId, BTreeSet<String>>,
    file: Option<(File, PathBuf)>,
    /// In the file now, and after it was written anew.
    lines: usize,
    lines_needed: usize,
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
            store.lines += 1;
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        store.file = Some((file, path.to_owned()));
        store.lines_needed = store.messages.len() + store.reached.values().map(BTreeSet::len).sum::<usize>();
        store.tidy()?;
        Ok(store)
    }

    /// Keeps a message; says whether it is new.
    pub(crate) fn take(&mut self, taken: Taken) -> io::Result<bool> {
        if self.known.contains(&(taken.from.clone(), taken.id.clone())) {
            return Ok(false);
        }
        self.note(&Line::Taken(taken.clone()))?;
        self.remember(taken);
        self.tidy()?;
        Ok(true)
    }

    /// Notes that a user has a message; the message, if this is news.
    pub(crate) fn reach(&mut self, user: &str, push: &MessageId) -> io::Result<Option<&Taken>> {
        let Some(at) = self.messages.iter().rposition(|taken| taken.push_id() == *push) else { return Ok(None) };
        if !self.reached.entry(push.clone()).or_default().insert(user.to_owned()) {
            return Ok(None);
        }
        self.note(&Line::Reached { push: push.clone(), user: user.to_owned() })?;
        Ok(self.messages.get(at))
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

    /// Whether a user's message of this id has reached anybody.
    pub(crate) fn has_reached(&self, from: &str, id: &MessageId) -> bool {
        self.reached.contains_key(&push_id(from, id))
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    fn remember(&mut self, taken: Taken) {
        if self.known.insert((taken.from.clone(), taken.id.clone())) {
            self.bytes += taken.text.len();
            self.messages.push_back(taken);
        }
        while self.messages.len() > KEPT as usize || self.bytes > KEPT_BYTES as usize {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.bytes -= oldest.text.len();
            self.reached.remove(&oldest.push_id());
            self.known.remove(&(oldest.from, oldest.id));
        }
    }

    /// Writes the file anew where most of it is about messages that are not kept any more.
    fn tidy(&mut self) -> io::Result<()> {
        let most = 2 * self.lines_needed + KEPT as usize;
        let Some((_, path)) = self.file.as_ref().filter(|_| self.lines > most) else { return Ok(()) };
        let (path, unfinished) = (path.clone(), path.with_extension("new"));
        // A receipt may have come before this for a message that had fallen out.
        let pushes: BTreeSet<MessageId> = self.messages.iter().map(Taken::push_id).collect();
        self.reached.retain(|push, _| pushes.contains(push));
        let taken = self.messages.iter().cloned().map(Line::Taken);
        let reached = self.reached.iter().flat_map(|(push, users)| {
            users.iter().map(|user| Line::Reached { push: push.clone(), user: user.clone() })
        });
        let mut file = io::BufWriter::new(File::create(&unfinished)?);
        let mut lines = 0;
        for line in taken.chain(reached) {
            writeln!(file, "{}", serde_json::to_string(&line).map_err(io::Error::other)?)?;
            lines += 1;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        // A process that is killed before this has the old file still.
        fs::rename(&unfinished, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        (self.file, self.lines, self.lines_needed) = (Some((file, path)), lines, lines);
        Ok(())
    }

    fn note(&mut self, line: &Line) -> io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        self.lines += 1;
        file.write_all(text.as_bytes())
    }
}
