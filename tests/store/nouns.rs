//! What goes in comes out, field for field.
use hallpass_domain::account::{DeviceState, Strength};
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::credential::CredentialState;
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::ids::*;
use hallpass_domain::mail::{MailKind, MailState};
use hallpass_domain::ports::accounts::Accounts as _;
use hallpass_domain::ports::audit_log::{AuditFilter, AuditLog as _};
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::credentials::Credentials as _;
use hallpass_domain::ports::grants::Grants as _;
use hallpass_domain::ports::mails::Mails as _;
use hallpass_domain::ports::requests::Requests as _;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::presented::Presented;
use hallpass_domain::principal::{Client, ClientOf, Principal};
use hallpass_domain::request::{RequestState, Verdict};
use hallpass_domain::window::Ask;
use hallpass_domain::workflow::Proof;

use super::bed::Bed;
use super::samples::{World, after, change, commit, event, hash, name, now, put, revocation, user};

pub(crate) async fn every_noun_comes_back_as_it_went(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let mut request = w.request();
    let mut until = w.request();
    until.ask = Ask::Until(after(1_800));
    until.subject = Principal::Workload(w.workload.id);
    until.submitted_by = None;
    until.ticket = None;
    until.cap_seconds = Some(60);
    until.stage = 3;
    let decision = w.decision(&request);
    let mut refusal = w.decision(&until);
    (refusal.verdict, refusal.proof, refusal.comment, refusal.cap_seconds) =
        (Verdict::Deny, Proof::Session, None, None);
    let mut grant = w.grant();
    grant.request_id = Some(request.id);
    let (credential, token) = (w.credential(&grant), w.token(&grant));
    let mut own = w.token(&grant);
    own.client_id = None;
    let (account, session, device, api_token) = (w.account(), w.session(), w.device(), w.api_token());
    let mut anonymous = w.session();
    (anonymous.user_id, anonymous.next, anonymous.strength) = (None, None, Strength::Password);
    let mut mail = w.mail();
    (mail.request_id, mail.grant_id) = (Some(request.id), Some(grant.id));
    let clients = [ClientOf::ResourceServer(w.oauth.id), ClientOf::CommandLine].map(|of| Client {
        id: ClientId::new(now()),
        client_id: name(if of == ClientOf::CommandLine { "hallpass-cli" } else { "orders-server" }),
        secret_hash: None,
        of,
        created_at: now(),
        version: 1,
    });
    let logged =
        event("request.submitted", &[("request", request.id.to_string()), ("role", w.login.id.to_string())]);
    let transition = change([
        put!(Mail, mail),
        put!(Token, token),
        put!(Token, own),
        put!(Credential, credential),
        put!(Grant, grant),
        put!(Decision, decision),
        put!(Decision, refusal),
        put!(Request, request),
        put!(Request, until),
        put!(ApiToken, api_token),
        put!(Device, device),
        put!(Session, session),
        put!(Session, anonymous),
        put!(Account, account),
        put!(Client, clients[0]),
        put!(Client, clients[1]),
    ]);
    store.commit(transition.event(logged.clone())).await.unwrap();

    request.version = 1;
    assert_eq!(store.request(request.id).await.unwrap(), Some(request.clone()));
    assert_eq!(store.request_by_reference(&until.reference).await.unwrap(), Some(until.clone()));
    assert_eq!(store.decisions(request.id).await.unwrap(), [decision]);
    assert_eq!(store.decisions(until.id).await.unwrap(), [refusal]);
    assert_eq!(store.grant(grant.id).await.unwrap(), Some(grant.clone()));
    assert_eq!(store.grant_of(request.id).await.unwrap(), Some(grant.clone()));
    assert_eq!(store.credential(credential.id).await.unwrap(), Some(credential.clone()));
    assert_eq!(
        store.credential_named(w.database.id, &credential.external_name).await.unwrap(),
        Some(credential)
    );
    assert_eq!(store.token(own.id).await.unwrap(), Some(own.clone()));
    // Its id alone finds nothing, nor does its hash under the id of another.
    for other in [
        Presented { hash: own.hash, ..Presented::of(&token) },
        Presented { jti: own.id, ..Presented::of(&token) },
    ] {
        assert_eq!(store.token_presented(other).await.unwrap(), None);
    }
    assert_eq!(store.token_presented(Presented::of(&token)).await.unwrap(), Some((token, grant)));
    assert_eq!(store.account(w.ana.id).await.unwrap(), Some(account));
    assert_eq!(store.session_by_hash(&session.hash).await.unwrap(), Some(session));
    assert_eq!(store.session_by_hash(&anonymous.hash).await.unwrap(), Some(anonymous));
    assert_eq!(store.device(device.id).await.unwrap(), Some(device.clone()));
    assert_eq!(store.device_by_code(&device.device_hash).await.unwrap(), Some(device.clone()));
    assert_eq!(store.device_by_user_code(&device.user_code_hash).await.unwrap(), Some(device));
    assert_eq!(store.api_token_by_hash(&api_token.hash).await.unwrap(), Some(api_token));
    assert_eq!(store.mail(mail.id).await.unwrap(), Some(mail));
    for client in [&clients[0], &clients[1], &w.client] {
        assert_eq!(store.client(client.id).await.unwrap().as_ref(), Some(client));
        assert_eq!(store.client_named(client.client_id.as_str()).await.unwrap().as_ref(), Some(client));
    }
    assert_eq!(store.clients().await.unwrap().len(), 3);
    assert_eq!(store.user_by_email("ana@example.org").await.unwrap(), Some(w.ana.clone()));
    let catalogue = store.catalogue().await.unwrap();
    assert_eq!(catalogue.users.values().collect::<Vec<_>>(), [&w.ana, &w.ben]);
    assert_eq!(catalogue.groups.values().collect::<Vec<_>>(), [&w.group]);
    assert_eq!(catalogue.workloads.values().collect::<Vec<_>>(), [&w.workload]);
    assert_eq!(catalogue.targets.values().collect::<Vec<_>>(), [&w.oauth, &w.database]);
    assert_eq!(catalogue.roles.values().collect::<Vec<_>>(), [&w.reader, &w.login]);
    assert_eq!(catalogue.workflows.values().collect::<Vec<_>>(), [&w.workflow]);
    let filter = AuditFilter { kind: Some("request.submitted".to_owned()), ..AuditFilter::default() };
    let found = store.events(&filter, None, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].index, &found[0].event), (None, &logged));
    assert!(found[0].event.commitment_holds());
    assert_eq!(found[0].event.leaf_hash(), logged.leaf_hash());
}

pub(crate) async fn replaced_nouns_come_back_as_they_went(bed: &Bed) {
    let (store, mut w) = (&bed.store, World::make(&bed.store).await);
    let (mut request, mut grant) = (w.request(), w.grant());
    let (mut credential, mut token) = (w.credential(&grant), w.token(&grant));
    let (mut account, mut session, mut device) = (w.account(), w.session(), w.device());
    let (mut api_token, mut mail) = (w.api_token(), w.mail());
    let first = [
        put!(Request, request),
        put!(Grant, grant),
        put!(Credential, credential),
        put!(Token, token),
        put!(Account, account),
        put!(Session, session),
        put!(Device, device),
        put!(ApiToken, api_token),
        put!(Mail, mail),
    ];
    commit(store, first).await;

    // Every column that may change does, and optional ones are emptied as well as filled.
    (request.state, request.closed_at, request.stage) = (RequestState::Denied, Some(after(1)), 1);
    (request.cap_seconds, request.ticket, request.version) = (Some(5), None, 2);
    (grant.state, grant.end_reason, grant.ended_by) =
        (GrantState::Ended, Some(EndReason::Revoked), Some(w.ben.id));
    (grant.ends_at, grant.verified_at, grant.version) = (after(10), Some(after(11)), 2);
    grant.accepted_until = Some(after(12));
    (credential.state, credential.live_at, credential.external_oid) =
        (CredentialState::Live, Some(after(1)), Some(16_999));
    (credential.due_at, credential.attempts, credential.next_attempt_at) = (after(20), 2, after(40));
    (credential.last_error, credential.alerted_at) = (Some("down".to_owned()), Some(after(2)));
    (credential.claimed_by, credential.claimed_until) = (Some("w1".to_owned()), Some(after(60)));
    (credential.denied_at, credential.sessions_ended_at) = (Some(after(3)), Some(after(4)));
    (credential.removed_at, credential.verified_at) = (Some(after(5)), Some(after(6)));
    (credential.fence, credential.version) = (4, 2);
    (token.revoked_at, token.version) = (Some(after(9)), 2);
    (account.password_hash, account.totp_pending, account.totp_last_step) = (None, None, 59_000_001);
    (account.recovery_hashes, account.version) = (vec![], 2);
    (session.ended_at, session.next, session.seen_at, session.version) = (Some(after(3)), None, after(2), 2);
    (device.state, device.user_id, device.polled_at) = (DeviceState::Allowed, Some(w.ana.id), Some(after(5)));
    (device.interval, device.version) = (10, 2);
    (api_token.revoked_at, api_token.label, api_token.version) = (Some(after(1)), "x".to_owned(), 2);
    (mail.state, mail.sent_at, mail.attempts, mail.version) = (MailState::Sent, Some(after(1)), 1, 2);
    (mail.last_error, mail.claimed_by, mail.claimed_until) =
        (Some("421".to_owned()), Some("m".to_owned()), Some(after(3)));
    (w.client.secret_hash, w.client.version) = (Some(hash()), 2);
    (w.ana.disabled, w.ana.version) = (true, 2);
    w.ana.duties.clear();
    (w.database.sealed_secret, w.database.disabled, w.database.revision, w.database.version) =
        (None, true, 2, 2);
    (w.reader.retired, w.reader.revision, w.reader.version) = (true, 2, 2);
    (w.workflow.retired, w.workflow.version) = (true, 2);
    let catalogue = |c: CatalogueChange| put!(Catalogue, c);
    let second = [
        put!(Request, request),
        put!(Grant, grant),
        put!(Credential, credential),
        revocation(&token),
        put!(Account, account),
        put!(Session, session),
        put!(Device, device),
        put!(ApiToken, api_token),
        put!(Mail, mail),
        put!(Client, w.client),
        put!(User, w.ana),
        catalogue(CatalogueChange::Target(w.database.clone())),
        catalogue(CatalogueChange::Role(w.reader.clone())),
        catalogue(CatalogueChange::Workflow(w.workflow.clone())),
    ];
    commit(store, second).await;
    assert_eq!(store.request(request.id).await.unwrap(), Some(request));
    assert_eq!(store.grant(grant.id).await.unwrap(), Some(grant));
    assert_eq!(store.credential(credential.id).await.unwrap(), Some(credential));
    assert_eq!(store.token(token.id).await.unwrap(), Some(token));
    assert_eq!(store.account(w.ana.id).await.unwrap(), Some(account));
    assert_eq!(store.session_by_hash(&session.hash).await.unwrap(), Some(session));
    assert_eq!(store.device(device.id).await.unwrap(), Some(device));
    assert_eq!(store.api_token_by_hash(&api_token.hash).await.unwrap(), Some(api_token));
    assert_eq!(store.mail(mail.id).await.unwrap(), Some(mail));
    assert_eq!(store.client(w.client.id).await.unwrap(), Some(w.client.clone()));
    let catalogue = store.catalogue().await.unwrap();
    assert_eq!(catalogue.users[&w.ana.id], w.ana);
    assert_eq!(catalogue.targets[&w.database.id], w.database);
    assert_eq!(catalogue.roles[&w.reader.id], w.reader);
    assert_eq!(catalogue.workflows[&w.workflow.id], w.workflow);

    // Every kind of mail has its word in the database.
    for kind in MailKind::ALL {
        let mut other = w.mail();
        (other.id, other.kind) = (MailId::new(now()), kind);
        commit(store, [put!(Mail, other)]).await;
        assert_eq!(store.mail(other.id).await.unwrap(), Some(other));
    }
}

pub(crate) async fn absent_rows_are_none(bed: &Bed) {
    let store = &bed.store;
    assert_eq!(store.request(RequestId::new(now())).await.unwrap(), None);
    assert_eq!(store.request_by_reference("R-0").await.unwrap(), None);
    assert_eq!(store.grant(GrantId::new(now())).await.unwrap(), None);
    assert_eq!(store.grant_of(RequestId::new(now())).await.unwrap(), None);
    assert_eq!(store.credential(CredentialId::new(now())).await.unwrap(), None);
    let unknown = Presented { jti: TokenId::new(now()), hash: hash() };
    assert_eq!(store.token_presented(unknown).await.unwrap(), None);
    assert_eq!(store.token(TokenId::new(now())).await.unwrap(), None);
    assert_eq!(store.session_by_hash(&hash()).await.unwrap(), None);
    assert_eq!(store.device(DeviceId::new(now())).await.unwrap(), None);
    assert_eq!(store.api_token_by_hash(&hash()).await.unwrap(), None);
    assert_eq!(store.account(UserId::new(now())).await.unwrap(), None);
    assert_eq!(store.user_by_email(user("nobody@example.org").email.as_str()).await.unwrap(), None);
    assert_eq!(store.mail(MailId::new(now())).await.unwrap(), None);
    assert_eq!(store.client(ClientId::new(now())).await.unwrap(), None);
    assert_eq!(store.meta("nothing").await.unwrap(), None);
    assert_eq!(store.idempotent_answer("s", "k").await.unwrap(), None);
    assert!(store.live_tokens(&[GrantId::new(now())], now()).await.unwrap().is_empty());
    assert_eq!(store.next_due(now()).await.unwrap(), None);
    assert_eq!(store.unsealed_tail().await.unwrap(), (0, None));
    assert_eq!(store.outbox_age().await.unwrap(), (None, 0));
    assert_eq!(store.log_head().await.unwrap().size, 0);
}
