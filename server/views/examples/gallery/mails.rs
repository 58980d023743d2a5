//! The mails as use cases queue them, about one role on one target: the ordinary ones and those that nobody hopes to get.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_broker::mails;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState, Plan};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ids::{
    CredentialId, DecisionId, FindingId, GrantId, RequestId, RoleId, TargetId, UserId, WorkflowId,
};
use hallpass_domain::mail::Mail;
use hallpass_domain::ports::notifier::MailRenderer as _;
use hallpass_domain::principal::{Duty, Principal, User};
use hallpass_domain::request::{CloseCause, Decision, Request, RequestState, Verdict};
use hallpass_domain::role::{CredentialKind, PostgresqlRole, Role, RoleSettings, Tier};
use hallpass_domain::scope::Scope;
use hallpass_domain::target::{PgTls, PostgresqlTarget, Target, TargetSettings};
use hallpass_domain::terms::Terms;
use hallpass_domain::text::{Email, Name};
use hallpass_domain::window::Ask;
use hallpass_domain::workflow::{Proof, Stage};
use hallpass_views::mail::Renderer;

use crate::sample::{minutes, now, seconds, text, texts};
use crate::{Gallery, Outcome};

/// Everything that the mails are about.
struct World {
    catalogue: Catalogue,
    target: Target,
    request: Request,
    grant: Grant,
    ana: UserId,
}

fn user(name: &str, zone: &str, duties: &[Duty]) -> Outcome<User> {
    Ok(User {
        id: UserId::new(now()),
        email: Email::parse(&crate::sample::person(name).handle)?,
        display_name: text(name),
        time_zone: text(zone),
        chosen_zone: None,
        duties: duties.iter().copied().collect(),
        disabled: false,
        version: 1,
    })
}

fn world() -> Outcome<World> {
    let dana = user("Dana Kim", "Europe/Madrid", &[])?;
    let ana = user("Ana Ruiz", "America/New_York", &[Duty::Administrator])?;
    let (dana_id, ana_id) = (dana.id, ana.id);
    let target = Target {
        id: TargetId::new(now()),
        name: Name::parse("orders-db")?,
        title: text("Orders database"),
        environment: text("production"),
        settings: TargetSettings::Postgresql(PostgresqlTarget {
            host: text("orders.internal"),
            port: 5432,
            public_host: None,
            maintenance_database: text("postgres"),
            admin_user: text("hallpass"),
            tls: PgTls::VerifyFull,
            ca_file: None,
            quarantine_role: text("hallpass_quarantine"),
            statement_timeout_ms: 5_000,
        }),
        sealed_secret: None,
        owners: BTreeSet::from([ana_id]),
        disabled: false,
        revision: 1,
        version: 1,
    };
    let role = Role {
        id: RoleId::new(now()),
        name: Name::parse("orders-db.read")?,
        purpose: text("Look into the orders of a customer."),
        target_id: target.id,
        tier: Tier::Medium,
        eligible: vec![Principal::User(dana_id)],
        max_seconds: 14_400,
        usual_seconds: 3_600,
        workflow_id: WorkflowId::new(now()),
        scope_schema: BTreeMap::new(),
        settings: RoleSettings::PostgresqlLogin(PostgresqlRole::default()),
        standing: false,
        retired: false,
        revision: 1,
        version: 1,
    };
    let stage = Stage {
        title: text("Database on-call"),
        approvers: vec![Principal::User(ana_id)],
        needed: 1,
        proof: None,
        decide_seconds: 3_600,
    };
    let request = Request {
        id: RequestId::new(now()),
        reference: text("R-7KQ2M9XW4T"),
        subject: Principal::User(dana_id),
        submitted_by: Some(dana_id),
        requesters: vec![dana_id],
        role_id: role.id,
        role_revision: 1,
        target_id: target.id,
        tier: Tier::Medium,
        workflow_id: role.workflow_id,
        workflow_revision: 1,
        stages: vec![stage],
        stage: 0,
        scope: Scope::default(),
        terms: Terms::Unpinned,
        ask: Ask::Seconds(7_200),
        reason: text("Customer 4711 asks where the order is; the replica lags.\nSee the ticket."),
        ticket: Some(text("INC-1234")),
        digest: text("9f2c1e77ab40d1c6"),
        cap_seconds: None,
        state: RequestState::Pending,
        submitted_at: minutes(-12),
        decide_by: minutes(48),
        closed_at: None,
        closed_because: None,
        version: 1,
    };
    let grant = Grant {
        id: GrantId::new(now()),
        request_id: Some(request.id),
        principal: Principal::User(dana_id),
        role_id: role.id,
        target_id: target.id,
        tier: Tier::Medium,
        scope: Scope::default(),
        terms: Terms::Unpinned,
        starts_at: minutes(-10),
        ends_at: minutes(110),
        state: GrantState::Active,
        end_reason: None,
        ended_by: None,
        verified_at: None,
        accepted_until: None,
        created_at: minutes(-10),
        version: 1,
    };
    let catalogue = Catalogue {
        users: [dana, ana].into_iter().map(|u| (u.id, u)).collect(),
        targets: BTreeMap::from([(target.id, target.clone())]),
        roles: BTreeMap::from([(role.id, role)]),
        ..Catalogue::default()
    };
    Ok(World { catalogue, target, request, grant, ana: ana_id })
}

impl World {
    fn credential(&self, n: usize, trouble: &str) -> Credential {
        Credential {
            id: CredentialId::new(now()),
            grant_id: self.grant.id,
            target_id: self.target.id,
            kind: CredentialKind::PostgresqlLogin,
            state: CredentialState::Revoking,
            external_name: format!("hp_acme_ag4h3zkq7d2vbmx5tn6wrye{n}u"),
            plan: Plan::PostgresqlLogin {
                database: text("orders"),
                groups: texts(&["orders_read"]),
                connection_limit: 5,
            },
            not_after: seconds(-95),
            create_deadline: minutes(-9),
            due_at: seconds(-95),
            intended_at: minutes(-10),
            live_at: Some(minutes(-10)),
            probe: None,
            denied_at: None,
            sessions_ended_at: None,
            sessions_cut: None,
            removed_at: None,
            verified_at: None,
            attempts: 7,
            next_attempt_at: seconds(4),
            last_error: Some(text(trouble)),
            alerted_at: None,
            claimed_by: None,
            claimed_until: None,
            fence: 9,
            external_oid: None,
            version: 12,
        }
    }

    fn finding(&self, kind: FindingKind, differences: &[&str]) -> Finding {
        Finding {
            id: FindingId::new(now()),
            target_id: self.target.id,
            external_name: text("hp_acme_ag4h3zkq7d2vbmx5tn6wryeabu"),
            external_oid: None,
            credential_id: None,
            groups: texts(&["orders_read"]),
            kind,
            differences: texts(differences),
            first_seen_at: now(),
            changed_at: now(),
            removing_since: None,
            confirmed_by: None,
            trouble: None,
            attempts: 0,
            next_attempt_at: now(),
            closed_at: None,
            version: 1,
        }
    }

    fn decision(&self, verdict: Verdict) -> Decision {
        Decision {
            id: DecisionId::new(now()),
            request_id: self.request.id,
            stage: 0,
            approver: self.ana,
            verdict,
            cap_seconds: None,
            comment: Some(text("The nightly report has it; take it from there.")),
            proof: Proof::Session,
            digest: self.request.digest.clone(),
            decided_at: now(),
        }
    }
}

/// Every mail, by file name.
pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    let w = world()?;
    let (c, r) = (&w.catalogue, &w.request);
    let lapsed =
        |because| Request { state: RequestState::Lapsed, closed_because: Some(because), ..r.clone() };
    let over = |reason| w.grant.ending(reason, None, now());
    let check = "no login 0.01 s, sessions dead 0.43 s, absent, verified 1.02 s after the end";
    let several = [w.credential(2, "refused"), w.credential(3, "down"), w.credential(4, "down")];
    let findings = [
        w.finding(FindingKind::Unknown, &["carries our mark, and no record of ours knows it"]),
        w.finding(
            FindingKind::Changed,
            &["joined orders_owner", "may log in for longer than it was created for"],
        ),
        w.finding(FindingKind::Reappeared, &["was verified absent, and is there again"]),
        w.finding(FindingKind::Missing, &["is live in our records, and not there"]),
    ];
    let one = findings.get(..1).unwrap_or_default();
    let all: [(&str, Vec<Mail>); 17] = [
        ("approval-asked", mails::approval_asked(c, r, &[], now())),
        ("no-action-needed", mails::no_action_needed(c, r, 0, &[], "Ana Ruiz approved", now())),
        ("request-received", mails::request_received(c, r, now())),
        (
            "request-approved",
            mails::request_approved(c, r, &w.grant, "Ana Ruiz", Some("One hour should do."), now()),
        ),
        ("request-denied", mails::request_denied(c, r, &w.decision(Verdict::Deny), now())),
        ("request-lapsed", mails::request_lapsed(c, &lapsed(CloseCause::Undecided), now())),
        ("request-changed", mails::request_lapsed(c, &lapsed(CloseCause::RoleChanged), now())),
        ("request-withdrawn", mails::request_withdrawn(c, r, None, now())),
        (
            "grant-revoked",
            mails::grant_revoked(
                c,
                &over(EndReason::Revoked),
                "Ana Ruiz",
                "The laptop was reported stolen.",
                now(),
            ),
        ),
        ("grant-ended", mails::grant_ended(c, &over(EndReason::Expired), check, now())),
        ("grant-released", mails::grant_ended(c, &over(EndReason::Released), check, now())),
        ("overdue", mails::revocation_overdue(c, &[w.credential(2, "down")], now())),
        ("overdue-several", mails::revocation_overdue(c, &several, now())),
        ("recovered", mails::revocation_recovered(c, &[w.credential(2, "down")], minutes(3))),
        ("recovered-several", mails::revocation_recovered(c, &several, minutes(3))),
        ("target-differs", mails::target_differs(c, &w.target, one, now())),
        ("target-differs-several", mails::target_differs(c, &w.target, &findings, now())),
    ];
    let renderer = Renderer::new("https://access.example.org", "example.org", "[Access]")?;
    for (name, mails) in all {
        let mail = mails.first().ok_or_else(|| format!("nobody gets {name}"))?;
        g.mails.push((format!("mail-{name}"), renderer.render(mail)?));
    }
    Ok(())
}
