//! `hallpass completion`.
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::out;

const EXAMPLES: &str = "\
Examples:
  hallpass completion bash > ~/.local/share/bash-completion/completions/hallpass
  hallpass completion zsh > ~/.zfunc/_hallpass
  hallpass completion fish > ~/.config/fish/completions/hallpass.fish";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn perform(args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hallpass", &mut script);
    out::write(&script)
}
