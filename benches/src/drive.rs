//! Drives the servers and reads what the kernel counted for them.
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use data_encoding::BASE64;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::figures::{Fault, median, say, ticks};
use crate::seeded::token_text;
use crate::stage::durable_cluster;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Live tokens in the store
    #[arg(long, default_value_t = 1_000_000)]
    tokens: usize,
    /// The store in PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
    /// Connections at a time
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Samples of each workload; the median counts
    #[arg(long, default_value_t = 5)]
    samples: usize,
    /// Requests in a sample
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
}

/// A server process. Ended on drop.
struct Server {
    child: Child,
    port: u16,
    facts: Value,
}

impl Server {
    fn start(arguments: &[&str]) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let facts: Value = serde_json::from_str(&line)?;
        let port =
            facts.get("port").and_then(Value::as_u64).and_then(|p| u16::try_from(p).ok()).ok_or("no port")?;
        Ok(Self { child, port, facts })
    }

    /// CPU time so far, microseconds: user and system, all threads.
    fn cpu(&self) -> Result<u64, Fault> {
        // A tick is 10 ms on every Linux that matters here.
        Ok(10_000 * ticks(&format!("/proc/{}/stat", self.child.id()))?)
    }

    /// Memory in MiB: its own, and pages of files that it has mapped, which the kernel takes back when it wants.
    fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
            let kibibytes = line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok());
            kibibytes.unwrap_or(0) / 1024
        };
        (mebibytes("RssAnon"), mebibytes("RssFile"))
    }

    fn basic(&self, client: &str) -> String {
        let secret =
            self.facts.get("clients").and_then(|c| c.get(client)).and_then(Value::as_str).unwrap_or_default();
        BASE64.encode(format!("{client}:{secret}").as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(path: &str, basic: &str, body: &str) -> Vec<u8> {
    let authorization =
        if basic.is_empty() { String::new() } else { format!("Authorization: Basic {basic}\r\n") };
    format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// One answer: status line and body, by Content-Length.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<String> {
    buffer.clear();
    let mut chunk = [0u8; 8192];
    loop {
        let n = stream.read(&mut chunk).await?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let text = String::from_utf8_lossy(buffer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .and_then(|v| v.trim().parse::<usize>().ok())
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Ok(text.into_owned());
            }
        }
    }
}

/// One sample.
struct Sample {
    cpu_us: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    wrong: usize,
    bodies: Vec<String>,
}

async fn sample(
    server: &Server,
    clients: usize,
    requests: usize,
    expected: &'static str,
    keep: bool,
    make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Sample, Fault> {
    let (next, make) = (Arc::new(AtomicUsize::new(0)), Arc::new(make));
    let (before, began) = (server.cpu()?, Instant::now());
    let mut lanes = Vec::new();
    for _ in 0..clients {
        let (next, make, port) = (Arc::clone(&next), Arc::clone(&make), server.port);
        lanes.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let (mut times, mut wrong, mut buffer, mut bodies) = (Vec::new(), 0, Vec::new(), Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok::<_, std::io::Error>((times, wrong, bodies));
                }
                let request = make(number);
                let asked = Instant::now();
                stream.write_all(&request).await?;
                let text = answer(&mut stream, &mut buffer).await?;
                times.push(asked.elapsed().as_secs_f64() * 1_000.0);
                wrong += usize::from(!text.contains(expected));
                if keep {
                    bodies.push(text);
                }
            }
        }));
    }
    let (mut times, mut wrong, mut bodies) = (Vec::new(), 0, Vec::new());
    for lane in lanes {
        let (t, w, b) = lane.await??;
        times.extend(t);
        wrong += w;
        bodies.extend(b);
    }
    let seconds = began.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() as f64) * share) as usize).copied().unwrap_or_default();
    Ok(Sample {
        cpu_us: (server.cpu()? - before) as f64 / requests as f64,
        per_second: requests as f64 / seconds,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        wrong,
        bodies,
    })
}

/// Prints a row: medians, and the ratio of CPU per request to the bare endpoint's.
fn row(name: &str, samples: &[Sample], bare: f64) {
    let of = |f: fn(&Sample) -> f64| median(&samples.iter().map(f).collect::<Vec<_>>());
    let wrong: usize = samples.iter().map(|s| s.wrong).sum();
    say(&format!(
        "{name:<34} {:>8.1} us  {:>6.1}x  {:>9.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  wrong {wrong}",
        of(|s| s.cpu_us),
        of(|s| s.cpu_us) / bare,
        of(|s| s.per_second),
        of(|s| s.p50_ms),
        of(|s| s.p99_ms)
    ));
}

/// Measures everything.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let cluster = if args.postgres { Some(durable_cluster().await?) } else { None };
    let (database, kind) = match &cluster {
        Some(cluster) => {
            cluster.databases(&["store"]).await;
            (
                format!("{}?sslmode=disable", cluster.url("store")),
                "PostgreSQL, fsync and synchronous_commit on",
            )
        }
        None => {
            let file = folder.path().join("hallpass.db");
            (format!("sqlite:{}", file.display()), "SQLite WAL, synchronous=FULL")
        }
    };
    let hello = Server::start(&["hello"])?;
    let seeded = Instant::now();
    let (tokens, path) = (args.tokens.to_string(), folder.path().display().to_string());
    let hallpass =
        Server::start(&["hallpass", "--tokens", &tokens, "--database", &database, "--folder", &path])?;
    say(&format!(
        "{tokens} live tokens on {kind}, seeded in {:.0} s; {} clients, {} samples of {} requests, 1 worker each; audit on",
        seeded.elapsed().as_secs_f64(),
        args.clients,
        args.samples,
        args.requests
    ));
    let (resource, job) = (hallpass.basic("api"), hallpass.basic("job"));
    let (clients, requests, count) = (args.clients, args.requests, args.tokens);

    let (mut bare, mut warm, mut cold, mut issue, mut revoke) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.samples {
        bare.push(
            sample(&hello, clients, requests, "\"active\":true", false, |_| post("/", "", "token=x")).await?,
        );
        let basic = resource.clone();
        warm.push(
            sample(&hallpass, clients, requests, "\"active\":true", false, move |n| {
                post("/oauth/introspect", &basic, &format!("token={}", token_text(n % 1_000)))
            })
            .await?,
        );
        let basic = resource.clone();
        // A stride that is prime to the count: every token is asked about once before any is twice.
        cold.push(
            sample(&hallpass, clients, requests, "\"active\":true", false, move |n| {
                post(
                    "/oauth/introspect",
                    &basic,
                    &format!("token={}", token_text((round * requests + n) * 7_919 % count)),
                )
            })
            .await?,
        );
        let basic = job.clone();
        let issued = sample(&hallpass, clients, requests / 4, "access_token", true, move |_| {
            post("/oauth/token", &basic, "grant_type=client_credentials&scope=api-read")
        })
        .await?;
        let made: Arc<Vec<String>> = Arc::new(
            issued
                .bodies
                .iter()
                .filter_map(|b| {
                    b.split("\"access_token\":\"").nth(1).and_then(|t| t.split('"').next()).map(str::to_owned)
                })
                .collect(),
        );
        issue.push(issued);
        let basic = job.clone();
        let (each, tokens) = (made.len(), Arc::clone(&made));
        let mut revoked = sample(&hallpass, clients, each, "200 OK", false, move |n| {
            post("/oauth/revoke", &basic, &format!("token={}", tokens.get(n).map_or("", String::as_str)))
        })
        .await?;
        // An unknown token is answered with 200, too (RFC 7009 §2.2): what counts is what is said of it afterwards.
        let (basic, tokens) = (resource.clone(), Arc::clone(&made));
        let ended = sample(&hallpass, clients, each, "\"active\":false", false, move |n| {
            post("/oauth/introspect", &basic, &format!("token={}", tokens.get(n).map_or("", String::as_str)))
        });
        revoked.wrong += ended.await?.wrong;
        revoke.push(revoked);
    }
    let base = median(&bare.iter().map(|s| s.cpu_us).collect::<Vec<_>>());
    row("bare actix-web endpoint", &bare, base);
    row("introspect, warm (1,000 tokens)", &warm, base);
    row("introspect, cold (each token once)", &cold, base);
    row("issue a token, durable with audit", &issue, base);
    row("revoke a token, durable with audit", &revoke, base);
    let (own, mapped) = hallpass.memory();
    say(&format!("memory of the server: {own} MiB, and {mapped} MiB of files that are mapped"));
    Ok(())
}
