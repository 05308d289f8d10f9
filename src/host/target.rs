//! Address of a server: a WebSocket URL taken apart, and the opening handshake that follows from it.
//!
//! 1. A URL that no attempt could ever dial is refused when it is read, with the reason.
//! 2. Nothing that would break the request line or a header field gets into them.
//! 3. Errors and `Debug` show neither credentials nor the query.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::dialect::Handshake;
use crate::secret::Secret;

/// Why a URL or a handshake can never lead to a connection. Trying again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The URL has no scheme, or another than `ws` and `wss`.
    #[error("the URL begins with neither `ws://` nor `wss://`")]
    Scheme,
    /// The URL names no host.
    #[error("the URL names no host")]
    EmptyHost,
    /// The host is neither a name in ASCII nor an IPv4 address nor an IPv6 address in brackets.
    #[error("the host is neither a name in ASCII (IDNs in Punycode) nor an IP address, IPv6 in brackets")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The user or the password is not percent-encoded, or cannot stand in a `Basic` credential (RFC 7617 §2).
    #[error("the user and the password of the URL cannot stand in a Basic credential")]
    UserInfo,
    /// The path or the query has a character that must be percent-encoded (RFC 3986 §2).
    #[error("the path or the query has a character that must be percent-encoded")]
    Path,
    /// The URL has a fragment (RFC 6455 §3).
    #[error("a WebSocket URL has no fragment")]
    Fragment,
    /// The URL is longer than [`Target::LONGEST`].
    #[error("the URL is longer than {} bytes", Target::LONGEST)]
    TooLong,
    /// A subprotocol is not a token (RFC 6455 §4.1, RFC 9110 §5.6.2).
    #[error("a subprotocol is not a token")]
    Subprotocol,
    /// The URL asks for TLS, and the host has none.
    #[error("the URL begins with `wss://`, and this host has no TLS")]
    NoTls,
}

/// Address of a server, read from a `ws://` or `wss://` URL (RFC 6455 §3).
///
/// A user and a password in the URL become the header `Authorization: Basic`, as browsers do it.
///
/// ```
/// use redial::dialect::Handshake;
/// use redial::host::{Target, TargetError};
///
/// let target: Target = "wss://[2001:db8::1]:8443/chat?room=7".parse()?;
/// assert_eq!((target.is_secure(), target.host(), target.port()), (true, "2001:db8::1", 8443));
///
/// let handshake = Handshake::default().query(Some("token=abc".to_owned()));
/// let dialed = target.with_handshake(&handshake)?;
/// assert_eq!(dialed.request_target(), "/chat?room=7&token=abc");
/// assert_eq!(dialed.url(), "wss://[2001:db8::1]:8443/chat?room=7&token=abc");
///
/// assert_eq!("http://example.org".parse::<Target>(), Err(TargetError::Scheme));
/// assert_eq!("ws://example.org/#top".parse::<Target>(), Err(TargetError::Fragment));
/// # Ok::<(), TargetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    is_secure: bool,
    host: String,
    port: u16,
    /// The path, which begins with `/`, and the query.
    path: String,
    authorization: Option<Secret>,
    subprotocols: Vec<String>,
}

impl Target {
    /// Greatest length of a URL, query of the handshake included: 8,000 bytes, which every HTTP server should take
    /// (RFC 9110 §4.1).
    pub const LONGEST: usize = 8_000;

    /// Adds what a dialect wants of the opening handshake of one connection.
    ///
    /// The query goes behind the query of the URL. Fails where the query or a subprotocol would break the request.
    pub fn with_handshake(&self, handshake: &Handshake) -> Result<Self, TargetError> {
        let mut target = self.clone();
        if let Some(query) = handshake.query.as_deref().filter(|query| !query.is_empty()) {
            let separator = match target.path.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            };
            target.path.push_str(separator);
            target.path.push_str(query);
        }
        check_path(&target.path)?;
        if target.path.len() > Self::LONGEST {
            return Err(TargetError::TooLong);
        }
        if !handshake.subprotocols.iter().all(|protocol| is_token(protocol)) {
            return Err(TargetError::Subprotocol);
        }
        target.subprotocols.clone_from(&handshake.subprotocols);
        Ok(target)
    }

    /// Refuses a `wss` URL, for a host that has no TLS: such a connection could never be made.
    pub fn without_tls(self) -> Result<Self, TargetError> {
        if self.is_secure { Err(TargetError::NoTls) } else { Ok(self) }
    }

    /// Whether the connection runs over TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Returns the host to resolve and to check the certificate against: a name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port. Default: 80, or 443 over TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path and the query, for the request line. They may hold a credential.
    pub fn request_target(&self) -> &str {
        &self.path
    }

    /// Returns the value of the header `Host`: the host, and the port where it is not the default (RFC 6455 §4.1).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_secure) { host } else { format!("{host}:{}", self.port) }
    }

    /// Returns the URL without user and password. Its query may hold a credential.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }

    /// Returns the headers to add to those of every opening handshake, by name and value: `Authorization` and
    /// `Sec-WebSocket-Protocol`, each where there is something to say.
    pub fn headers(&self) -> Vec<(&'static str, Secret)> {
        let mut headers = Vec::new();
        headers.extend(self.authorization.clone().map(|value| ("Authorization", value)));
        if !self.subprotocols.is_empty() {
            headers.push(("Sec-WebSocket-Protocol", Secret::new(self.subprotocols.join(", "))));
        }
        headers
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        if url.len() > Self::LONGEST {
            return Err(TargetError::TooLong);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        let is_secure = match scheme {
            scheme if scheme.eq_ignore_ascii_case("ws") => false,
            scheme if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(TargetError::Scheme),
        };
        if rest.contains('#') {
            return Err(TargetError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (Some(user_info), place),
            None => (None, authority),
        };
        check_path(path)?;
        let (host, port) = host_and_port(place)?;
        Ok(Self {
            is_secure,
            host: host.to_string(),
            port: port.unwrap_or(default_port(is_secure)),
            path: if path.starts_with('/') { path.to_string() } else { format!("/{path}") },
            authorization: user_info.map(basic).transpose()?,
            subprotocols: Vec::new(),
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("is_secure", &self.is_secure)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.path.split('?').next())
            .finish_non_exhaustive()
    }
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

fn host_and_port(place: &str) -> Result<(&str, Option<u16>), TargetError> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(TargetError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| TargetError::Host)?;
        (host, port)
    } else {
        let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
        check_name(host)?;
        (host, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(TargetError::Host),
        // A colon without a number stands for the default (RFC 3986 §3.2.3).
        Some("") => None,
        Some(digits) => Some(port_number(digits)?),
    };
    Ok((host, port))
}

fn check_name(host: &str) -> Result<(), TargetError> {
    if host.is_empty() {
        return Err(TargetError::EmptyHost);
    }
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if host.bytes().all(is_fine) { Ok(()) } else { Err(TargetError::Host) }
}

fn port_number(digits: &str) -> Result<u16, TargetError> {
    // The parser of integers takes a sign, which no port has.
    let number = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|digits| digits.parse().ok()).filter(|port| *port > 0).ok_or(TargetError::Port)
}

/// Braces and bars are let through: services use them, and HTTP servers take them.
fn check_path(path: &str) -> Result<(), TargetError> {
    let is_fine =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`');
    if path.bytes().all(is_fine) { Ok(()) } else { Err(TargetError::Path) }
}

fn is_token(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_fine)
}

/// The credential `Basic` of a user and a password (RFC 7617 §2).
fn basic(user_info: &str) -> Result<Secret, TargetError> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let (user, password) = (percent_decoded(user)?, percent_decoded(password)?);
    let is_readable = !user.contains(&b':') && !user.iter().chain(&password).any(u8::is_ascii_control);
    if !is_readable {
        return Err(TargetError::UserInfo);
    }
    let pair = [user.as_slice(), b":", password.as_slice()].concat();
    Ok(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, TargetError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hexadecimal(bytes.next())? << 4 | hexadecimal(bytes.next())?,
            byte if byte.is_ascii_graphic() => byte,
            _ => return Err(TargetError::UserInfo),
        };
        decoded.push(byte);
    }
    Ok(decoded)
}

fn hexadecimal(digit: Option<u8>) -> Result<u8, TargetError> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16)).and_then(|value| u8::try_from(value).ok());
    value.ok_or(TargetError::UserInfo)
}
