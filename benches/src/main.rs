//! Load and deadlines. Hot paths are measured as server CPU per request, relative to a bare actix-web endpoint in the same
//! run; what is due is measured in seconds after its deadline, as seen from outside. `benches/README.md` says how to
//! read the figures.
mod drive;
mod figures;
mod latency;
mod logins;
mod seeded;
mod serve;
mod stage;
mod startup;
mod tokens;

use clap::Parser;

/// Load and deadlines of Hallpass.
#[derive(Parser)]
enum Cli {
    /// The hot paths: introspect, issue and revoke tokens, against a bare endpoint
    Run(drive::Args),
    /// Many tokens with one deadline
    Tokens(tokens::Args),
    /// Many PostgreSQL logins with one deadline, some of them connected
    Logins(logins::Args),
    /// From the start of a server to its first revocation, with many live tokens stored
    Startup(startup::Args),
    /// From submit to the mail server, and from the last approval to a login that works
    Latency(latency::Args),
    /// The bare endpoint
    #[command(hide = true)]
    Hello,
    /// A Hallpass server with tokens in its store
    #[command(hide = true)]
    Hallpass(serve::Args),
    /// A Hallpass server on a place that exists
    #[command(hide = true)]
    Started,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    hallpassd::compose::tls::install_provider();
    match Cli::parse() {
        Cli::Run(args) => drive::run(&args).await,
        Cli::Tokens(args) => tokens::run(&args).await,
        Cli::Logins(args) => logins::run(&args).await,
        Cli::Startup(args) => startup::run(&args).await,
        Cli::Latency(args) => latency::run(&args).await,
        Cli::Hello => serve::hello().await,
        Cli::Hallpass(args) => serve::hallpass(args).await,
        Cli::Started => startup::started().await,
    }
}
