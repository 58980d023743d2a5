//! Rules that the database holds by itself, whatever the program above it does.
use hallpass_domain::credential::CredentialState;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ids::{CredentialId, DecisionId, GrantId, RequestId, RoleId, TokenId, UserId};
use hallpass_domain::ports::grants::Grants as _;
use hallpass_domain::ports::store::{CommitError, Store as _};
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::request::RequestState;
use hallpass_domain::transition::Change;

use super::bed::Bed;
use super::commit::is_conflict;
use super::samples::{World, after, change, commit, now, put, revocation, user};

async fn refused(bed: &Bed, what: &str, change_: Change) {
    let outcome = bed.store.commit(change([change_])).await;
    assert!(matches!(outcome, Err(CommitError::Refused(_))), "{what}: {outcome:?}");
}

async fn conflicts(bed: &Bed, what: &str, change_: Change) {
    let outcome = bed.store.commit(change([change_])).await;
    assert!(is_conflict(&outcome), "{what}: {outcome:?}");
}

pub(crate) async fn taken_keys_conflict(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (request, mut grant) = (w.request(), w.grant());
    grant.request_id = Some(request.id);
    let (decision, credential, token) = (w.decision(&request), w.credential(&grant), w.token(&grant));
    let (session, device, api_token) = (w.session(), w.device(), w.api_token());
    let all = [
        put!(Request, request),
        put!(Grant, grant),
        put!(Decision, decision),
        put!(Credential, credential),
        put!(Token, token),
        put!(Session, session),
        put!(Device, device),
        put!(ApiToken, api_token),
    ];
    commit(&bed.store, all).await;

    let mut same = w.request();
    same.reference.clone_from(&request.reference);
    conflicts(bed, "reference", put!(Request, same)).await;
    let mut same = w.grant();
    same.request_id = Some(request.id);
    conflicts(bed, "one grant per request", put!(Grant, same)).await;
    let mut same = decision.clone();
    same.id = DecisionId::new(now());
    conflicts(bed, "one decision per person", put!(Decision, same)).await;
    let mut same = w.credential(&grant);
    same.external_name.clone_from(&credential.external_name);
    conflicts(bed, "name at the target", put!(Credential, same)).await;
    let mut same = w.token(&grant);
    same.id = token.id;
    conflicts(bed, "id of a token", put!(Token, same)).await;
    let mut same = w.session();
    same.hash = session.hash;
    conflicts(bed, "session hash", put!(Session, same)).await;
    let mut same = w.device();
    same.user_code_hash = device.user_code_hash;
    conflicts(bed, "user code", put!(Device, same)).await;
    let mut same = w.api_token();
    same.hash = api_token.hash;
    conflicts(bed, "API token hash", put!(ApiToken, same)).await;
    conflicts(bed, "address", put!(User, user("ana@example.org"))).await;
    let mut same = w.client.clone();
    same.id = hallpass_domain::ids::ClientId::new(now());
    conflicts(bed, "client id", put!(Client, same)).await;
    use hallpass_domain::catalogue::CatalogueChange as C;
    let mut role = w.login.clone();
    role.id = RoleId::new(now());
    conflicts(bed, "role name", put!(Catalogue, C::Role(role.clone()))).await;
    // A retired role keeps its name for history; a new one may have it.
    let mut old = w.login.clone();
    (old.retired, old.version) = (true, 2);
    commit(&bed.store, [put!(Catalogue, C::Role(old)), put!(Catalogue, C::Role(role))]).await;
}

pub(crate) async fn illegal_moves_are_refused(bed: &Bed) {
    let w = World::make(&bed.store).await;
    use RequestState as R;
    for (first, then) in [
        (R::Denied, R::Approved),
        (R::Withdrawn, R::Pending),
        (R::Lapsed, R::Pending),
        (R::Approved, R::Denied),
    ] {
        let mut request = w.request();
        commit(&bed.store, [put!(Request, request)]).await;
        (request.state, request.version) = (first, 2);
        commit(&bed.store, [put!(Request, request)]).await;
        (request.state, request.version) = (then, 3);
        refused(bed, &format!("{first:?} to {then:?}"), put!(Request, request)).await;
    }
    use GrantState as G;
    for (path, then) in [
        (vec![G::Scheduled, G::Active, G::Ended], G::Active),
        (vec![G::Active, G::Ended], G::Ending),
        (vec![G::Active, G::Ending], G::Active),
        (vec![G::Active], G::Scheduled),
    ] {
        let mut grant = w.grant();
        for state in &path {
            grant.state = *state;
            commit(&bed.store, [put!(Grant, grant)]).await;
            grant.version += 1;
        }
        grant.state = then;
        refused(bed, &format!("{path:?} to {then:?}"), put!(Grant, grant)).await;
    }
    use CredentialState as C;
    for (path, then) in [
        (vec![C::Intended], C::Revoked),
        (vec![C::Intended, C::Live], C::Revoked),
        (vec![C::Intended, C::Live], C::Intended),
        (vec![C::Intended, C::Live, C::Revoking], C::Live),
        (vec![C::Intended, C::Revoking, C::Revoked], C::Revoking),
        (vec![C::Intended, C::Revoking, C::Revoked], C::Live),
    ] {
        let grant = w.grant();
        let mut credential = w.credential(&grant);
        commit(&bed.store, [put!(Grant, grant)]).await;
        for state in &path {
            credential.state = *state;
            commit(&bed.store, [put!(Credential, credential)]).await;
            credential.version += 1;
        }
        credential.state = then;
        refused(bed, &format!("{path:?} to {then:?}"), put!(Credential, credential)).await;
    }
    // Nothing begins in the middle: no account exists that was not written ahead.
    let (mut request, mut grant) = (w.request(), w.grant());
    (request.state, grant.state) = (R::Approved, G::Ending);
    refused(bed, "a request that begins approved", put!(Request, request)).await;
    refused(bed, "a grant that begins ending", put!(Grant, grant)).await;
    grant.state = G::Active;
    commit(&bed.store, [put!(Grant, grant)]).await;
    let mut credential = w.credential(&grant);
    credential.state = C::Live;
    refused(bed, "a credential that begins live", put!(Credential, credential)).await;
}

pub(crate) async fn legal_moves_pass(bed: &Bed) {
    let w = World::make(&bed.store).await;
    for state in [RequestState::Approved, RequestState::Denied, RequestState::Withdrawn, RequestState::Lapsed]
    {
        let mut request = w.request();
        commit(&bed.store, [put!(Request, request)]).await;
        (request.state, request.version) = (state, 2);
        commit(&bed.store, [put!(Request, request)]).await;
    }
    use GrantState as G;
    for path in [
        [G::Scheduled, G::Active, G::Ending, G::Ended],
        [G::Scheduled, G::Ending, G::Ending, G::Ended],
        [G::Scheduled, G::Scheduled, G::Ended, G::Ended],
        [G::Active, G::Active, G::Active, G::Ended],
    ] {
        let mut grant = w.grant();
        for state in path {
            grant.state = state;
            commit(&bed.store, [put!(Grant, grant)]).await;
            grant.version += 1;
        }
    }
    use CredentialState as C;
    for path in
        [[C::Intended, C::Live, C::Revoking, C::Revoked], [C::Intended, C::Revoking, C::Revoking, C::Revoked]]
    {
        let grant = w.grant();
        let mut credential = w.credential(&grant);
        commit(&bed.store, [put!(Grant, grant)]).await;
        for state in path {
            credential.state = state;
            commit(&bed.store, [put!(Credential, credential)]).await;
            credential.version += 1;
        }
    }
}

pub(crate) async fn ends_never_move_later(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mut grant = w.grant();
    let (mut credential, token) = (w.credential(&grant), w.token(&grant));
    commit(&bed.store, [put!(Grant, grant), put!(Credential, credential), put!(Token, token)]).await;
    (grant.version, credential.version) = (2, 2);
    let later = chrono::Duration::microseconds(1);
    let mut late = grant.clone();
    late.ends_at += later;
    refused(bed, "grant", put!(Grant, late)).await;
    let mut late = credential.clone();
    late.not_after += later;
    refused(bed, "credential", put!(Credential, late)).await;
    let mut late = credential.clone();
    late.due_at += later;
    refused(bed, "removal", put!(Credential, late)).await;
    grant.ends_at -= later;
    credential.due_at -= later;
    commit(&bed.store, [put!(Grant, grant), put!(Credential, credential)]).await;
    // Earlier it stays: the old end is a later one now.
    grant.version = 3;
    grant.ends_at += later;
    refused(bed, "back to the old end", put!(Grant, grant)).await;
}

pub(crate) async fn what_was_agreed_does_not_change(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (mut request, mut grant) = (w.request(), w.grant());
    let mut credential = w.credential(&grant);
    commit(&bed.store, [put!(Request, request), put!(Grant, grant), put!(Credential, credential)]).await;
    (request.version, grant.version, credential.version) = (2, 2, 2);
    let other = hallpass_domain::principal::Principal::User(w.ben.id);
    let mut changed = request.clone();
    changed.digest = "e".repeat(64);
    refused(bed, "digest", put!(Request, changed)).await;
    let mut changed = request.clone();
    changed.subject = other;
    refused(bed, "subject", put!(Request, changed)).await;
    let mut changed = grant.clone();
    changed.principal = other;
    refused(bed, "principal", put!(Grant, changed)).await;
    let mut changed = grant.clone();
    changed.scope.0.clear();
    refused(bed, "scope", put!(Grant, changed)).await;
    let mut changed = grant.clone();
    changed.role_id = w.reader.id;
    refused(bed, "role", put!(Grant, changed)).await;
    let mut changed = grant.clone();
    changed.request_id = Some(request.id);
    refused(bed, "request of a grant", put!(Grant, changed)).await;
    let mut changed = credential.clone();
    changed.external_name.push('x');
    refused(bed, "name at the target", put!(Credential, changed)).await;
    let mut changed = credential.clone();
    let hallpass_domain::credential::Plan::PostgresqlLogin { groups, .. } = &mut changed.plan;
    groups.clear();
    refused(bed, "plan", put!(Credential, changed)).await;
    credential.fence = 3;
    commit(&bed.store, [put!(Credential, credential)]).await;
    (credential.fence, credential.version) = (2, 3);
    refused(bed, "fence", put!(Credential, credential)).await;
    assert_eq!(bed.store.grant(grant.id).await.unwrap().unwrap().version, 1);
}

/// There is no change that says so: what a token gives and that it was revoked is kept by the database alone.
pub(crate) async fn what_a_token_gives_is_fixed(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let mut token = w.token(&grant);
    commit(&bed.store, [put!(Grant, grant), put!(Token, token)]).await;
    (token.revoked_at, token.version) = (Some(now()), 2);
    commit(&bed.store, [revocation(&token)]).await;
    conflicts(bed, "a second revocation", revocation(&token)).await;
    for (sqlite, postgres) in [
        ("expires_at = expires_at + 1", "expires_at = expires_at + interval '1 microsecond'"),
        ("hash = randomblob(32)", "hash = sha256('other')"),
        ("grant_id = id", "grant_id = id"),
        ("target_id = id", "target_id = id"),
        ("revoked_at = NULL", "revoked_at = NULL"),
    ] {
        let sql = |set: &str| format!("UPDATE tokens SET {set}");
        let refused = bed.outside(&sql(sqlite), &sql(postgres)).await.expect_err(sqlite);
        assert!(refused.contains("hallpass: "), "{sqlite}: {refused}");
    }
    assert_eq!(bed.store.token(token.id).await.unwrap(), Some(token));
}

pub(crate) async fn revoked_stays_revoked(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let (mut token, mut api_token, mut session, mut account) =
        (w.token(&grant), w.api_token(), w.session(), w.account());
    commit(
        &bed.store,
        [
            put!(Grant, grant),
            put!(Token, token),
            put!(ApiToken, api_token),
            put!(Session, session),
            put!(Account, account),
        ],
    )
    .await;
    (token.version, api_token.version, session.version) = (2, 2, 2);
    (token.revoked_at, api_token.revoked_at, session.ended_at) = (Some(now()), Some(now()), Some(now()));
    commit(&bed.store, [revocation(&token), put!(ApiToken, api_token), put!(Session, session)]).await;
    (api_token.version, session.version) = (3, 3);
    (api_token.revoked_at, session.ended_at) = (None, None);
    refused(bed, "API token", put!(ApiToken, api_token)).await;
    refused(bed, "session", put!(Session, session)).await;
    (account.version, account.totp_last_step) = (2, account.totp_last_step - 1);
    refused(bed, "a used code", put!(Account, account)).await;
    // A newly enrolled seed begins anew.
    (account.totp_sealed, account.totp_last_step) = (Some("v1.k.n.new".to_owned()), 0);
    commit(&bed.store, [put!(Account, account)]).await;
}

pub(crate) async fn strangers_are_refused(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    refused(bed, "a token without its grant", put!(Token, w.token(&grant))).await;
    refused(bed, "a credential without its grant", put!(Credential, w.credential(&grant))).await;
    refused(bed, "a decision without its request", put!(Decision, w.decision(&w.request()))).await;
    let mut alone = w.grant();
    (alone.id, alone.request_id) = (GrantId::new(now()), Some(RequestId::new(now())));
    refused(bed, "a grant without its request", put!(Grant, alone)).await;
    let mut alone = w.session();
    alone.user_id = Some(UserId::new(now()));
    refused(bed, "a session of nobody", put!(Session, alone)).await;
    let (mut credential, mut token) = (w.credential(&grant), w.token(&grant));
    (credential.id, token.id) = (CredentialId::new(now()), TokenId::new(after(1)));
    assert!(
        bed.store
            .commit(change([put!(Grant, grant), put!(Credential, credential), put!(Token, token)]))
            .await
            .is_ok()
    );
}
