//! Write-ahead: whether the host stores the session's state before the session acts on it.

use serde::{Deserialize, Serialize};

/// Whether messages wait until the host has stored them.
///
/// # Store, then act
///
/// With `WriteAhead`, everything that another machine or the user may rely on waits until the host has stored it,
/// because a process can be killed between any two of its steps and then loses what it had not stored. The host runs
/// one loop:
///
/// 1. Take all actions, until [`poll_action`](crate::Session::poll_action) returns `None`.
/// 2. If [`Persist`](crate::Action::Persist) is among them, store three things in *one* transaction: the content of
///    the actions (messages delivered, statuses, ids of messages just sent), the [changes](crate::durable::Changes)
///    that `Persist` carries, and the time of day. A message that is delivered without an id comes without `Persist`;
///    store it alike.
/// 3. Carry the actions out.
/// 4. Call [`persisted`](crate::Session::persisted) with the last version that `Persist` named, and begin again.
///
/// After a restart [`restore`](crate::Session::restore) takes all records that the changes have left in the store;
/// `away` is the time of day now, less the stored one. The [page of the format](crate::durable) says what the records
/// hold.
///
/// ```
/// # extern crate alloc;
/// use alloc::collections::BTreeMap;
/// use redial::{Action, Config, Duration, Event, Instant, Preset, Seed, Session};
/// use redial::config::Durability;
///
/// let mut config = Config::default();
/// config.durability = Durability::WriteAhead;
/// let preset = || Preset::uni_app().with_config(config.clone());
/// let mut session = Session::new(preset()?, Seed::from(7_u64));
/// // A real program has a table with a key and a value, in the database of its own rows.
/// let (now, mut records) = (Instant::ORIGIN, BTreeMap::new());
/// session.credential(now, "token");
/// session.open(now);
/// session.send(now, "hello")?;
///
/// let mut sent = 0;
/// loop {
///     let actions: Vec<Action> = core::iter::from_fn(|| session.poll_action()).collect();
///     if actions.is_empty() {
///         break;
///     }
///     // A real program begins a transaction here, and commits it after this loop.
///     let mut stored = None;
///     for action in &actions {
///         if let Action::Persist { version, changes, .. } = action {
///             for (key, value) in changes {
///                 match value {
///                     Some(value) => drop(records.insert(key, value.to_owned())),
///                     None => drop(records.remove(&key)),
///                 }
///             }
///             stored = Some(*version);
///         }
///     }
///     for action in actions {
///         match action {
///             Action::Connect { connection, .. } => session.handle(now, Event::Opened { connection }),
///             Action::Send { .. } => {
///                 assert!(records["m/0"].contains("hello"), "a message is stored before it leaves");
///                 sent += 1;
///             }
///             _ => {}
///         }
///     }
///     if let Some(version) = stored {
///         session.persisted(now, version);
///     }
/// }
/// assert_eq!(sent, 1);
///
/// // The process was killed, and another one begins a minute later.
/// let session = Session::restore(preset()?, now, records, Duration::from_secs(60), Seed::from(8_u64))?;
/// assert_eq!(session.unsettled(), 1);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// A crash at any moment leaves each message in one of four situations:
///
/// * A message not stored was never reported as `Queued` and never sent: the user has not seen it confirmed, and its
///   id is free.
/// * A message stored is sent under its id, once more if it may have been sent before. Where a second copy is not
///   allowed (sent at most once, resending off, older than the server's dedup window), the message is settled as
///   `Unconfirmed`, because its fate cannot be known.
/// * An arrival not stored is not acknowledged, so the server pushes it again.
/// * An arrival stored is in the dedup window: its repeat is acknowledged and not shown again.
///
/// Messages that waited for a connection leave after one more transaction once the connection is ready, so that after a
/// crash a message typed offline is known as never sent. Write-ahead costs one transaction for each message and two for
/// each connection, and as many bytes as the input changed, however much is held. `Persist` may be answered late, and
/// one answer may cover several: a version covers all versions before it, and [`merge`](crate::durable::Changes::merge)
/// joins their changes. Heartbeats and the connection do not wait for it, with one exception: in a dialect with
/// sequence numbers no frame leaves a client, not even a heartbeat or the next hello, before the token of the last
/// welcome is stored, because the frame makes the token before worthless. The deadlines of such a heartbeat start when
/// it leaves. `examples/durable` runs this loop with an embedded database, and a test kills it again and again. A
/// [`Peer`](crate::Peer) works alike where its [`PeerPolicy`](crate::config::PeerPolicy) asks for write-ahead.
///
/// # Without a common transaction
///
/// Some hosts keep their own rows and the records in two stores. Such a host stores its rows first, then the changes,
/// and only then carries the actions out. A crash between the two stores then repeats something and loses nothing:
///
/// * `Deliver`: the message was not acknowledged, so the server pushes it again and it is delivered again. A host that
///   uses the id of the message as the key of the row shows it once; other hosts show it twice. The opposite order
///   *loses* the message: the session knows the id, acknowledges the next copy and delivers nothing.
/// * `Status`: the session knows the message as it was before, so it tells a status *once more*. The row takes each
///   status that comes, except that `Unconfirmed` replaces no `Accepted`, and `Accepted` no `Delivered` or `Read`. A
///   row that says `Cancelled` is cancelled once more after a restart, before the session is opened. In the opposite
///   order the status is *lost* for the row; after a restart [`status`](crate::Session::status) tells it for as long as
///   the id is known.
/// * An id that `send` returned: the row exists, and the session knows no such message, so it was never sent. After a
///   restart the host sends each row again that has no final status and whose id `status` does not know; without that
///   step the message is *not sent*. In the opposite order the session sends a message that no row shows, and a user
///   who types it again sends it *twice*.
///
/// The changes of a version have to be written whole in any case: a set of records that is torn is refused as
/// [damaged](crate::error::RestoreError::Damaged). A host whose store writes one value at a time stores the whole
/// [`snapshot`](crate::Session::snapshot) as one value instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Durability {
    /// Nothing waits, and there is no `Persist`. The host takes a snapshot whenever it likes, and a crash loses
    /// everything after the last snapshot.
    #[default]
    Off,
    /// A message that was taken is reported and sent, and an arrival is acknowledged, only after `persisted`.
    WriteAhead,
}
