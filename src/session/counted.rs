//! What a session hears in a dialect that has positions.

use super::Halves;
use crate::cx::Cx;
use crate::error::FetchedError;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::{Ending, News};
use crate::signal::{Content, Ride, Signal};
use crate::state::Cause;

impl Halves<'_> {
    /// A message under a position, or word that it does not come.
    pub(super) fn on_numbered(
        &mut self,
        cx: &mut Cx<'_>,
        position: u64,
        id: MessageId,
        content: Option<Content>,
        frame: &mut Frame,
    ) -> Option<News> {
        let body = content.map(|content| || content.into_body(frame));
        match self.delivery.on_numbered(cx, position, id, body) {
            Ok(new) => {
                if new {
                    self.link.on_push(cx);
                }
                None
            }
            Err(cause) => Some(self.breach(cx, cause)),
        }
    }

    pub(super) fn on_counted(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
    ) -> Option<News> {
        let judged = match signal {
            Signal::Admitted(terms) if self.link.awaits_welcome() => match self.delivery.on_admitted(cx, terms) {
                Ok(()) => return self.link.on_welcome(cx, connection, terms.heartbeat),
                refused => refused,
            },
            Signal::AckUpTo { position, refused, rides } => {
                match rides {
                    Ride::Alone => {}
                    Ride::Beat => cx.say_beat(connection, Ride::BeatReply),
                    Ride::BeatReply => self.link.on_reply(cx, connection),
                }
                self.delivery.on_ack_up_to(cx, *position, refused)
            }
            Signal::Bye(bye) => {
                if !bye.resume {
                    self.delivery.forget_session();
                }
                return Some(self.link.on_bye(cx, connection, *bye));
            }
            _ => Ok(()),
        };
        judged.err().map(|cause| self.breach(cx, cause))
    }

    /// The host has fetched what was missing. What finds no room is not taken, so the server sends it again on another connection.
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Cx<'_>,
        from: u64,
        to: Option<u64>,
        ids: &[MessageId],
    ) -> Result<(), FetchedError> {
        if !self.delivery.fetched(cx, from, to, ids)? {
            let news = self.breach(cx, Cause::Gap);
            self.pass_on(cx, Some(news));
        }
        Ok(())
    }

    /// The server is at fault: its connection is closed with a code that says so.
    fn breach(&mut self, cx: &mut Cx<'_>, cause: Cause) -> News {
        self.delivery.on_breach(cause);
        self.link.lose(cx, cause, Ending::default())
    }
}
