//! What is done beside the story of the main job, each again and again: so that the harness can kill the server at commits
//! that the story seldom comes to.
use std::sync::Arc;
use std::time::Duration;

use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::ids::GrantId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::decide::Outcome;
use hallpass_domain::request::{Request, RequestState};
use hallpass_tests::fault_server::{Said, Side};
use hallpass_tests::wait::{PATIENCE, within};
use hallpass_tests::world::{ADMINISTRATOR, APPROVER, LEAD, World};
use secrecy::ExposeSecret as _;

use crate::{apply, findings, operator, people, place, refused, say, story};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(100);

/// Lives it until the server is killed.
pub(crate) async fn live(world: &Arc<World>, side: Side, targets: &[(String, u16)]) {
    if side != Side::Idle {
        story::take_back_what_was_asked(world).await;
    }
    for round in 0.. {
        let lived = match (side, targets.first()) {
            (Side::Stages, _) => stages(world).await,
            (Side::Lapse, _) => lapse(world).await,
            (Side::Standing, _) => standing(world).await,
            (Side::Operator, _) => operator::new_keys(world).await,
            (Side::Unusable, Some((name, _))) => unusable(world, name, round).await,
            (Side::Findings, Some((name, port))) => Box::pin(findings::appear(world, name, *port)).await,
            (Side::Idle | Side::Unusable | Side::Findings, _) => return,
            _ => Box::pin(people::come(world, side)).await,
        };
        if let Err(refusal) = lived {
            refused(&refusal);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Something was done, and answered: its event is there.
pub(crate) fn did(kind: &str, noun: &str, id: impl ToString) {
    say(&Said::Did { kind: kind.to_owned(), noun: noun.to_owned(), id: id.to_string() });
}

/// What must be refused was.
pub(crate) fn must_refuse<T>(done: Result<T, Refusal>, code: &'static str) -> Result<(), Refusal> {
    match done {
        Err(refusal) if refusal.code == code => Ok(()),
        Err(refusal) => Err(refusal),
        Ok(_) => Err(Refusal::conflict("not_refused", format!("{code} was to be refused"))),
    }
}

/// How a catalogue says who is in a group.
fn members(group: &str, emails: &[&str]) -> String {
    let emails: Vec<String> = emails.iter().map(|e| format!("\"{e}\"")).collect();
    let title = if group == "firsts" { "First of two" } else { "Second of two" };
    format!("name = \"{group}\"\ntitle = \"{title}\"\nmembers = [{}]", emails.join(", "))
}

/// Asked for, approved at the first stage by somebody who then may not approve any more, approved again by another, and
/// at the second stage: granted for two seconds.
async fn stages(world: &World) -> Result<(), Refusal> {
    let usual = place()?.catalogue();
    let firsts = |emails: &[&str]| usual.replace(&members("firsts", &[APPROVER]), &members("firsts", emails));
    const ANOTHER: &str = "ola@faults.test";
    apply(world, &usual).await?;
    let request = world.ask("api-admin", "2s").await?;
    say(&Said::Asked { reference: request.reference.clone() });
    // Somebody more may decide: asked by mail.
    apply(world, &firsts(&[APPROVER, ANOTHER])).await?;
    did("request.approvers_asked", "request", request.id);
    expect(world.approve_as(APPROVER, &request).await?, &Outcome::StageOpened)?;
    did("request.stage_approved", "request", request.id);
    apply(world, &firsts(&[ANOTHER])).await?;
    did("request.stage_reopened", "request", request.id);
    expect(world.approve_as(ANOTHER, &request).await?, &Outcome::StageOpened)?;
    match world.approve_as(LEAD, &request).await? {
        Outcome::Approved(grant) => say(&Said::Granted { grant: grant.id, ends_at: grant.ends_at }),
        other => expect(other, &Outcome::Counted)?,
    }
    Ok(())
}

fn expect(outcome: Outcome, wanted: &Outcome) -> Result<(), Refusal> {
    if outcome == *wanted {
        return Ok(());
    }
    Err(Refusal::conflict("another_outcome", format!("{outcome:?}")))
}

/// Nobody decides within the second that there is for it.
async fn lapse(world: &World) -> Result<(), Refusal> {
    let request = world.ask("api-soon", "1m").await?;
    say(&Said::Asked { reference: request.reference.clone() });
    let closed = until_closed(world, &request).await?;
    say(&Said::Closed { reference: closed.reference, state: closed.state });
    Ok(())
}

async fn until_closed(world: &World, request: &Request) -> Result<Request, Refusal> {
    let broker = &world.broker;
    until("it lapses", || async { Ok(broker.request(request.id).await?.state != RequestState::Pending) })
        .await?;
    broker.request(request.id).await
}

/// Looks again and again, for as long as a healthy server may need.
pub(crate) async fn until<Fut>(what: &str, fact: impl Fn() -> Fut) -> Result<(), Refusal>
where
    Fut: Future<Output = Result<bool, Refusal>>,
{
    let looked = within(PATIENCE, || {
        let looking = fact();
        async move {
            match looking.await {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(refusal) => Some(Err(refusal)),
            }
        }
    });
    looked.await.unwrap_or_else(|| Err(Refusal::conflict("in_vain", format!("waited in vain: {what}"))))
}

/// A token without a request; stopped by an administrator, and let go again.
async fn standing(world: &World) -> Result<(), Refusal> {
    let (nightly, ada) = (world.workload().await?, world.caller(ADMINISTRATOR).await?);
    let blocked = world.broker.catalogue().await?.standing_blocks.values().next().map(|b| b.grant_id);
    // A server before this one was killed in between.
    if let Some(grant) = blocked {
        lift(world, grant).await?;
    }
    let issued: IssuedToken = world.broker.issue_token_for_role(&nightly, "api-status").await?;
    let grant = issued.record.grant_id;
    say(&Said::Token { token: issued.token.expose_secret().to_owned() });
    world.broker.revoke_grant(&ada, grant, "It asks too often.").await?;
    did("grant.standing_blocked", "grant", grant);
    say(&Said::Ended { grant });
    must_refuse(world.broker.issue_token_for_role(&nightly, "api-status").await, "standing_blocked")?;
    lift(world, grant).await
}

async fn lift(world: &World, grant: GrantId) -> Result<(), Refusal> {
    let ada = world.caller(ADMINISTRATOR).await?;
    world.broker.lift_standing_block(&ada, grant).await?;
    did("grant.standing_lifted", "grant", grant);
    Ok(())
}

/// A login that the target refuses to make, or one that cannot come in.
async fn unusable(world: &Arc<World>, target: &str, round: usize) -> Result<(), Refusal> {
    let (role, code) =
        if round.is_multiple_of(2) { ("lost", "target_refused") } else { ("closed", "login_does_not_work") };
    must_refuse(story::login(world, &format!("{target}-{role}"), "2s").await, code)
}
