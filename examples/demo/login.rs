//! Who comes in: the hub's side of a handshake.

use futures_util::StreamExt as _;
use redial::dialect::{Login, SequenceSignal, Side, Signal};
use redial::{Frame, Preset};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

/// How long a handshake, and a first frame that has to name somebody, may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Somebody whom the hub knows.
pub(crate) struct Arrival {
    pub(crate) name: &'static str,
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The frame that said who it is, where the handshake did not.
    pub(crate) first: Option<Frame>,
}

/// Lets somebody in who shows one of these names as a credential, in the handshake or in the first frame, as the
/// dialect has it.
pub(crate) async fn let_in(stream: TcpStream, names: &[&'static str], preset: &Preset) -> Option<Arrival> {
    tokio::time::timeout(PATIENCE, greet(stream, names, preset)).await.ok()?
}

async fn greet(stream: TcpStream, names: &[&'static str], preset: &Preset) -> Option<Arrival> {
    stream.set_nodelay(true).ok()?;
    let known = |token: &str| names.iter().copied().find(|name| *name == token);
    let says_hello = preset.dialect().capabilities().login == Login::Hello;
    let spoken = preset.dialect().handshake(None).subprotocols;
    let mut name = None;
    #[expect(clippy::result_large_err, reason = "the WebSocket crate's callback has this type")]
    let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        name = request.uri().query().and_then(|query| known(query.strip_prefix("token=")?));
        if name.is_none() && !says_hello {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            return Err(refusal);
        }
        let offered = request.headers().get("Sec-WebSocket-Protocol");
        if let Some(offered) = offered.filter(|offered| spoken.iter().any(|word| *offered == word.as_str())) {
            response.headers_mut().insert("Sec-WebSocket-Protocol", offered.clone());
        }
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, look).await.ok()?;
    if let Some(name) = name {
        return Some(Arrival { name, socket, first: None });
    }
    let Some(Ok(Message::Text(text))) = socket.next().await else { return None };
    let first = Frame::text(text.as_str().to_owned());
    let signal = preset.dialect().decode(Side::Server, &first, &preset.config().limits).ok()?;
    let Signal::Sequence(SequenceSignal::Hello(hello)) = signal else { return None };
    let name = known(hello.credential.as_ref()?.reveal())?;
    Some(Arrival { name, socket, first: Some(first) })
}
