//! A front for two servers: every request goes to the other one than the request before.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longest head of a request.
const HEAD: usize = 64 * 1024;

/// Listens on a loopback port; stops when dropped. One request a connection: the head gets `Connection: close`.
pub struct Alternate {
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
    turn: Arc<AtomicUsize>,
}

impl Drop for Alternate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Alternate {
    /// In front of `servers`, on a listener that is bound already.
    ///
    /// # Panics
    /// Where the listener cannot be used.
    pub fn start(listener: std::net::TcpListener, servers: Vec<SocketAddr>) -> Self {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let turn = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&turn);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = servers[counter.fetch_add(1, Ordering::Relaxed) % servers.len()];
                tokio::spawn(async move {
                    let _ = pass(client, to).await;
                });
            }
        });
        Self { address, accepting, turn }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }
}

async fn pass(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0u8; 8 * 1024];
    let end = loop {
        let n = client.read(&mut buffer).await?;
        if n == 0 || head.len() > HEAD {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..n]);
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
    };
    let mut server = TcpStream::connect(to).await?;
    server.write_all(&head[..end]).await?;
    server.write_all(b"\r\nconnection: close").await?;
    server.write_all(&head[end..]).await?;
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    Ok(())
}
