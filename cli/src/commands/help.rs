//! `hallpass help`: a topic, or a command.
use clap::{Args, CommandFactory as _};

use super::topics;
use crate::args::Cli;
use crate::failure::Failure;
use crate::out;

/// Arguments.
#[derive(Args)]
pub(crate) struct HelpArgs {
    /// A command, or exit-codes, environment, formatting
    topic: Vec<String>,
}

pub(super) fn perform(args: &HelpArgs) -> Result<(), Failure> {
    if let [topic] = args.topic.as_slice()
        && let Some((_, text)) = topics::TOPICS.iter().find(|(name, _)| name == topic)
    {
        return out::write(text.as_bytes());
    }
    let mut command = Cli::command();
    command.build();
    let mut at = &mut command;
    for word in &args.topic {
        at = at.find_subcommand_mut(word).ok_or_else(|| {
            let names: Vec<&str> = topics::TOPICS.iter().map(|(name, _)| *name).collect();
            Failure::usage("no_topic", format!("There is no help on “{word}”"))
                .next(format!("hallpass --help lists the commands; topics: {}", names.join(", ")))
        })?;
    }
    out::write(at.render_long_help().to_string().as_bytes())
}
