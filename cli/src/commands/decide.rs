//! What `approve` and `deny` share: show exactly what is decided on, ask, prove, decide.
use clap::Args;
use hallpass_client::api::new_key;
use hallpass_client::wire::common::{Proof, Tier, Verdict};
use hallpass_client::wire::requests::{NewDecision, Request, RequestState};

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::Body;
use crate::{term, view};

/// Arguments of both.
#[derive(Args)]
pub(crate) struct DecideArgs {
    /// Reference of the request, such as R-7KQ2M9XW4T
    reference: String,
    /// Do not ask; not for the high tier
    #[arg(long)]
    yes: bool,
    /// Decide without a question, and only if this is still the request's digest (show --field digest)
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
}

/// A decision to be made.
pub(super) struct Wanted {
    pub(super) verdict: Verdict,
    pub(super) length: Option<String>,
    pub(super) comment: Option<String>,
}

/// Decides.
pub(super) async fn perform(ctx: &Ctx, args: DecideArgs, wanted: Wanted) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let request = ctx.busy(&client, client.request(&args.reference, None)).await?;
    let verb = wanted.verdict.as_str();
    let digest = match &args.digest {
        // What is not open any more is told by the server, with its own words.
        Some(digest) => digest.trim().to_lowercase(),
        None => {
            agree(ctx, &request, &args, verb).await?;
            request.digest.clone()
        }
    };
    // A fresh second factor is bound to a session in a browser: where one is needed, the server names the page.
    let decision =
        NewDecision { verdict: wanted.verdict, length: wanted.length, comment: wanted.comment, digest };
    let after = ctx.busy(&client, client.decide(&request.reference, &decision, &new_key())).await.map_err(
        |mut failure| {
            if failure.code == "step_up_required" {
                failure.next = Some(format!("open {}", request.url));
            }
            failure
        },
    )?;
    let done = if wanted.verdict == Verdict::Approve { "Approved" } else { "Denied" };
    let still = if after.state == RequestState::Pending { ", which is still pending" } else { "" };
    ctx.say(&format!("{done} {}{still}: {}.", after.reference, after.standing));
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&view::request::answer(&after)) }
}

/// Shows what is decided on and asks; without a terminal, only `--yes` (below the high tier) stands for the answer.
async fn agree(ctx: &Ctx, request: &Request, args: &DecideArgs, verb: &str) -> Result<(), Failure> {
    let high = request.role.tier == Tier::High;
    if args.yes && high {
        return Err(Failure::usage("yes_refused", "--yes is not enough for a role of the high tier").next(
            format!(
                "look at it (hallpass show {}), then decide at a terminal or with --digest",
                request.reference
            ),
        ));
    }
    // Nothing to ask about: the server says why it cannot be decided, or cannot be decided here.
    if args.yes || request.state != RequestState::Pending || request.proof == Some(Proof::StepUp) {
        return Ok(());
    }
    if !ctx.settings.can_ask() {
        return Err(Failure::usage("no_terminal", "There is no terminal to ask at")
            .next(format!("add {}", if high { "--digest" } else { "--yes or --digest" })));
    }
    if let Body::Record(rows) = view::request::answer(request).body {
        let lines: Vec<String> = rows
            .iter()
            .map(|(label, value)| format!("{label:<13} {}", value.replace('\n', "\n              ")))
            .collect();
        ctx.say(&lines.join("\n"));
    }
    let question = format!(
        "{}{} {} for {}?",
        verb.get(..1).unwrap_or_default().to_uppercase(),
        verb.get(1..).unwrap_or_default(),
        request.reference,
        request.subject.name
    );
    term::confirm(&question).await
}
