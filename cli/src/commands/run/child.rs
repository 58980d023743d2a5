//! The child process: its process group, the terminal, and its end.
use std::fs::File;
use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getpid, tcgetpgrp, tcsetpgrp};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// What the child did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It ended; the code for whoever called us: its own, or 128 + N where signal N ended it.
    Ended(u8),
    /// It was stopped (Ctrl-Z).
    Stopped,
}

/// Where the child's signals come from.
enum Place {
    /// A group of its own; with the terminal, where there is one to give.
    Own(Option<Terminal>),
    /// Our group: the terminal belongs to a whole pipeline, and taking it away would stop the others. Ctrl-C reaches the child
    /// by itself.
    Shared,
}

/// The terminal, given to the child.
struct Terminal {
    tty: File,
    /// How it was set before, for after a child that died without setting it back.
    modes: Option<Termios>,
}

/// A running child.
pub(super) struct Child {
    pid: Pid,
    place: Place,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Child {
    /// Starts the command. Standard streams are inherited.
    pub(super) fn spawn(mut command: Command) -> std::io::Result<Self> {
        let place = choose_place();
        if matches!(place, Place::Own(_)) {
            command.process_group(0);
        }
        let child = command.spawn()?;
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(std::io::Error::other)?);
        let (tell, events) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("child".to_owned()).spawn(move || wait(pid, &tell))?;
        let child = Self { pid, place, events };
        child.give_terminal();
        Ok(child)
    }

    /// What the child did next.
    pub(super) async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::Ended(crate::failure::Exit::Own.code()))
    }

    /// Hands a signal that we got on to the child. Ctrl-C in a shared group has reached it already.
    pub(super) fn forward(&self, signal: Signal) {
        if matches!(self.place, Place::Own(_)) || !matches!(signal, Signal::SIGINT | Signal::SIGQUIT) {
            self.send(signal);
        }
    }

    /// Sends a signal to the child, and to everything it started where it has a group of its own.
    pub(super) fn send(&self, signal: Signal) {
        // One that has just ended needs no signal.
        let _ = match self.place {
            Place::Own(_) => killpg(self.pid, signal),
            Place::Shared => kill(self.pid, signal),
        };
    }

    /// Whether something of the group that the child began still runs. Not known where the group is shared.
    pub(super) fn leaves_others(&self) -> bool {
        matches!(self.place, Place::Own(_)) && killpg(self.pid, None).is_ok()
    }

    fn give_terminal(&self) {
        if let Place::Own(Some(terminal)) = &self.place {
            set_foreground(&terminal.tty, self.pid);
            // It may have touched the terminal before it was its own, and been stopped for that.
            self.send(Signal::SIGCONT);
        }
    }

    /// After Ctrl-Z: the terminal goes back to the shell until it continues us.
    pub(super) fn suspend(&self) {
        let Place::Own(Some(terminal)) = &self.place else { return };
        // We were brought to the foreground (`bg`, then `fg`) and the child was stopped for touching the terminal.
        if tcgetpgrp(&terminal.tty) == Ok(getpgrp()) {
            return self.give_terminal();
        }
        set_foreground(&terminal.tty, getpgrp());
        let _ = kill(getpid(), Signal::SIGSTOP);
        // Continued here: in the foreground (`fg`) or not (`bg`).
        if tcgetpgrp(&terminal.tty) == Ok(getpgrp()) {
            self.give_terminal();
        } else {
            self.send(Signal::SIGCONT);
        }
    }

    /// After the child's end: the terminal is ours again, set as it was.
    pub(super) fn take_terminal_back(&self) {
        let Place::Own(Some(terminal)) = &self.place else { return };
        if tcgetpgrp(&terminal.tty) != Ok(getpgrp()) {
            set_foreground(&terminal.tty, getpgrp());
        }
        if let Some(modes) = &terminal.modes {
            let _ = tcsetattr(&terminal.tty, OptionalActions::Drain, modes);
        }
    }
}

/// A group of its own, unless a terminal is shared with others of a pipeline.
fn choose_place() -> Place {
    let (stdin, stdout) = (std::io::stdin().is_terminal(), std::io::stdout().is_terminal());
    if !stdin && !stdout && !std::io::stderr().is_terminal() {
        return Place::Own(None);
    }
    let alone = stdin && stdout && getpgrp() == getpid();
    match File::open("/dev/tty") {
        Ok(tty) if alone && tcgetpgrp(&tty) == Ok(getpgrp()) => {
            let modes = tcgetattr(&tty).ok();
            Place::Own(Some(Terminal { tty, modes }))
        }
        _ => Place::Shared,
    }
}

/// Makes a group the terminal's foreground group, also from the background (where SIGTTOU would stop us).
fn set_foreground(tty: &File, group: Pid) {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTTOU);
    let _ = set.thread_block();
    let _ = tcsetpgrp(tty, group);
    let _ = set.thread_unblock();
}

/// Waits for the child in a thread of its own.
fn wait(pid: Pid, tell: &mpsc::UnboundedSender<Event>) {
    loop {
        let event = match waitpid(pid, Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(_, code)) => Event::Ended(u8::try_from(code & 0xff).unwrap_or(1)),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                Event::Ended(u8::try_from(128 + signal as i32).unwrap_or(255))
            }
            Ok(WaitStatus::Stopped(..)) => Event::Stopped,
            Ok(_) | Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => Event::Ended(crate::failure::Exit::Own.code()),
        };
        if tell.send(event).is_err() || matches!(event, Event::Ended(_)) {
            return;
        }
    }
}
