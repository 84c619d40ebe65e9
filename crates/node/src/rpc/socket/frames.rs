//! Frames of RFC 6455: messages put together out of them, and answers put into them.
//!
//! For [`super`]. Invariant: a message takes memory as it comes, out of the budget that all requests
//! share, and it has to be whole in time; what a frame promises takes none.

use crate::server::bodies::{Arrival, Bodies, GaveWay, Whole};
use soketto::Parsing;
use soketto::base::{Codec, Header, OpCode};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::io::{BufReader, BufWriter};
use tokio::time::{Instant, timeout_at};

/// Why a socket is closed: RFC 6455, section 7.4.1.
pub(super) const NORMAL: u16 = 1_000;
/// Frames that do not follow each other, or are none.
const PROTOCOL: u16 = 1_002;
/// A message that takes too long, or pings that nobody answers.
pub(super) const TOO_SLOW: u16 = 1_008;
/// A message had to give way to those of others.
const TRY_AGAIN: u16 = 1_013;
/// Longest head of a frame.
const HEAD_BYTES_MAX: usize = 14;
/// Bytes that are read or written at once.
const BUFFER_BYTES: usize = 4 << 10;

/// What a client sends.
pub(super) enum Incoming {
    /// A whole message.
    Message(Whole),
    /// The end of one that is longer than it may be, and was not kept.
    TooLong,
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// A socket that is of no more use.
pub(super) enum Broken {
    /// Its client is gone.
    Gone,
    /// Its client does what none may; the code says what.
    Rule(u16),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Broken {
        Broken::Gone
    }
}

impl From<GaveWay> for Broken {
    fn from(_: GaveWay) -> Broken {
        Broken::Rule(TRY_AGAIN)
    }
}

/// A message of which a part has come.
struct Message {
    /// None once it is too long.
    arrival: Option<Arrival>,
    bytes: usize,
    /// When it must be whole.
    until: Instant,
}

/// What comes from a client.
pub(super) struct Frames<R> {
    reader: BufReader<R>,
    codec: Codec,
    bodies: Arc<Bodies>,
    patience: Duration,
    message: Option<Message>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub fn new(reader: R, bodies: Arc<Bodies>, patience: Duration) -> Frames<R> {
        let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Frames { reader, codec: Codec::new(), bodies, patience, message: None }
    }

    /// The next message, or a frame between messages or within one. Waits for its first byte as
    /// long as it takes, and then for all of it no longer than there is patience.
    ///
    /// What was read is lost when this is dropped before it is done.
    pub async fn next(&mut self) -> Result<Incoming, Broken> {
        loop {
            if self.message.is_none() && self.reader.fill_buf().await?.is_empty() {
                return Err(Broken::Gone);
            }
            let new = Instant::now() + self.patience;
            let until = self.message.as_ref().map_or(new, |message| message.until);
            let frame = timeout_at(until, self.frame(until)).await;
            if let Some(incoming) = frame.map_err(|_| Broken::Rule(TOO_SLOW))?? {
                return Ok(incoming);
            }
        }
    }

    /// Reads one frame; gives nothing where more of its message has to come.
    async fn frame(&mut self, until: Instant) -> Result<Option<Incoming>, Broken> {
        let header = self.header().await?;
        if !header.is_masked() {
            return Err(Broken::Rule(PROTOCOL));
        }
        if header.opcode().is_control() {
            return self.control(&header).await.map(Some);
        }
        let first = header.opcode() != OpCode::Continue;
        let mut message = match (first, self.message.take()) {
            (true, None) => Message { arrival: Some(self.bodies.arrival()), bytes: 0, until },
            (false, Some(message)) => message,
            _ => return Err(Broken::Rule(PROTOCOL)),
        };
        self.payload(&header, &mut message).await?;
        if !header.is_fin() {
            self.message = Some(message);
            return Ok(None);
        }
        match message.arrival {
            Some(arrival) => Ok(Some(Incoming::Message(arrival.finish()?))),
            None => Ok(Some(Incoming::TooLong)),
        }
    }

    async fn header(&mut self) -> Result<Header, Broken> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let mut got = 0;
        loop {
            match self.codec.decode_header(&bytes[..got]) {
                Ok(Parsing::Done { value, .. }) => return Ok(value),
                Ok(Parsing::NeedMore(more)) => {
                    self.reader.read_exact(&mut bytes[got..got + more]).await?;
                    got += more;
                }
                Err(_) => return Err(Broken::Rule(PROTOCOL)),
            }
        }
    }

    async fn control(&mut self, header: &Header) -> Result<Incoming, Broken> {
        // At most 125 bytes: the codec takes no others.
        let mut payload = vec![0; header.payload_len()];
        self.reader.read_exact(&mut payload).await?;
        Codec::apply_mask(header, &mut payload);
        Ok(match header.opcode() {
            OpCode::Ping => Incoming::Ping(payload),
            OpCode::Pong => Incoming::Pong,
            _ => Incoming::Close,
        })
    }

    /// Adds the payload of a frame to its message, piece by piece as it comes.
    async fn payload(&mut self, header: &Header, message: &mut Message) -> Result<(), Broken> {
        let mask = header.mask().to_be_bytes();
        let mut read = 0;
        while read < header.payload_len() {
            let come = self.reader.fill_buf().await?;
            if come.is_empty() {
                return Err(Broken::Gone);
            }
            let piece = &come[..come.len().min(header.payload_len() - read)];
            let length = piece.len();
            message.bytes = message.bytes.saturating_add(length);
            if message.bytes > self.bodies.body_bytes_max() {
                // It is read on, but no longer kept.
                message.arrival = None;
            }
            if let Some(arrival) = &message.arrival {
                let keys = mask.iter().cycle().skip(read % mask.len());
                let plain: Vec<u8> = piece.iter().zip(keys).map(|(byte, key)| byte ^ key).collect();
                arrival.push(&plain)?;
            }
            self.reader.consume(length);
            read += length;
        }
        Ok(())
    }
}

/// What goes to a client.
pub(super) struct Writer<W> {
    writer: W,
    codec: Codec,
}

impl<W: AsyncWrite + Unpin> Writer<BufWriter<W>> {
    pub fn new(writer: W) -> Writer<BufWriter<W>> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        Writer { writer, codec: Codec::new() }
    }
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn write(&mut self, code: OpCode, payload: &[u8]) -> io::Result<()> {
        let mut header = Header::new(code);
        header.set_fin(true).set_payload_len(payload.len());
        self.writer.write_all(self.codec.encode_header(&header)).await?;
        self.writer.write_all(payload).await?;
        self.writer.flush().await
    }

    pub async fn text(&mut self, text: &str) -> io::Result<()> {
        self.write(OpCode::Text, text.as_bytes()).await
    }

    pub async fn ping(&mut self) -> io::Result<()> {
        self.write(OpCode::Ping, &[]).await
    }

    pub async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.write(OpCode::Pong, payload).await
    }

    /// Says the last, and lets go.
    pub async fn close(&mut self, code: u16) -> io::Result<()> {
        self.write(OpCode::Close, &code.to_be_bytes()).await?;
        self.writer.shutdown().await
    }
}
