//! Stories: scenarios named as sentences, on a virtual clock. The oracle listens to all of them.

mod ages;
mod beats;
mod closing;
mod configuration;
mod edges;
mod figures;
mod guarantees;
mod heartbeat;
mod incoming;
mod limits;
mod login;
mod outcomes;
mod outgoing;
mod own_dialect;
mod peers;
mod presets;
mod reconnecting;
mod refusals;
mod remembering;
mod resending;
mod room;
mod spelling;
mod unusual;
mod values;
mod waits;
mod words;
