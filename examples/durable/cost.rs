//! What storing costs: the bytes of the changes, beside those that whole snapshots would have been.

use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use redial::Action;

use super::Fault;
use super::store::RECORDS;

/// The number of transactions, the bytes of their changes, and those of the records that there were at each.
const COST: TableDefinition<'_, (), (u64, u64, u64)> = TableDefinition::new("cost");

/// What all transactions have written of the session's state, keys and values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    transactions: u64,
    changes: u64,
    snapshots: u64,
}

pub(crate) fn make(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(COST)?;
    Ok(())
}

/// Counts this transaction, when its changes are among the records.
pub(crate) fn add(transaction: &WriteTransaction, actions: &[Action]) -> Result<(), Fault> {
    let mut changed = 0;
    for action in actions {
        if let Action::Persist { changes, .. } = action {
            changed += changes.bytes();
        }
    }
    let mut whole = 0;
    for record in transaction.open_table(RECORDS)?.iter()? {
        let (key, value) = record?;
        whole += key.value().len() + value.value().len();
    }
    let mut table = transaction.open_table(COST)?;
    let before = table.get(())?.map(|cost| cost.value()).unwrap_or_default();
    let after = (before.0 + 1, before.1 + u64::try_from(changed)?, before.2 + u64::try_from(whole)?);
    table.insert((), after)?;
    Ok(())
}

pub(crate) fn read(transaction: &ReadTransaction) -> Result<Cost, Fault> {
    let cost = transaction.open_table(COST)?.get(())?.map(|cost| cost.value());
    let (transactions, changes, snapshots) = cost.unwrap_or_default();
    Ok(Cost { transactions, changes, snapshots })
}

impl Cost {
    /// Says what each of so many messages has cost.
    pub(crate) fn sentence(self, messages: usize) -> String {
        let Self { transactions, changes, snapshots } = self;
        let each = |bytes: u64| bytes / u64::try_from(messages).unwrap_or(u64::MAX).max(1);
        format!(
            "{transactions} transactions stored the session's changes: {} bytes for each of {messages} messages; \
             whole snapshots would have been {}",
            each(changes),
            each(snapshots)
        )
    }
}
