//! The commands, a file each.
use crate::args::Command;
use crate::ctx::Ctx;
use crate::failure::Failure;

pub(crate) mod active;
pub(crate) mod admin;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod completion;
pub(crate) mod creds;
mod decide;
pub(crate) mod deny;
pub(crate) mod end;
mod hand_over;
pub(crate) mod help;
pub(crate) mod lift;
pub(crate) mod list;
pub(crate) mod login;
mod logout;
pub(crate) mod man;
mod objects;
mod pick;
pub(crate) mod receipt;
pub(crate) mod request;
pub(crate) mod revoke;
pub(crate) mod roles;
pub(crate) mod run;
pub(crate) mod show;
mod targets;
mod time;
pub(crate) mod token;
mod topics;
pub(crate) mod wait;
mod waiting;
mod whoami;
pub(crate) mod withdraw;

/// Performs a command.
pub(crate) async fn perform(ctx: &Ctx, command: Command) -> Result<(), Failure> {
    match command {
        Command::Login(args) => login::perform(ctx, args).await,
        Command::Logout => logout::perform(ctx).await,
        Command::Whoami => whoami::perform(ctx).await,
        Command::Roles(args) => roles::list(ctx, args).await,
        Command::Role(args) => roles::one(ctx, args).await,
        Command::Request(args) => request::perform(ctx, args).await,
        Command::Show(args) => show::perform(ctx, args).await,
        Command::List(args) => list::perform(ctx, args).await,
        Command::Wait(args) => wait::perform(ctx, args).await,
        Command::Approve(args) => approve::perform(ctx, args).await,
        Command::Deny(args) => deny::perform(ctx, args).await,
        Command::Withdraw(args) => withdraw::perform(ctx, args).await,
        Command::Token(args) => token::perform(ctx, args).await,
        Command::Creds(args) => creds::perform(ctx, args).await,
        // Signals go to its child, so it is started elsewhere; see `main.rs`.
        Command::Run(_) => Ok(()),
        Command::Active(args) => active::perform(ctx, args).await,
        Command::End(args) => end::perform(ctx, args).await,
        Command::Revoke(args) => revoke::perform(ctx, args).await,
        Command::Lift(args) => lift::perform(ctx, args).await,
        Command::Receipt(args) => receipt::perform(ctx, args).await,
        Command::Audit(command) => audit::perform(ctx, command).await,
        Command::Admin(command) => admin::perform(ctx, command).await,
        Command::Completion(args) => completion::perform(&args),
        Command::Man(args) => man::perform(ctx, &args),
        Command::Help(args) => help::perform(&args),
    }
}
