//! Stories: scenarios named as sentences, on a virtual clock. The oracle listens to all of them.

mod closing;
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
mod reconnecting;
mod refusals;
mod remembering;
mod resending;
mod spelling;
mod values;
mod words;
