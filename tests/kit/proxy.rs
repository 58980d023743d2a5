//! A TCP proxy that can hold back, cut in two, or lose what passes through it.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with bytes on their way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Passes everything.
    Pass,
    /// Passes up to the first occurrence of these bytes; holds them and all that follows, until [`Proxy::release`].
    HoldFrom(Vec<u8>),
    /// Passes up to and with these bytes; holds all that follows.
    HoldAfter(Vec<u8>),
    /// Closes a connection at once when it sends any of these.
    CutAt(Vec<Vec<u8>>),
}

#[derive(Debug)]
struct State {
    upstream: Upstream,
    /// Answers of the server are dropped.
    deaf: bool,
}

/// A proxy in front of one address; it stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    holding: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Listens on a free loopback port.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let state = Arc::new(Mutex::new(State { upstream: Upstream::Pass, deaf: false }));
        let (holding, _) = watch::channel(false);
        let (shared, held) = (Arc::clone(&state), holding.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = upstream.into_split();
                tokio::spawn(up(from_client, to_server, Arc::clone(&shared), held.clone()));
                tokio::spawn(down(from_server, to_client, Arc::clone(&shared)));
            }
        });
        Self { address, state, holding, accepting }
    }

    /// Port of the proxy.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what happens on the way to the server.
    pub fn upstream(&self, upstream: Upstream) {
        self.state.lock().expect("state").upstream = upstream;
    }

    /// Drops all answers of the server from now on.
    pub fn deafen(&self) {
        self.state.lock().expect("state").deaf = true;
    }

    /// Passes answers again.
    pub fn hear(&self) {
        self.state.lock().expect("state").deaf = false;
    }

    /// Bytes are being held back now.
    pub fn holds(&self) -> bool {
        *self.holding.borrow()
    }

    /// Sends on what was held, and passes everything from now on.
    pub fn release(&self) {
        self.upstream(Upstream::Pass);
        self.holding.send_replace(false);
    }
}

/// The client may hang up meanwhile: what is held reaches the server all the same, as it would from a slow network.
async fn up(
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    state: Arc<Mutex<State>>,
    holding: watch::Sender<bool>,
) {
    let mut seen: Vec<u8> = Vec::new();
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let Ok(n @ 1..) = client.read(&mut buffer).await else { return };
        seen.extend_from_slice(&buffer[..n]);
        let rule = state.lock().expect("state").upstream.clone();
        if let Upstream::CutAt(marks) = &rule
            && marks.iter().any(|mark| find(&seen, mark).is_some())
        {
            return;
        }
        let pass = match &rule {
            Upstream::Pass | Upstream::CutAt(_) => seen.len(),
            Upstream::HoldFrom(mark) => find(&seen, mark).unwrap_or(seen.len()),
            Upstream::HoldAfter(mark) => find(&seen, mark).map_or(seen.len(), |at| at + mark.len()),
        };
        let rest = seen.split_off(pass);
        if server.write_all(&seen).await.is_err() {
            return;
        }
        seen = rest;
        if !seen.is_empty() {
            let mut released = holding.subscribe();
            holding.send_replace(true);
            if released.wait_for(|held| !held).await.is_err() || server.write_all(&seen).await.is_err() {
                return;
            }
            seen.clear();
        }
    }
}

async fn down(
    mut server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    state: Arc<Mutex<State>>,
) {
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let Ok(n @ 1..) = server.read(&mut buffer).await else { return };
        let deaf = state.lock().expect("state").deaf;
        if !deaf && client.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
