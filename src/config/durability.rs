//! Whether the host stores before the session acts.

use serde::{Deserialize, Serialize};

/// Whether messages wait until the host has stored them.
///
/// # Store, then act
///
/// A process can be killed between any two of its steps. What it did and did not store is then lost, so with `WriteAhead`
/// whatever another machine or the user may rely on waits until it is stored. The host's part is one loop:
///
/// 1. take all actions, until [`poll_action`](crate::Session::poll_action) has none left;
/// 2. where [`Persist`](crate::Action::Persist) is among them, store in *one* transaction what they tell (messages delivered,
///    statuses, the ids of messages just sent) and [`snapshot`](crate::Session::snapshot), which matches them as long as no
///    other input came between;
/// 3. carry the actions out;
/// 4. say [`persisted`](crate::Session::persisted) with the last version that `Persist` named, and begin again.
///
/// ```
/// use redial::{Action, Config, Event, Instant, Preset, Seed, Session};
/// use redial::config::Durability;
///
/// let config = Config { durability: Durability::WriteAhead, ..Config::default() };
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
///         Action::Persist { version } => Some(*version),
///         _ => None,
///     });
///     if version.is_some() {
///         // One transaction, in a program: the application's own rows and the session's state.
///         database = serde_json::to_vec(&session.snapshot())?;
///     }
///     for action in actions {
///         match action {
///             Action::Connect { connection, .. } => session.handle(now, Event::Opened { connection }),
///             Action::Send { .. } => {
///                 assert!(!database.is_empty(), "stored before it leaves");
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
/// What a crash leaves is then one of these, whenever it comes:
///
/// * a message not stored was never told `Queued` and never sent: to the user it was not said yet, and its id is free;
/// * a message stored goes out under its id, again where it may have gone out before; where that must not happen (sent `once`,
///   no resending, older than the server's dedup window) it settles as `Unconfirmed`, for nobody can know;
/// * an arrival not stored is not acknowledged, so the server pushes it again;
/// * an arrival stored is in the dedup window: its repeat is acknowledged and not shown again.
///
/// Messages that waited for a connection leave after one more storing, once it is ready: so what was typed offline is known
/// after a crash as never sent. It costs a transaction for each message and two for each connection. `Persist` may be answered late and once for many: a
/// version covers all before it, and heartbeats and the connection do not wait for it. `examples/durable` does all this
/// with an embedded database, and is killed in a test again and again. A [`Peer`](crate::Peer) does the same where its
/// [`PeerPolicy`](crate::config::PeerPolicy) asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Durability {
    /// Nothing waits; a snapshot is taken whenever the host likes, and a crash loses what came after it.
    #[default]
    Off,
    /// Store, then act: what was taken is told and sent, and what was delivered is acknowledged, only after `persisted`.
    WriteAhead,
}
