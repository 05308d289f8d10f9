//! What survives the process: the session's state and the application's messages, in one database and one transaction.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use redial::{Action, MessageId, Snapshot, Status};

use super::Fault;

const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
/// Own messages: what was typed, in order, and how it stands, by the id that the session gave.
const TYPED: TableDefinition<'_, &str, (u64, &str)> = TableDefinition::new("typed");
/// Messages that were shown, in the order in which they were.
const SHOWN: TableDefinition<'_, u64, &str> = TableDefinition::new("shown");

const SESSION: &str = "session";
const STORED_AT: &str = "stored at";

/// The client's database.
pub(crate) struct Store(Database);

/// All that a database holds of messages.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The number of each own message, and its last status.
    pub(crate) typed: Vec<(u64, String)>,
    pub(crate) shown: Vec<String>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        if !path.exists() {
            // A process killed while it makes the file would leave half of one, so the name comes last.
            let unfinished = path.with_extension("new");
            let _ = fs::remove_file(&unfinished);
            Self::make(&unfinished)?;
            fs::rename(&unfinished, path)?;
        }
        Ok(Self(Database::open(path)?))
    }

    fn make(path: &Path) -> Result<(), Fault> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(STATE)?;
        transaction.open_table(TYPED)?;
        transaction.open_table(SHOWN)?;
        Ok(transaction.commit()?)
    }

    /// The session's state, and how long ago by the wall's clock it was stored.
    pub(crate) fn session(&self) -> Result<Option<(Snapshot, Duration)>, Fault> {
        let transaction = self.0.begin_read()?;
        let table = transaction.open_table(STATE)?;
        let (Some(session), Some(at)) = (table.get(SESSION)?, table.get(STORED_AT)?) else { return Ok(None) };
        let stored_at = Duration::from_millis(serde_json::from_slice(at.value())?);
        Ok(Some((serde_json::from_slice(session.value())?, since_epoch().saturating_sub(stored_at))))
    }

    /// How many messages were typed, and how many shown.
    pub(crate) fn counts(&self) -> Result<(u64, u64), Fault> {
        let transaction = self.0.begin_read()?;
        Ok((transaction.open_table(TYPED)?.len()?, transaction.open_table(SHOWN)?.len()?))
    }

    /// Stores what these actions tell, the messages just typed, and the session's state that goes with all of it: either
    /// everything or nothing of it survives.
    pub(crate) fn commit(
        &self,
        actions: &[Action],
        typed: &[(MessageId, u64)],
        snapshot: &Snapshot,
    ) -> Result<(), Fault> {
        let transaction = self.0.begin_write()?;
        {
            let mut own = transaction.open_table(TYPED)?;
            for (id, number) in typed {
                own.insert(id.to_string().as_str(), (*number, "stored"))?;
            }
            let mut shown = transaction.open_table(SHOWN)?;
            for action in actions {
                match action {
                    Action::Deliver(message) => {
                        let next = shown.len()?;
                        shown.insert(next, message.body.as_text().unwrap_or_default())?;
                    }
                    Action::Status { id, status } => {
                        let id = id.to_string();
                        let number = own.get(id.as_str())?.map(|entry| entry.value().0);
                        if let Some(number) = number {
                            own.insert(id.as_str(), (number, word(*status)))?;
                        }
                    }
                    _ => {}
                }
            }
            let mut state = transaction.open_table(STATE)?;
            state.insert(SESSION, serde_json::to_vec(snapshot)?.as_slice())?;
            let now = u64::try_from(since_epoch().as_millis())?;
            state.insert(STORED_AT, serde_json::to_vec(&now)?.as_slice())?;
        }
        Ok(transaction.commit()?)
    }

    pub(crate) fn contents(&self) -> Result<Contents, Fault> {
        let transaction = self.0.begin_read()?;
        let mut contents = Contents::default();
        for entry in transaction.open_table(TYPED)?.iter()? {
            let (number, status) = entry.as_ref().map_err(ToString::to_string)?.1.value();
            contents.typed.push((number, status.to_owned()));
        }
        for entry in transaction.open_table(SHOWN)?.iter()? {
            contents.shown.push(entry?.1.value().to_owned());
        }
        Ok(contents)
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Sent => "sent",
        Status::Accepted => "accepted",
        Status::Delivered => "delivered",
        Status::Read => "read",
        Status::Rejected { .. } => "rejected",
        Status::NotSent => "not sent",
        Status::Unconfirmed => "unconfirmed",
        Status::Cancelled => "cancelled",
        _ => "unknown",
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
