//! Two callers at once: in each round exactly one of them wins, the other gets a clear conflict, and the log has one
//! event. On two servers the two callers are on different ones.
use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller, HumanCaller};
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::request::decide::Outcome;
use hallpass_domain::request::{Request, RequestState, Verdict};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

on_all!(
    two_approvers,
    both_of_two_needed,
    approve_against_withdraw,
    approve_against_lapse,
    end_against_expiry
);

/// Batches of each race; a batch has a round for each of [`LANES`] and [`SLOTS`]: with the five races, some 2,900 rounds
/// on each back end, and half as many more on two servers.
fn batches(backend: Backend) -> usize {
    match backend {
        Backend::Sqlite | Backend::Postgres => 40,
        Backend::PostgresTwo => 20,
    }
}

/// Who asks for what: each round has its own pending request, so that rounds run beside each other.
const LANES: [(&str, &str); 4] =
    [("dana", "billing-read"), ("dana", "ledger-read"), ("sam", "billing-read"), ("sam", "ledger-read")];

/// Requests of a lane that wait at once; five may.
const SLOTS: usize = 4;

struct Arena {
    server: TestServer,
    askers: Vec<(Caller, &'static str)>,
    ana: HumanCaller,
    bo: HumanCaller,
}

impl Arena {
    async fn new(backend: Backend) -> Self {
        let server = TestServer::start(backend).await;
        let human = async |key: &str| server.human(&server.sign_in(key).await).await;
        let (dana, sam) = (human("dana").await, human("sam").await);
        let (ana, bo) = (human("ana").await, human("bo").await);
        let askers =
            LANES.map(|(who, role)| (Caller::Human(if who == "dana" { &dana } else { &sam }.clone()), role));
        Self { askers: askers.into(), ana, bo, server }
    }

    fn one(&self) -> Arc<Broker> {
        Arc::clone(self.server.broker())
    }

    /// The other server, where there are two.
    fn other(&self) -> Arc<Broker> {
        Arc::clone(&self.server.nodes.last().unwrap().composed.broker)
    }

    /// Fresh pending requests for each lane; where all ask for one role, no more than may wait at once.
    async fn ask(&self, role: Option<&str>, time: &str, round: usize) -> Vec<(Caller, Request)> {
        let slots = if role.is_some() { SLOTS / 2 } else { SLOTS };
        let asks = self.askers.iter().flat_map(|asker| (0..slots).map(move |slot| (asker, slot)));
        let asking = asks.map(|((caller, usual), slot)| async move {
            let form = AskForm {
                role: role.unwrap_or(usual).to_owned(),
                time: time.to_owned(),
                // The reason tells them apart.
                reason: format!("round {round} {usual} {slot}"),
                ..AskForm::default()
            };
            let broker = if slot % 2 == 0 { self.one() } else { self.other() };
            (caller.clone(), broker.submit_request(caller, &form, None).await.unwrap())
        });
        futures_util::future::join_all(asking).await
    }

    /// What became of the request, by its events.
    async fn closings(&self, request: &Request) -> Vec<String> {
        let subject = Some(("request".to_owned(), request.id.to_string()));
        let filter = AuditFilter { kind: Some("request.".to_owned()), subject, ..AuditFilter::default() };
        let events = self.one().store.events(&filter, None, 50).await.unwrap();
        let kinds = events.iter().map(|e| e.event.parts().kind.clone());
        kinds.filter(|kind| kind != "request.submitted").collect()
    }

    async fn now(&self, request: &Request) -> Request {
        self.one().store.request(request.id).await.unwrap().unwrap()
    }

    /// Ends what the rounds left active, so that grants do not pile up.
    async fn tidy(&self) {
        self.server.advance(3_600);
        while self.one().step_expire_grants().await.done > 0 {}
    }
}

async fn approve(broker: Arc<Broker>, who: HumanCaller, request: Request) -> Result<Outcome, Refusal> {
    let form = DecisionForm {
        verdict: Verdict::Approve,
        cap_seconds: None,
        comment: String::new(),
        digest: request.digest.clone(),
    };
    broker.decide_request(&who, &request.reference, &form, None).await.map(|(_, outcome)| outcome)
}

#[track_caller]
fn assert_conflict(refusal: &Refusal, code: &str) {
    assert_eq!((refusal.class, refusal.code), (Class::Conflict, code));
    assert!(refusal.message.len() > 20, "it says what happened: {}", refusal.message);
}

/// Until an instant may come while these are under way: each time a little later, and every fourth time as soon as the first of
/// them is through, so that the instant is not always the faster one.
async fn under_way<T>(work: &[tokio::task::JoinHandle<T>], round: usize) {
    for _ in 0..round % 16 {
        tokio::task::yield_now().await;
    }
    while round % 4 == 3 && !work.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
}

/// Each side won some rounds; else it was no race.
#[track_caller]
fn assert_both_won(one: usize, other: usize) {
    eprintln!("{one} rounds to {other}");
    assert!(one > 0 && other > 0, "one side won every round: {one} to {other}");
}

async fn two_approvers(backend: Backend) {
    let arena = Arena::new(backend).await;
    let (mut firsts, mut seconds) = (0, 0);
    for round in 0..batches(backend) {
        let asked = arena.ask(None, "10m", round).await;
        let races = asked.iter().map(|(_, request)| {
            let first = tokio::spawn(approve(arena.one(), arena.ana.clone(), request.clone()));
            let second = tokio::spawn(approve(arena.other(), arena.bo.clone(), request.clone()));
            async move { (first.await.unwrap(), second.await.unwrap(), request) }
        });
        for (first, second, request) in futures_util::future::join_all(races).await {
            let (won, lost) = match (first, second) {
                (Ok(won), Err(lost)) => {
                    firsts += 1;
                    (won, lost)
                }
                (Err(lost), Ok(won)) => {
                    seconds += 1;
                    (won, lost)
                }
                other => panic!("{other:?}"),
            };
            assert!(matches!(won, Outcome::Approved(_)), "{won:?}");
            assert_conflict(&lost, "already_approved");
            assert_eq!(arena.closings(request).await, ["request.approved"]);
            assert_eq!(arena.one().store.decisions(request.id).await.unwrap().len(), 1);
        }
        arena.tidy().await;
    }
    assert_both_won(firsts, seconds);
    arena.server.stop_without_mail().await;
}

async fn both_of_two_needed(backend: Backend) {
    let arena = Arena::new(backend).await;
    for round in 0..batches(backend) {
        let asked = arena.ask(Some("billing-audit"), "10m", round).await;
        let races = asked.iter().map(|(_, request)| {
            let first = tokio::spawn(approve(arena.one(), arena.ana.clone(), request.clone()));
            let second = tokio::spawn(approve(arena.other(), arena.bo.clone(), request.clone()));
            async move { (first.await.unwrap(), second.await.unwrap(), request) }
        });
        for (first, second, request) in futures_util::future::join_all(races).await {
            let both = [first.unwrap(), second.unwrap()];
            let (counted, done): (Vec<_>, Vec<_>) = both.iter().partition(|o| matches!(o, Outcome::Counted));
            assert_eq!(
                (counted.len(), done.len()),
                (1, 1),
                "each counts once, and the second one grants: {both:?}"
            );
            let mut events = arena.closings(request).await;
            events.sort();
            assert_eq!(events, ["request.approved", "request.stage_approved"]);
        }
        arena.tidy().await;
    }
    arena.server.stop_without_mail().await;
}

async fn approve_against_withdraw(backend: Backend) {
    let arena = Arena::new(backend).await;
    let (mut approvals, mut withdrawals) = (0, 0);
    for round in 0..batches(backend) {
        let asked = arena.ask(None, "10m", round).await;
        let races = asked.iter().map(|(asker, request)| {
            let approving = tokio::spawn(approve(arena.one(), arena.ana.clone(), request.clone()));
            let (broker, asker, reference) = (arena.other(), asker.clone(), request.reference.clone());
            let withdrawing = tokio::spawn(async move { broker.withdraw_request(&asker, &reference).await });
            async move { (approving.await.unwrap(), withdrawing.await.unwrap(), request) }
        });
        for (approved, withdrawn, request) in futures_util::future::join_all(races).await {
            let (state, event) = match (approved, withdrawn) {
                (Ok(_), Err(lost)) => {
                    assert_conflict(&lost, "already_approved");
                    approvals += 1;
                    (RequestState::Approved, "request.approved")
                }
                (Err(lost), Ok(_)) => {
                    assert_conflict(&lost, "withdrawn");
                    withdrawals += 1;
                    assert!(arena.one().store.grant_of(request.id).await.unwrap().is_none());
                    (RequestState::Withdrawn, "request.withdrawn")
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(arena.now(request).await.state, state);
            assert_eq!(arena.closings(request).await, [event]);
        }
        arena.tidy().await;
    }
    assert_both_won(approvals, withdrawals);
    arena.server.stop_without_mail().await;
}

async fn approve_against_lapse(backend: Backend) {
    let arena = Arena::new(backend).await;
    let (mut approvals, mut lapses) = (0, 0);
    for round in 0..batches(backend) {
        let asked = arena.ask(None, "10m", round).await;
        let decide_by = asked[0].1.decide_by;
        arena.server.set_clock(decide_by - TimeDelta::microseconds(1));
        let approving: Vec<_> = asked
            .iter()
            .map(|(_, r)| tokio::spawn(approve(arena.one(), arena.ana.clone(), r.clone())))
            .collect();
        under_way(&approving, round).await;
        arena.server.set_clock(decide_by);
        let (first, second) = (arena.other(), arena.one());
        let lapsing = tokio::join!(first.step_lapse_requests(), second.step_lapse_requests());
        let mut lapsed = 0;
        for ((_, request), approving) in asked.iter().zip(approving) {
            let (state, event) = match approving.await.unwrap() {
                Ok(_) => {
                    approvals += 1;
                    (RequestState::Approved, "request.approved")
                }
                Err(lost) => {
                    assert_conflict(&lost, "lapsed");
                    lapsed += 1;
                    (RequestState::Lapsed, "request.lapsed")
                }
            };
            // What no lapse has caught yet is caught by the next one; what it lost is left alone.
            assert_eq!(arena.one().step_lapse_requests().await.error, None);
            assert_eq!(arena.now(request).await.state, state);
            assert_eq!(arena.closings(request).await, [event]);
            let approved = usize::from(state == RequestState::Approved);
            let one = arena.one();
            let store = &one.store;
            assert_eq!(
                store.decisions(request.id).await.unwrap().len(),
                approved,
                "no decision of a lapsed one"
            );
            assert_eq!(
                usize::from(store.grant_of(request.id).await.unwrap().is_some()),
                approved,
                "no grant of a lapsed one"
            );
        }
        lapses += lapsed;
        assert!(lapsing.0.done + lapsing.1.done <= lapsed, "{lapsing:?}");
        arena.tidy().await;
    }
    assert_both_won(approvals, usize::try_from(lapses).unwrap());
    arena.server.stop_without_mail().await;
}

async fn end_against_expiry(backend: Backend) {
    let arena = Arena::new(backend).await;
    let (mut releases, mut expiries) = (0, 0);
    for round in 0..batches(backend) {
        let mut held: Vec<(Caller, GrantId)> = Vec::new();
        for (asker, request) in arena.ask(None, "10m", round).await {
            match approve(arena.one(), arena.bo.clone(), request).await.unwrap() {
                Outcome::Approved(grant) => held.push((asker, grant.id)),
                other => panic!("{other:?}"),
            }
        }
        let ends_at = arena.one().store.grant(held[0].1).await.unwrap().unwrap().ends_at;
        arena.server.set_clock(ends_at - TimeDelta::microseconds(1));
        let releasing: Vec<_> = held
            .iter()
            .map(|(holder, id)| {
                let (broker, holder, id) = (arena.one(), holder.clone(), *id);
                tokio::spawn(async move { broker.release_grant(&holder, id).await })
            })
            .collect();
        under_way(&releasing, round).await;
        arena.server.set_clock(ends_at);
        let other = arena.other();
        let (_, releasing) =
            tokio::join!(other.step_expire_grants(), futures_util::future::join_all(releasing));
        while arena.one().step_expire_grants().await.done > 0 {}
        for ((_, id), released) in held.iter().zip(releasing) {
            let reason = match released.unwrap() {
                Ok(_) => {
                    releases += 1;
                    EndReason::Released
                }
                Err(lost) => {
                    assert_conflict(&lost, "already_over");
                    expiries += 1;
                    EndReason::Expired
                }
            };
            let grant = arena.one().store.grant(*id).await.unwrap().unwrap();
            assert_eq!((grant.state, grant.end_reason), (GrantState::Ended, Some(reason)));
            for kind in ["grant.ending", "grant.ended"] {
                let subject = Some(("grant", id.to_string()));
                assert_eq!(hallpass_tests::facts::events(&arena.server, kind, subject).await, 1, "{kind}");
            }
        }
    }
    assert_both_won(releases, expiries);
    arena.server.stop_without_mail().await;
}
