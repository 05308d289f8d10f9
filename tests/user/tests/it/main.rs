//! What a user of redial tells of it.
#![deny(warnings)]

mod conversation;
mod hosting;
mod naming;
mod refusals;
mod settings;
mod spelling;
mod story;
