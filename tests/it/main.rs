//! Tests, as one program: stories, properties, a simulator, and one oracle that all of them share.

mod budget;
mod durability;
mod durable;
mod host;
mod hostile;
mod journal;
mod matrix;
mod model;
mod native;
mod oracle;
mod outages;
mod pipe;
mod properties;
mod screen;
mod sim;
mod stories;
mod support;
mod systems;
mod tidy;
mod transitions;
