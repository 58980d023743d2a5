//! The command line.
use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::out::Format;

/// Ask for access, decide on it, fetch what it gives, and end it.
#[derive(Parser)]
#[command(
    name = "hallpass",
    version,
    disable_help_subcommand = true,
    infer_subcommands = false,
    max_term_width = 100,
    after_help = "Begin with: hallpass login --server URL, hallpass roles, hallpass request ROLE --reason … --wait\nData goes to stdout, talk to stderr. More: hallpass help exit-codes | environment | formatting"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// Address of the server [env: HALLPASS_SERVER] [default: the one of the last login]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) server: Option<String>,
    /// Which set of sign-ins [env: HALLPASS_PROFILE] [default: default]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) profile: Option<String>,
    /// How the answer is shown: table, plain or json [env: HALLPASS_FORMAT] [default: table]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub(crate) format: Option<Format>,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format", help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Only this field of the answer, such as state or grant.id
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    pub(crate) field: Option<String>,
    /// Never ask a question [env: HALLPASS_NO_INPUT]
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) no_input: bool,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign in: a person by a code in the browser, a workload by its client secret
    Login(commands::login::LoginArgs),
    /// End the sign-in and forget it
    Logout,
    /// Who the command speaks for
    Whoami,
    /// Roles that you can ask for
    Roles(commands::roles::RolesArgs),
    /// One role: scope, who approves, how long
    Role(commands::roles::RoleArgs),
    /// Ask for a role
    Request(commands::request::RequestArgs),
    /// One request and where it stands
    Show(commands::show::ShowArgs),
    /// Requests: your own, or those that wait for your decision
    List(commands::list::ListArgs),
    /// Wait until a request is decided
    Wait(commands::wait::WaitArgs),
    /// Approve a request
    Approve(commands::approve::ApproveArgs),
    /// Deny a request
    Deny(commands::deny::DenyArgs),
    /// Take a request back
    Withdraw(commands::withdraw::WithdrawArgs),
    /// An access token under an active grant, alone on stdout
    Token(commands::token::TokenArgs),
    /// Credentials that you have; with ROLE, a new one for another program
    Creds(commands::creds::CredsArgs),
    /// Run a command with the credentials of a role
    Run(commands::run::RunArgs),
    /// What you hold: grants that are active, scheduled or ending
    Active(commands::active::ActiveArgs),
    /// End access early
    End(commands::end::EndArgs),
    /// Revoke somebody's access
    Revoke(commands::revoke::RevokeArgs),
    /// Let a workload have a standing role again whose grant was revoked
    Lift(commands::lift::LiftArgs),
    /// The access receipt of a grant, for `audit verify --receipt`
    Receipt(commands::receipt::ReceiptArgs),
    /// The audit log: read, export, verify offline
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    /// Administration: the catalogue as code
    #[command(subcommand)]
    Admin(commands::admin::AdminCommand),
    /// A completion script for a shell
    Completion(commands::completion::CompletionArgs),
    /// Write manual pages, one for each command
    Man(commands::man::ManArgs),
    /// Help on a command, or on exit-codes, environment, formatting
    Help(commands::help::HelpArgs),
}
