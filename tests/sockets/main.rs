//! Tests over real sockets, as one program: both adapters through a relay that breaks what has to break, and whole
//! programs.

mod adapters;
#[path = "../it/support/example.rs"]
mod example;
mod programs;
