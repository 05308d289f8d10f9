//! One connection: frames both ways, until it ends or the present fault ends it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redial::Frame;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant as Wall;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::fault::Fault;
use super::server::Shared;
use super::service::Member;

/// What a connection's task is told to do.
pub(crate) enum Order {
    Frame(Frame),
    Close(u16, String),
}

/// One connection.
pub(crate) struct Line<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) member: Member,
    pub(crate) socket: Box<WebSocketStream<TcpStream>>,
    pub(crate) inbox: mpsc::Receiver<Order>,
}

impl Line<'_> {
    /// Carries frames both ways until the connection ends, or the present fault ends it.
    pub(crate) async fn carry(mut self) {
        let mut faults = self.shared.fault.clone();
        let (mut since, mut frozen) = (Wall::now(), false);
        loop {
            let fault = *faults.borrow_and_update();
            let strike = fault.strikes_after().filter(|_| !frozen).map(|after| since + self.shared.wall(after));
            tokio::select! {
                biased;
                changed = faults.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    (since, frozen) = (Wall::now(), false);
                }
                () = sleep_until(strike) => match fault {
                    Fault::HalfOpen => {
                        frozen = true;
                        (self.shared.say)(&format!("connection {} is half-open from here on", self.member));
                    }
                    Fault::Kick => {
                        since = Wall::now();
                        self.shared.with(|service, _, out| service.kick(self.member, out));
                    }
                    _ => return,
                },
                order = self.inbox.recv() => {
                    let Some(order) = order else { return };
                    if !frozen && fault != Fault::Silent && !self.obey(order).await {
                        return;
                    }
                }
                message = self.socket.next(), if !frozen => {
                    let Some(Ok(message)) = message else { return };
                    self.hear(&message);
                }
            }
        }
    }

    async fn obey(&mut self, order: Order) -> bool {
        let message = match order {
            Order::Frame(Frame::Text(text)) => Wire::text(text.into_owned()),
            Order::Frame(Frame::Binary(bytes)) => Wire::binary(bytes),
            Order::Frame(Frame::Ping(bytes)) => Wire::Ping(bytes.into()),
            Order::Frame(Frame::Pong(bytes)) => Wire::Pong(bytes.into()),
            Order::Close(code, reason) => Wire::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })),
        };
        self.show("->", &message);
        let limit = Duration::from_secs(30);
        matches!(tokio::time::timeout(limit, self.socket.send(message)).await, Ok(Ok(())))
    }

    fn hear(&self, message: &Wire) {
        self.show("<-", message);
        if let Wire::Text(text) = message {
            self.shared.with(|service, now, out| service.on_text(now, self.member, text.as_str(), out));
        }
    }

    fn show(&self, way: &str, message: &Wire) {
        if self.shared.frames {
            (self.shared.say)(&format!("connection {} {way} {message:?}", self.member));
        }
    }
}

async fn sleep_until(at: Option<Wall>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
