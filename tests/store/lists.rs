//! Lists and look-ups.
use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::accounts::Accounts as _;
use hallpass_domain::ports::credentials::Credentials as _;
use hallpass_domain::ports::grants::{GrantFilter, Grants as _};
use hallpass_domain::ports::mails::Mails as _;
use hallpass_domain::ports::requests::{RequestFilter, Requests as _};
use hallpass_domain::ports::store::Page;
use hallpass_domain::ports::tokens::{LiveTokens, Tokens as _};
use hallpass_domain::principal::Principal;
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::window::Ask;

use super::bed::Bed;
use super::samples::{World, after, commit, now, put};

fn ids(requests: &[Request]) -> Vec<uuid::Uuid> {
    requests.iter().map(|r| r.id.0).collect()
}

fn grant_ids(grants: &[Grant]) -> Vec<uuid::Uuid> {
    grants.iter().map(|g| g.id.0).collect()
}

pub(crate) async fn requests_by_holder_state_and_role(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let (ana, ben, billing) =
        (Principal::User(w.ana.id), Principal::User(w.ben.id), Principal::Workload(w.workload.id));
    // own, for somebody else, for a workload, denied, of another role
    let mut all: Vec<Request> = (0..5).map(|_| w.request()).collect();
    all[1].subject = ben;
    (all[2].subject, all[2].submitted_by) = (billing, Some(w.ben.id));
    (all[4].subject, all[4].submitted_by, all[4].role_id) = (ben, None, w.reader.id);
    commit(store, all.iter().map(|r| put!(Request, r))).await;
    (all[3].state, all[3].version) = (RequestState::Denied, 2);
    commit(store, [put!(Request, all[3])]).await;
    let list = async |filter: RequestFilter| ids(&store.requests(&filter, Page::first(50)).await.unwrap());
    let pick = |which: &[usize]| which.iter().map(|n| all[*n].id.0).collect::<Vec<_>>();
    let none = RequestFilter::default;
    assert_eq!(list(none()).await, pick(&[4, 3, 2, 1, 0]));
    assert_eq!(list(RequestFilter { of: Some(ana), ..none() }).await, pick(&[3, 1, 0]));
    assert_eq!(list(RequestFilter { of: Some(ben), ..none() }).await, pick(&[4, 2, 1]));
    assert_eq!(list(RequestFilter { of: Some(billing), ..none() }).await, pick(&[2]));
    assert_eq!(list(RequestFilter { state: Some(RequestState::Denied), ..none() }).await, pick(&[3]));
    assert_eq!(list(RequestFilter { role: Some(w.reader.id), ..none() }).await, pick(&[4]));
    let narrow = RequestFilter { of: Some(ana), state: Some(RequestState::Pending), role: Some(w.login.id) };
    assert_eq!(list(narrow).await, pick(&[1, 0]));
}

pub(crate) async fn pages_show_every_row_once(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let requests: Vec<_> = (0..23).map(|_| w.request()).collect();
    let grants: Vec<_> = (0..23)
        .map(|n| {
            let mut grant = w.grant();
            grant.state = if n % 2 == 0 { GrantState::Active } else { GrantState::Scheduled };
            grant
        })
        .collect();
    let changes = requests.iter().map(|r| put!(Request, r)).chain(grants.iter().map(|g| put!(Grant, g)));
    commit(store, changes).await;
    let of = Some(Principal::User(w.ana.id));
    let (mut page, mut seen) = (Page::first(5), Vec::new());
    loop {
        let rows = store.requests(&RequestFilter { of, ..RequestFilter::default() }, page).await.unwrap();
        seen.extend(ids(&rows));
        let Some(last) = rows.last() else { break };
        page.after = Some(last.id.0);
    }
    assert_eq!(seen, requests.iter().rev().map(|r| r.id.0).collect::<Vec<_>>());
    let (mut page, mut seen) = (Page::first(4), Vec::new());
    let states = vec![GrantState::Active, GrantState::Scheduled];
    loop {
        let filter = GrantFilter { principal: of, states: states.clone(), role: None };
        let rows = store.grants(&filter, page).await.unwrap();
        seen.extend(grant_ids(&rows));
        let Some(last) = rows.last() else { break };
        page.after = Some(last.id.0);
    }
    assert_eq!(seen, grants.iter().rev().map(|g| g.id.0).collect::<Vec<_>>());
}

pub(crate) async fn pending_and_lapsing_requests(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let mut all: Vec<Request> = (0..4).map(|_| w.request()).collect();
    all[0].decide_by = after(300);
    all[1].decide_by = after(200);
    // Its end passes before its stage lapses.
    (all[2].decide_by, all[2].ask) = (after(400), Ask::Until(after(100)));
    all[3].decide_by = after(1);
    commit(store, all.iter().map(|r| put!(Request, r))).await;
    (all[3].state, all[3].version) = (RequestState::Withdrawn, 2);
    commit(store, [put!(Request, all[3])]).await;
    let (roles, other) = ([all[0].role_id], RoleId(uuid::Uuid::from_u128(9)));
    let pending = store.pending_requests(&roles, None, 10).await.unwrap();
    assert_eq!(ids(&pending), [all[1].id.0, all[0].id.0, all[2].id.0]);
    assert_eq!(ids(&store.pending_requests(&roles, None, 1).await.unwrap()), [all[1].id.0]);
    let place = Some((all[1].decide_by, all[1].id));
    assert_eq!(ids(&store.pending_requests(&roles, place, 10).await.unwrap()), [all[0].id.0, all[2].id.0]);
    assert_eq!(store.pending_requests(&[other], None, 10).await.unwrap(), []);
    assert_eq!(store.pending_requests(&[], None, 10).await.unwrap(), []);
    assert_eq!(store.lapsing_requests(after(99), 10).await.unwrap(), []);
    assert_eq!(ids(&store.lapsing_requests(after(100), 10).await.unwrap()), [all[2].id.0]);
    assert_eq!(ids(&store.lapsing_requests(after(200), 10).await.unwrap()), [all[2].id.0, all[1].id.0]);
    // A stage that opens later moves the deadline.
    (all[1].decide_by, all[1].stage, all[1].version) = (after(900), 1, 2);
    commit(store, [put!(Request, all[1])]).await;
    assert_eq!(ids(&store.lapsing_requests(after(500), 10).await.unwrap()), [all[2].id.0, all[0].id.0]);
}

pub(crate) async fn decisions_by_request_and_person(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let requests: Vec<_> = (0..5).map(|_| w.request()).collect();
    let decisions: Vec<_> = requests.iter().map(|r| w.decision(r)).collect();
    let mut second = w.decision(&requests[0]);
    (second.approver, second.decided_at) = (w.ana.id, after(5));
    let changes =
        requests.iter().map(|r| put!(Request, r)).chain(decisions.iter().map(|d| put!(Decision, d)));
    commit(store, changes.chain([put!(Decision, second)])).await;
    assert_eq!(store.decisions(requests[0].id).await.unwrap(), [decisions[0].clone(), second.clone()]);
    let both: Vec<_> = requests.iter().map(|r| r.id).collect();
    let on: Vec<_> =
        store.decisions_on(&both).await.unwrap().into_iter().filter(|d| d.request_id == both[0]).collect();
    assert_eq!(on, [decisions[0].clone(), second]);
    assert!(store.decisions_on(&both[1..]).await.unwrap().iter().all(|d| d.request_id != both[0]));
    let first = store.decided_by(w.ben.id, Page::first(3)).await.unwrap();
    let pair = |n: usize| (decisions[n].clone(), requests[n].clone());
    assert_eq!(first, [pair(4), pair(3), pair(2)]);
    let rest = Page { after: Some(first[2].0.id.0), limit: 3 };
    assert_eq!(store.decided_by(w.ben.id, rest).await.unwrap(), [pair(1), pair(0)]);
}

pub(crate) async fn grants_by_holder_state_and_role(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let mut all: Vec<Grant> = (0..4).map(|_| w.grant()).collect();
    all[1].state = GrantState::Scheduled;
    all[2].principal = Principal::Workload(w.workload.id);
    (all[3].role_id, all[3].target_id) = (w.reader.id, w.oauth.id);
    commit(store, all.iter().map(|g| put!(Grant, g))).await;
    (all[0].state, all[0].version) = (GrantState::Ended, 2);
    commit(store, [put!(Grant, all[0])]).await;
    let list = async |filter: GrantFilter| grant_ids(&store.grants(&filter, Page::first(50)).await.unwrap());
    let pick = |which: &[usize]| which.iter().map(|n| all[*n].id.0).collect::<Vec<_>>();
    let none = GrantFilter::default;
    let (ana, billing) = (Some(Principal::User(w.ana.id)), Some(Principal::Workload(w.workload.id)));
    assert_eq!(list(none()).await, pick(&[3, 2, 1, 0]));
    assert_eq!(list(GrantFilter { principal: ana, ..none() }).await, pick(&[3, 1, 0]));
    assert_eq!(list(GrantFilter { principal: billing, ..none() }).await, pick(&[2]));
    assert_eq!(list(GrantFilter { role: Some(w.login.id), ..none() }).await, pick(&[2, 1, 0]));
    use GrantState::{Active, Ended, Scheduled};
    assert_eq!(list(GrantFilter { states: vec![Active], ..none() }).await, pick(&[3, 2]));
    assert_eq!(list(GrantFilter { states: vec![Ended, Scheduled, Ended], ..none() }).await, pick(&[1, 0]));
    let narrow = GrantFilter { principal: ana, states: vec![Active, Scheduled], role: Some(w.login.id) };
    assert_eq!(list(narrow).await, pick(&[1]));
}

pub(crate) async fn due_starting_and_usable_grants(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let mut all: Vec<Grant> = (0..6).map(|_| w.grant()).collect();
    all[0].ends_at = after(50);
    (all[1].state, all[1].starts_at, all[1].ends_at) = (GrantState::Scheduled, after(20), after(60));
    all[2].ends_at = after(900);
    all[3].ends_at = after(10);
    all[4].ends_at = after(800);
    (all[5].starts_at, all[5].ends_at) = (after(500), after(2_000));
    commit(store, all.iter().map(|g| put!(Grant, g))).await;
    // One ended for good, one ending: its end may lie ahead, nothing of it is left all the same.
    (all[3].state, all[3].version) = (GrantState::Ended, 2);
    (all[4].state, all[4].version) = (GrantState::Ending, 2);
    commit(store, [put!(Grant, all[3]), put!(Grant, all[4])]).await;
    let pick = |which: &[usize]| which.iter().map(|n| all[*n].id.0).collect::<Vec<_>>();
    assert_eq!(grant_ids(&store.due_grants(after(49), 10).await.unwrap()), pick(&[]));
    assert_eq!(grant_ids(&store.due_grants(after(60), 10).await.unwrap()), pick(&[0, 1]));
    assert_eq!(grant_ids(&store.due_grants(after(60), 1).await.unwrap()), pick(&[0]));
    assert_eq!(grant_ids(&store.emptied_grants(None, 10).await.unwrap()), pick(&[4]));
    assert_eq!(store.starting_grants(after(19), 10).await.unwrap(), []);
    assert_eq!(grant_ids(&store.starting_grants(after(20), 10).await.unwrap()), pick(&[1]));
    assert_eq!(store.starting_grants(after(60), 10).await.unwrap(), [], "its window has passed");
    assert_eq!(store.next_due(after(49)).await.unwrap(), Some(after(50)));
    assert_eq!(store.next_due(after(50)).await.unwrap(), Some(after(60)), "what it looked at is behind it");
    let (ana, role) = (Principal::User(w.ana.id), w.login.id);
    let usable = async |at| store.usable_grant(ana, role, at).await.unwrap().map(|g| g.id);
    assert_eq!(usable(after(-1)).await, None);
    assert_eq!(usable(now()).await, Some(all[2].id), "the one that ends last");
    assert_eq!(usable(after(500)).await, Some(all[5].id));
    assert_eq!(usable(after(2_000)).await, None);
    assert_eq!(store.usable_grant(Principal::User(w.ben.id), role, now()).await.unwrap(), None);
    assert_eq!(store.usable_grant(ana, w.reader.id, now()).await.unwrap(), None);
}

pub(crate) async fn credentials_due_and_overdue(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let (mut grant, other) = (w.grant(), w.grant());
    grant.ends_at = after(10_000);
    let mut all: Vec<_> = (0..4).map(|_| w.credential(&grant)).collect();
    for (n, seconds) in [(0, 300), (1, 100), (2, 200), (3, 50)] {
        all[n].due_at = after(seconds);
    }
    let changes = [put!(Grant, grant), put!(Grant, other)].into_iter();
    commit(store, changes.chain(all.iter().map(|c| put!(Credential, c)))).await;
    for state in [CredentialState::Revoking, CredentialState::Revoked] {
        all[3].version += 1;
        all[3].state = state;
        commit(store, [put!(Credential, all[3])]).await;
    }
    let pick = |which: &[usize]| which.iter().map(|n| all[*n].clone()).collect::<Vec<_>>();
    assert_eq!(store.credentials_of(grant.id).await.unwrap(), pick(&[0, 1, 2, 3]));
    assert_eq!(store.credentials_of(other.id).await.unwrap(), []);
    assert_eq!(store.count_unrevoked(grant.id).await.unwrap(), 3);
    assert_eq!(store.unrevoked_at(w.database.id).await.unwrap().len(), 3);
    assert_eq!(store.unrevoked_at(w.oauth.id).await.unwrap(), []);
    assert_eq!(store.overdue(after(250), 10).await.unwrap(), pick(&[1, 2]));
    assert_eq!(store.overdue(after(250), 1).await.unwrap(), pick(&[1]));
    assert_eq!(store.count_overdue(after(250)).await.unwrap(), 2);
    assert_eq!(store.count_overdue(after(100)).await.unwrap(), 0, "before, not at");
    assert_eq!(store.due_between(after(100), after(300), 10).await.unwrap(), pick(&[1, 2]));
    let told = Credential { alerted_at: Some(after(240)), version: all[1].version + 1, ..all[1].clone() };
    commit(store, [put!(Credential, told)]).await;
    assert_eq!(store.overdue_untold(after(250), 10).await.unwrap(), pick(&[2]));
    assert_eq!(store.next_due(after(99)).await.unwrap(), Some(after(100)));
    assert_eq!(store.next_due(after(100)).await.unwrap(), Some(after(200)));
    assert_eq!(store.next_due(after(300)).await.unwrap(), Some(other.ends_at));
    assert_eq!(store.targets_due(after(100)).await.unwrap(), [w.database.id]);
    assert_eq!(store.targets_due(after(99)).await.unwrap(), []);
}

pub(crate) async fn sessions_and_tokens_in_force(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let grant = w.grant();
    let mut sessions: Vec<_> = (0..4).map(|_| w.session()).collect();
    sessions[0].expires_at = now();
    sessions[1].ended_at = Some(now());
    let mut api_tokens: Vec<_> = (0..3).map(|_| w.api_token()).collect();
    api_tokens[0].revoked_at = Some(now());
    let mut tokens: Vec<_> = (0..4).map(|_| w.token(&grant)).collect();
    (tokens[0].revoked_at, tokens[0].expires_at) = (Some(now()), after(900));
    tokens[0].accepted_until = Some(after(905));
    tokens[1].expires_at = after(5);
    let changes = [put!(Grant, grant)]
        .into_iter()
        .chain(sessions.iter().map(|s| put!(Session, s)))
        .chain(api_tokens.iter().map(|t| put!(ApiToken, t)))
        .chain(tokens.iter().map(|t| put!(Token, t)));
    commit(store, changes).await;
    assert_eq!(store.sessions_of(w.ana.id, now()).await.unwrap(), [sessions[3].clone(), sessions[2].clone()]);
    assert_eq!(store.sessions_of(w.ben.id, now()).await.unwrap(), []);
    assert_eq!(
        store.api_tokens_of(w.ana.id, now()).await.unwrap(),
        [api_tokens[2].clone(), api_tokens[1].clone()]
    );
    let mut lasting = tokens.clone();
    lasting.sort_by_key(|t| std::cmp::Reverse((t.expires_at, t.id)));
    assert_eq!(store.tokens_of(grant.id, 3).await.unwrap(), lasting[..3]);
    // A revoked token's end still counts: a verifier that cannot be told may accept it until then.
    let (last_exp, accepted_until) = (Some(after(900)), Some(after(905)));
    assert_eq!(
        store.live_tokens(&[grant.id], after(10)).await.unwrap(),
        HashMap::from([(grant.id, LiveTokens { live: 2, last_exp, accepted_until })])
    );
    // The revoked one would be accepted by its signature until its end, and those in force for longer than a minute.
    let minute = TimeDelta::minutes(1);
    let outlast = async |at| store.tokens_outlast(grant.target_id, at, minute).await.unwrap();
    assert_eq!((outlast(after(10)).await, outlast(after(899)).await), (Some(after(900)), Some(after(900))));
    assert_eq!(outlast(after(900)).await, None);
}

pub(crate) async fn the_outbox(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let (request, grant) = (w.request(), w.grant());
    let mut mails: Vec<_> = (0..4).map(|_| w.mail()).collect();
    mails[0].request_id = Some(request.id);
    (mails[1].request_id, mails[1].grant_id) = (Some(request.id), Some(grant.id));
    mails[2].queued_at = after(-60);
    let changes = [put!(Request, request), put!(Grant, grant)].into_iter();
    commit(store, changes.chain(mails.iter().map(|m| put!(Mail, m)))).await;
    assert_eq!(store.mails_of_request(request.id).await.unwrap(), mails[..2]);
    assert_eq!(store.mails_of_grant(grant.id).await.unwrap(), mails[1..2]);
    assert_eq!(store.outbox_age().await.unwrap(), (Some(after(-60)), 4));
    (mails[2].state, mails[2].version) = (hallpass_domain::mail::MailState::Failed, 2);
    commit(store, [put!(Mail, mails[2])]).await;
    assert_eq!(store.outbox_age().await.unwrap(), (Some(now()), 3));
    let kinds: BTreeSet<_> =
        store.mails_of_request(request.id).await.unwrap().iter().map(|m| m.kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["approval_asked"]));
}
