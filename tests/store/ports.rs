//! Every port called once with every filter, for what looks at the statements behind them.
use hallpass_domain::grant::GrantState;
use hallpass_domain::ids::{CredentialId, DeviceId, FindingId, MailId};
use hallpass_domain::ports::accounts::Accounts as _;
use hallpass_domain::ports::audit_log::{AuditFilter, AuditLog as _};
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::comparison::Comparison as _;
use hallpass_domain::ports::credentials::{Claim, Credentials as _};
use hallpass_domain::ports::grants::{GrantFilter, Grants as _};
use hallpass_domain::ports::mails::Mails as _;
use hallpass_domain::ports::requests::{RequestFilter, Requests as _};
use hallpass_domain::ports::store::{Page, Store as _};
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::presented::Presented;
use hallpass_domain::principal::Principal;
use hallpass_domain::request::RequestState;
use hallpass_domain::transition::Rested;
use hallpass_store::StoreHandle;

use super::samples::{World, after, change, commit, hash, now, put, revocation};

/// Calls everything.
pub(crate) async fn call_every_port(store: &StoreHandle) {
    let w = World::make(store).await;
    let (request, grant, mail) = (w.request(), w.grant(), w.mail());
    let mut credential = w.credential(&grant);
    credential.due_at = now();
    let mut token = w.token(&grant);
    commit(
        store,
        [
            put!(Request, request),
            put!(Decision, w.decision(&request)),
            put!(Grant, grant),
            put!(Mail, mail),
            put!(Credential, credential),
            put!(Token, token),
            put!(Session, w.session()),
            put!(Device, w.device()),
            put!(ApiToken, w.api_token()),
            put!(Account, w.account()),
        ],
    )
    .await;
    (token.version, token.revoked_at) = (2, Some(now()));
    let resting = [
        Rested::Request(request.id, 1),
        Rested::Grant(grant.id, 1),
        Rested::Mail(mail.id, 1),
        Rested::User(w.ana.id, 1),
    ];
    let resting = resting.into_iter().fold(change([revocation(&token)]), |t, r| t.rests_on(r));
    store.commit(resting).await.unwrap();
    let many = (0..8).map(|_| store.commit(change([]).rests_on(Rested::GrantHeld(grant.id, 2))));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));

    let (ana, page) = (Some(Principal::User(w.ana.id)), Page { after: Some(grant.id.0), limit: 5 });
    store.request(request.id).await.unwrap();
    store.request_by_reference("R-1").await.unwrap();
    for of in [None, ana, Some(Principal::Workload(w.workload.id))] {
        for state in [None, Some(RequestState::Pending)] {
            for role in [None, Some(w.login.id)] {
                store.requests(&RequestFilter { of, state, role }, page).await.unwrap();
            }
        }
        for states in [vec![], vec![GrantState::Active], vec![GrantState::Active, GrantState::Ended]] {
            for role in [None, Some(w.login.id)] {
                store
                    .grants(&GrantFilter { principal: of, states: states.clone(), role }, page)
                    .await
                    .unwrap();
            }
        }
    }
    store.pending_requests(&[w.login.id], None, 5).await.unwrap();
    store.decisions_on(&[request.id]).await.unwrap();
    store.lapsing_requests(now(), 5).await.unwrap();
    store.decisions(request.id).await.unwrap();
    store.decided_by(w.ben.id, page).await.unwrap();
    store.grant(grant.id).await.unwrap();
    store.grant_of(request.id).await.unwrap();
    store.usable_grant(Principal::User(w.ana.id), w.login.id, now()).await.unwrap();
    store.due_grants(now(), 5).await.unwrap();
    store.emptied_grants(None, 5).await.unwrap();
    store.overdue_untold(now(), 5).await.unwrap();
    store.starting_grants(now(), 5).await.unwrap();
    store.next_due(now()).await.unwrap();
    store.credential(credential.id).await.unwrap();
    store.credentials(&[credential.id]).await.unwrap();
    store.credentials_of(grant.id).await.unwrap();
    store.unrevoked_at(w.database.id).await.unwrap();
    store.credential_named(w.database.id, "x").await.unwrap();
    for target in [None, Some(w.database.id)] {
        for before in [None, Some(FindingId::new(now()))] {
            store.newest_findings(target, before, 5).await.unwrap();
        }
    }
    store.count_findings().await.unwrap();
    for after in [None, Some("x")] {
        store.open_findings_at(w.database.id, after, 5).await.unwrap();
    }
    let unused = change([]).rests_on(Rested::Unused(w.oauth.id, store.catalogue().await.unwrap().revision));
    store.commit(unused).await.unwrap();
    let claim = || Claim { owner: "w", now: now(), until: after(60), limit: 5 };
    store.claim_due(w.database.id, claim()).await.unwrap();
    store.claim_one(CredentialId::new(now()), claim()).await.unwrap();
    store.claim_mails(claim()).await.unwrap();
    store.targets_due(now()).await.unwrap();
    store.overdue(now(), 5).await.unwrap();
    store.count_overdue(now()).await.unwrap();
    store.due_between(now(), after(5), 5).await.unwrap();
    store.count_unrevoked(grant.id).await.unwrap();
    store.mail(MailId::new(now())).await.unwrap();
    store.mails_of_request(request.id).await.unwrap();
    store.mails_of_grant(grant.id).await.unwrap();
    store.outbox_age().await.unwrap();
    store.token_presented(Presented::of(&token)).await.unwrap();
    store.token(token.id).await.unwrap();
    store.tokens_of(grant.id, 5).await.unwrap();
    store.live_tokens(&[grant.id], now()).await.unwrap();
    store.tokens_outlast(grant.target_id, now(), chrono::TimeDelta::minutes(5)).await.unwrap();
    store.user_by_email("a").await.unwrap();
    store.account(w.ana.id).await.unwrap();
    store.session_by_hash(&hash()).await.unwrap();
    store.sessions_of(w.ana.id, now()).await.unwrap();
    store.device_by_code(&hash()).await.unwrap();
    store.device_by_user_code(&hash()).await.unwrap();
    store.device(DeviceId::new(now())).await.unwrap();
    store.api_token_by_hash(&hash()).await.unwrap();
    store.api_tokens_of(w.ana.id, now()).await.unwrap();
    store.client(w.client.id).await.unwrap();
    store.client_named("x").await.unwrap();
    let text = |t: &str| Some(t.to_owned());
    let none = AuditFilter::default;
    for filter in [
        none(),
        AuditFilter { kind: text("catalogue.changed"), ..none() },
        AuditFilter { kind: text("catalogue."), ..none() },
        AuditFilter { kind: text("catalogue.changed."), ..none() },
        AuditFilter { actor: text("user:x"), ..none() },
        AuditFilter { subject: Some(("request".to_owned(), "x".to_owned())), ..none() },
        AuditFilter { from: Some(now()), until: Some(after(5)), ..none() },
        AuditFilter { kind: text("catalogue."), actor: text("user:x"), from: Some(now()), ..none() },
    ] {
        store.events(&filter, None, 5).await.unwrap();
        store.events(&filter, Some(grant.id.0), 5).await.unwrap();
    }
    store.unsealed_tail().await.unwrap();
    let seal = super::audit::next_seal(store, 100).await;
    store.seal(seal).await.unwrap();
    store.sealed_events(0, 5).await.unwrap();
    store.nodes(&[(0, 0), (1, 0)]).await.unwrap();
    store.meta("k").await.unwrap();
    store.live_servers().await.unwrap();
    store.idempotent_answer("s", "k").await.unwrap();
    store.sweep(now() + chrono::Duration::days(40), 5).await.unwrap();
}
