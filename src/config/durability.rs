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
/// 2. If [`Persist`](crate::Action::Persist) is among them, store two things in *one* transaction: the content of the
///    actions (messages delivered, statuses, ids of messages just sent) and [`snapshot`](crate::Session::snapshot).
///    The snapshot matches the actions as long as no other input came between.
/// 3. Carry the actions out.
/// 4. Call [`persisted`](crate::Session::persisted) with the last version that `Persist` named, and begin again.
///
/// ```
/// use redial::{Action, Config, Event, Instant, Preset, Seed, Session};
/// use redial::config::Durability;
///
/// let mut config = Config::default();
/// config.durability = Durability::WriteAhead;
/// let mut session = Session::new(Preset::uni_app().with_config(config)?, Seed::from(7_u64));
/// let (now, mut database) = (Instant::ORIGIN, Vec::new());
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
///     let version = actions.iter().rev().find_map(|action| match action {
///         Action::Persist { version, .. } => Some(*version),
///         _ => None,
///     });
///     if version.is_some() {
///         // A real program stores its own rows and the session's state in one transaction.
///         database = serde_json::to_vec(&session.snapshot())?;
///     }
///     for action in actions {
///         match action {
///             Action::Connect { connection, .. } => session.handle(now, Event::Opened { connection }),
///             Action::Send { .. } => {
///                 assert!(!database.is_empty(), "a message is stored before it leaves");
///                 sent += 1;
///             }
///             _ => {}
///         }
///     }
///     if let Some(version) = version {
///         session.persisted(now, version);
///     }
/// }
/// assert_eq!(sent, 1);
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
/// Messages that waited for a connection leave after one more transaction once the connection is ready, so that after
/// a crash a message typed offline is known as never sent. Write-ahead costs one transaction for each message and two
/// for each connection. `Persist` may be answered late, and one answer may cover several: a version covers all
/// versions before it. Heartbeats and the connection do not wait for it. `examples/durable` runs this loop with an
/// embedded database, and a test kills it again and again. A [`Peer`](crate::Peer) works alike where its
/// [`PeerPolicy`](crate::config::PeerPolicy) asks for write-ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Durability {
    /// Nothing waits. The host takes a snapshot whenever it likes, and a crash loses everything after the last
    /// snapshot.
    #[default]
    Off,
    /// A message that was taken is reported and sent, and an arrival is acknowledged, only after `persisted`.
    WriteAhead,
}
