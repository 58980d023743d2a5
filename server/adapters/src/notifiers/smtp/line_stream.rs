//! A TCP stream that is read a line at a time.
//!
//! Who sits on the wire can send a second line right behind the answer to STARTTLS, still in clear. A client that
//! reads ahead keeps it, and takes it for the first answer after the handshake; every later answer is then out of
//! step, and "accepted" is read where nothing was accepted yet. Here the reader above gets no byte behind a line
//! break, so that such a line is met by the TLS handshake, which fails.
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes read from the socket at once.
const BUFFER: usize = 4096;

#[derive(Debug)]
pub(super) struct LineStream {
    tcp: TcpStream,
    buffer: Vec<u8>,
    /// What is before this was handed out.
    given: usize,
}

impl LineStream {
    pub(super) const fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: Vec::new(), given: 0 }
    }
}

impl AsyncRead for LineStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given >= this.buffer.len() {
            let mut space = [0u8; BUFFER];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut read))?;
            this.buffer.clear();
            this.buffer.extend_from_slice(read.filled());
            this.given = 0;
        }
        let rest = this.buffer.get(this.given..).unwrap_or_default();
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let count = line.min(out.remaining());
        out.put_slice(rest.get(..count).unwrap_or_default());
        this.given += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for LineStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn no_read_goes_past_a_line_and_no_byte_is_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let sent = format!("220 go\r\n250 injected\r\n{}\n\n\nrest", "x".repeat(2 * BUFFER));
        server.write_all(sent.as_bytes()).await.unwrap();
        drop(server);
        let (mut stream, mut read) = (LineStream::new(client), Vec::new());
        let mut space = [0u8; 1000];
        loop {
            let count = stream.read(&mut space).await.unwrap();
            if count == 0 {
                break;
            }
            let piece = &space[..count];
            assert!(!piece[..count - 1].contains(&b'\n'), "read past a line");
            read.extend_from_slice(piece);
        }
        assert_eq!(read, sent.as_bytes());
    }
}
