//! While the child runs: signals, the grant's end, fresh tokens.
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hallpass_client::wire::grants::{Grant, GrantState};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::OnExpiry;
use super::access::Prepared;
use super::child::{Child, Event};
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::Exit;

/// How often the server is asked whether the grant was ended early.
const LOOK: Duration = Duration::from_secs(10);
/// The same once its time should be over.
const LOOK_CLOSELY: Duration = Duration::from_secs(2);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
/// Warnings before the end, seconds.
const WARN: [i64; 2] = [300, 60];
/// Far enough to mean never.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The signals that are handed on.
const FORWARDED: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// How the grant looks from here.
enum Seen {
    Holds,
    Over(String),
    Unknown,
}

/// Signals that arrived; to be had before the child is started, so that none comes too early.
pub(super) struct Signals(mpsc::UnboundedReceiver<Signal>);

/// Waits for the child's end; the exit code.
pub(super) async fn until_done(
    ctx: &Ctx,
    prepared: &mut Prepared,
    mut child: Child,
    mut signals: Signals,
    on_expiry: OnExpiry,
) -> u8 {
    let mut warnings = prepared.grant.as_ref().map(|grant| warnings(grant.ends_at)).unwrap_or_default();
    let mut look = Instant::now() + if prepared.grant.is_some() { first_look(prepared) } else { NEVER };
    let mut refresh = Instant::now() + refresh_in(prepared);
    let mut fetching: Option<Pin<Box<_>>> = None;
    let (mut over, mut killing, mut stopped_by_us) = (false, Instant::now() + NEVER, false);
    let code = loop {
        let warn_at = warnings.last().map_or_else(|| Instant::now() + NEVER, |(at, _)| *at);
        tokio::select! {
            biased;
            event = child.event() => match event {
                Event::Ended(code) => break code,
                Event::Stopped => child.suspend(),
            },
            Some(got) = signals.0.recv() => child.forward(got),
            () = sleep_until(killing) => {
                child.send(Signal::SIGKILL);
                killing = Instant::now() + NEVER;
            }
            () = sleep_until(warn_at) => {
                if let Some((_, left)) = warnings.pop() {
                    ctx.say(&format!("hallpass: {} ends in {}.", prepared.role, hallpass_domain::window::describe_seconds(left)));
                }
            }
            () = sleep_until(refresh), if !over && fetching.is_none() => fetching = Some(Box::pin(prepared.fetch(ctx))),
            // Beside everything else: a server that hangs keeps no signal and no end of the child waiting.
            fetched = async { match &mut fetching { Some(fetching) => fetching.await, None => std::future::pending().await } } => {
                fetching = None;
                refresh = Instant::now() + match fetched.and_then(|fetched| prepared.take(fetched)) {
                    Ok(()) => refresh_in(prepared),
                    Err(_) => LOOK,
                };
            }
            seen = async { sleep_until(look).await; see(prepared).await }, if !over => {
                let left = prepared.grant.as_ref().map_or(i64::MAX, |grant| (grant.ends_at - clock::now()).num_seconds());
                let why = match seen {
                    Seen::Over(why) => Some(why),
                    // Nobody to ask: then this machine's clock counts.
                    Seen::Unknown if left <= 0 => Some("its time is up".to_owned()),
                    Seen::Holds | Seen::Unknown => None,
                };
                look = Instant::now() + if left <= 0 { LOOK_CLOSELY } else { LOOK.min(Duration::from_secs(u64::try_from(left).unwrap_or(0).max(1))) };
                if let Some(why) = why {
                    over = true;
                    warnings.clear();
                    match on_expiry {
                        OnExpiry::Warn => ctx.say(&format!("hallpass: {} has ended: {why}. The command goes on without it.", prepared.role)),
                        OnExpiry::Term => {
                            ctx.say(&format!("hallpass: {} has ended: {why}. The command is stopped.", prepared.role));
                            stopped_by_us = true;
                            child.send(Signal::SIGTERM);
                            child.send(Signal::SIGCONT);
                            killing = Instant::now() + GRACE;
                        }
                    }
                }
            }
        }
    };
    if stopped_by_us {
        // The command has ended; what it started has the rest of the grace.
        let until = killing.min(Instant::now() + GRACE);
        while child.leaves_others() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if child.leaves_others() {
            child.send(Signal::SIGKILL);
        }
    }
    child.take_terminal_back();
    if stopped_by_us { Exit::GrantEnded.code() } else { code }
}

/// One channel for all signals that are handed on.
pub(super) fn forwarded() -> Signals {
    let (tell, signals) = mpsc::unbounded_channel();
    for which in FORWARDED {
        if let Ok(mut stream) = signal(SignalKind::from_raw(which as i32)) {
            let tell = tell.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    if tell.send(which).is_err() {
                        return;
                    }
                }
            });
        }
    }
    Signals(signals)
}

/// The warnings that are still ahead, the soonest last.
fn warnings(ends_at: DateTime<Utc>) -> Vec<(Instant, i64)> {
    let left = (ends_at - clock::now()).num_milliseconds();
    let mut ahead: Vec<(Instant, i64)> = WARN
        .iter()
        .filter_map(|seconds| {
            u64::try_from(left - seconds * 1_000)
                .ok()
                .map(|ms| (Instant::now() + Duration::from_millis(ms), *seconds))
        })
        .collect();
    ahead.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    ahead
}

/// The first look: after the usual time, or at the end where that is sooner.
fn first_look(prepared: &Prepared) -> Duration {
    let left =
        prepared.grant.as_ref().map_or(i64::MAX, |grant| (grant.ends_at - clock::now()).num_milliseconds());
    LOOK.min(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// A fresh token after two thirds of this one's life.
fn refresh_in(prepared: &Prepared) -> Duration {
    let Some(tokens) = &prepared.tokens else { return NEVER };
    let left = (tokens.expires_at - clock::now()).num_milliseconds();
    Duration::from_millis(u64::try_from(left * 2 / 3).unwrap_or(0)).clamp(Duration::from_secs(5), NEVER)
}

/// Asks the server about the grant.
async fn see(prepared: &Prepared) -> Seen {
    let Some(grant) = &prepared.grant else { return Seen::Holds };
    let asked = tokio::time::timeout(Duration::from_secs(5), prepared.client.grant(&grant.id)).await;
    match asked {
        Ok(Ok(grant)) => over(&grant).map_or(Seen::Holds, Seen::Over),
        _ => Seen::Unknown,
    }
}

/// Why a grant is over.
fn over(grant: &Grant) -> Option<String> {
    if matches!(grant.state, GrantState::Active | GrantState::Scheduled | GrantState::Unknown) {
        return None;
    }
    Some(match (grant.end_reason.map(|reason| reason.as_str()), &grant.ended_by) {
        (Some("revoked"), Some(by)) => format!("revoked by {by}"),
        (Some("revoked"), None) => "revoked".to_owned(),
        (Some("released"), _) => "ended by its holder".to_owned(),
        _ => "its time is up".to_owned(),
    })
}
