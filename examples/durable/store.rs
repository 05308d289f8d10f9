//! What survives the process: the session's records and the application's messages, in one database and one
//! transaction.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use redial::{Action, MessageId, Status};

use super::Fault;
use super::cost::{self, Cost};

/// The session's state: records under keys, both of which only the session reads.
pub(crate) const RECORDS: TableDefinition<'_, &str, &str> = TableDefinition::new("records");
/// The time of day at the last transaction, in milliseconds.
const STORED_AT: TableDefinition<'_, (), u64> = TableDefinition::new("stored at");
/// Own messages: what was typed, in order, and how it stands, by the id that the session gave.
const TYPED: TableDefinition<'_, &str, (u64, &str)> = TableDefinition::new("typed");
/// Messages that were shown, in the order in which they were.
const SHOWN: TableDefinition<'_, u64, &str> = TableDefinition::new("shown");

/// Records, each with its key, and how long ago they were stored.
type Records = (Vec<(String, String)>, Duration);

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
        // A repair of the default format writes which pages are free, and that the file is whole, in one flush and in
        // any order. A process killed amid that leaves a file that counts as whole, with used pages that count as free.
        let database = Database::builder().create_with_file_format_v3(true).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(STORED_AT)?;
        transaction.open_table(TYPED)?;
        transaction.open_table(SHOWN)?;
        cost::make(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// All records of the session, and how long ago by the wall's clock they were stored; nothing in a new database.
    pub(crate) fn records(&self) -> Result<Option<Records>, Fault> {
        let transaction = self.0.begin_read()?;
        let stored_at = transaction.open_table(STORED_AT)?.get(())?.map(|at| Duration::from_millis(at.value()));
        let Some(stored_at) = stored_at else { return Ok(None) };
        let mut records = Vec::new();
        for record in transaction.open_table(RECORDS)?.iter()? {
            let (key, value) = record?;
            records.push((key.value().to_owned(), value.value().to_owned()));
        }
        Ok(Some((records, since_epoch().saturating_sub(stored_at))))
    }

    /// How many messages were typed, and how many shown.
    pub(crate) fn counts(&self) -> Result<(u64, u64), Fault> {
        let transaction = self.0.begin_read()?;
        Ok((transaction.open_table(TYPED)?.len()?, transaction.open_table(SHOWN)?.len()?))
    }

    /// Stores what these actions tell, the changes of the session's records among them, and the messages just typed:
    /// either everything or nothing of it survives.
    pub(crate) fn commit(&self, actions: &[Action], typed: &[(MessageId, u64)]) -> Result<(), Fault> {
        let transaction = self.0.begin_write()?;
        {
            let mut records = transaction.open_table(RECORDS)?;
            let mut stored_at = transaction.open_table(STORED_AT)?;
            let mut own = transaction.open_table(TYPED)?;
            let mut shown = transaction.open_table(SHOWN)?;
            for (id, number) in typed {
                own.insert(id.to_string().as_str(), (*number, "stored"))?;
            }
            for action in actions {
                match action {
                    Action::Persist { changes, .. } => {
                        for (key, value) in changes {
                            match value {
                                Some(value) => drop(records.insert(key.as_str(), value)?),
                                None => drop(records.remove(key.as_str())?),
                            }
                        }
                        stored_at.insert((), u64::try_from(since_epoch().as_millis())?)?;
                    }
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
        }
        // Only the demonstration counts the bytes.
        cost::add(&transaction, actions)?;
        Ok(transaction.commit()?)
    }

    /// What storing has cost so far, over all processes.
    pub(crate) fn cost(&self) -> Result<Cost, Fault> {
        cost::read(&self.0.begin_read()?)
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
