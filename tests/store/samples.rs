//! Samples of every noun, with every optional field filled in at least once, and a world they stand in.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Account, ApiToken, Device, DeviceState, Session, Strength};
use hallpass_domain::audit::event::{Event, NewEvent, Salt};
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::credential::{Credential, CredentialState, Plan, Token};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::*;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel, MailState};
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::principal::{Client, ClientOf, Duty, Group, Principal, User, Workload};
use hallpass_domain::request::{Decision, Request, RequestState, Verdict};
use hallpass_domain::role::{CredentialKind, PostgresqlRole, Role, RoleSettings, Tier, TokenRole};
use hallpass_domain::scope::{Scope, ScopeParam};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::target::{
    OauthTarget, PgTls, PostgresqlTarget, Target, TargetSettings, TokenAlg, Verification,
};
use hallpass_domain::terms::Terms;
use hallpass_domain::text::{Email, Name};
use hallpass_domain::transition::{Change, Transition};
use hallpass_domain::window::Ask;
use hallpass_domain::workflow::{Proof, Stage, Workflow};
use hallpass_store::StoreHandle;

/// The instant at which everything here happens, with microseconds.
pub(crate) fn now() -> Timestamp {
    "2026-11-23T16:00:00.123456Z".parse().unwrap()
}

/// `now` and so many seconds.
pub(crate) fn after(seconds: i64) -> Timestamp {
    now() + Duration::seconds(seconds)
}

/// A later millisecond at each call, for ids: those of one millisecond have no order.
pub(crate) fn tick() -> Timestamp {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    now() + Duration::milliseconds(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A transition of these changes, with one event as state changes have.
pub(crate) fn change(changes: impl IntoIterator<Item = Change>) -> Transition {
    let mut transition = Transition::new(now()).event(event("catalogue.changed", &[]));
    transition.changes = changes.into_iter().collect();
    transition
}

/// Commits these changes.
pub(crate) async fn commit(store: &StoreHandle, changes: impl IntoIterator<Item = Change>) {
    store.commit(change(changes)).await.unwrap();
}

pub(crate) fn event(kind: &str, subjects: &[(&str, String)]) -> Event {
    event_at(kind, subjects, now())
}

pub(crate) fn event_at(kind: &str, subjects: &[(&str, String)], at: Timestamp) -> Event {
    Event::new(NewEvent {
        id: EventId::new(at).0,
        at,
        kind: kind.to_owned(),
        actor: format!("user:{}", uuid::Uuid::from_u128(7)),
        subjects: subjects.iter().map(|(noun, id)| ((*noun).to_owned(), id.clone())).collect(),
        data: serde_json::json!({"z": 1, "a": {"nested": [1, 2, {"b": true}]}, "n": null, "big": 9_007_199_254_740_991_i64}),
        private: serde_json::json!({"name": "Ana Ruiz", "reason": "línea \"one\"\nline two \u{1F511}"}),
        salt: Salt::from_bytes(*uuid::Uuid::new_v4().as_bytes().repeat(2).first_chunk().unwrap()),
    })
    .unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A hash that no other call gives.
pub(crate) fn hash() -> SecretHash {
    SecretHash::of(&uuid::Uuid::new_v4().to_string())
}

/// Things that must stand before others can.
pub(crate) struct World {
    pub(crate) ana: User,
    pub(crate) ben: User,
    pub(crate) group: Group,
    pub(crate) workload: Workload,
    pub(crate) oauth: Target,
    pub(crate) database: Target,
    pub(crate) workflow: Workflow,
    pub(crate) reader: Role,
    pub(crate) login: Role,
    pub(crate) client: Client,
}

pub(crate) fn user(mail: &str) -> User {
    User {
        id: UserId::new(tick()),
        email: Email::parse(mail).unwrap(),
        display_name: "Ana Ruiz é".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        chosen_zone: Some("America/Argentina/Buenos_Aires".to_owned()),
        duties: BTreeSet::from([Duty::Administrator, Duty::Auditor]),
        disabled: false,
        version: 1,
    }
}

impl World {
    /// Makes and commits it.
    pub(crate) async fn make(store: &StoreHandle) -> Self {
        let world = Self::new();
        commit(store, world.changes()).await;
        world
    }

    fn new() -> Self {
        let (ana, ben) =
            (user("ana@example.org"), User { duties: BTreeSet::new(), ..user("ben@example.org") });
        let workload = Workload {
            id: WorkloadId::new(tick()),
            name: name("billing"),
            title: "Billing".to_owned(),
            owners: BTreeSet::from([ana.id]),
            disabled: false,
            version: 1,
        };
        let group = Group {
            id: GroupId::new(tick()),
            name: name("owners"),
            title: "Owners".to_owned(),
            members: BTreeSet::from([Principal::User(ben.id), Principal::Workload(workload.id)]),
            version: 1,
        };
        let oauth = Target {
            id: TargetId::new(tick()),
            name: name("orders-api"),
            title: "Orders API".to_owned(),
            environment: "production".to_owned(),
            settings: TargetSettings::Oauth(OauthTarget {
                audience: "https://orders.example.org".to_owned(),
                verification: Verification::Offline,
                alg: TokenAlg::Es256,
                leeway_seconds: 5,
            }),
            sealed_secret: None,
            owners: BTreeSet::from([ana.id, ben.id]),
            disabled: false,
            revision: 1,
            version: 1,
        };
        let database = Target {
            id: TargetId::new(tick()),
            name: name("orders-db"),
            settings: TargetSettings::Postgresql(PostgresqlTarget {
                host: "db".to_owned(),
                port: 5432,
                public_host: Some("db.example.org".to_owned()),
                maintenance_database: "postgres".to_owned(),
                admin_user: "hallpass".to_owned(),
                tls: PgTls::Disable,
                ca_file: Some("/etc/ca.pem".to_owned()),
                quarantine_role: "quarantine".to_owned(),
                statement_timeout_ms: 4_000,
            }),
            sealed_secret: Some("v1.a.b.c".to_owned()),
            ..oauth.clone()
        };
        let workflow = Workflow {
            id: WorkflowId::new(tick()),
            name: name("two-people"),
            stages: vec![Stage {
                title: "Owner".to_owned(),
                approvers: vec![Principal::Group(group.id), Principal::User(ana.id)],
                needed: 1,
                proof: Some(Proof::StepUp),
                decide_seconds: 3_600,
            }],
            retired: false,
            revision: 1,
            version: 1,
        };
        let reader = Role {
            id: RoleId::new(tick()),
            name: name("orders-reader"),
            purpose: "Read orders".to_owned(),
            target_id: oauth.id,
            tier: Tier::Low,
            eligible: vec![Principal::Group(group.id), Principal::Workload(workload.id)],
            max_seconds: 7_200,
            usual_seconds: 3_600,
            workflow_id: workflow.id,
            scope_schema: BTreeMap::from([(
                "region".to_owned(),
                ScopeParam {
                    label: "Region".to_owned(),
                    allowed: vec!["eu".to_owned(), "us".to_owned()],
                    default: vec!["eu".to_owned()],
                    multiple: true,
                    required: true,
                },
            )]),
            settings: RoleSettings::AccessToken(TokenRole { token_seconds: 300 }),
            standing: true,
            retired: false,
            revision: 1,
            version: 1,
        };
        let login = Role {
            id: RoleId::new(tick()),
            name: name("orders-login"),
            target_id: database.id,
            tier: Tier::High,
            settings: RoleSettings::PostgresqlLogin(PostgresqlRole {
                database: "orders".to_owned(),
                groups: vec!["orders_read".to_owned()],
                scope_groups: BTreeMap::from([(
                    "region".to_owned(),
                    BTreeMap::from([("eu".to_owned(), vec!["orders_eu".to_owned()])]),
                )]),
                connection_limit: 3,
            }),
            standing: false,
            ..reader.clone()
        };
        let client = Client {
            id: ClientId::new(tick()),
            client_id: name("billing-client"),
            secret_hash: Some(hash()),
            of: ClientOf::Workload(workload.id),
            created_at: now(),
            version: 1,
        };
        Self { ana, ben, group, workload, oauth, database, workflow, reader, login, client }
    }

    pub(crate) fn changes(&self) -> Vec<Change> {
        let catalogue = |c| Change::Catalogue(Box::new(c));
        vec![
            Change::User(Box::new(self.ana.clone())),
            Change::User(Box::new(self.ben.clone())),
            catalogue(CatalogueChange::Role(self.reader.clone())),
            catalogue(CatalogueChange::Role(self.login.clone())),
            catalogue(CatalogueChange::Target(self.oauth.clone())),
            catalogue(CatalogueChange::Target(self.database.clone())),
            catalogue(CatalogueChange::Workflow(self.workflow.clone())),
            catalogue(CatalogueChange::Group(self.group.clone())),
            catalogue(CatalogueChange::Workload(self.workload.clone())),
            Change::Client(Box::new(self.client.clone())),
        ]
    }

    pub(crate) fn request(&self) -> Request {
        let id = RequestId::new(tick());
        Request {
            id,
            reference: format!("R-{}", &id.0.simple().to_string()[22..]),
            subject: Principal::User(self.ana.id),
            submitted_by: Some(self.ana.id),
            requesters: vec![self.ana.id],
            role_id: self.login.id,
            role_revision: 1,
            target_id: self.database.id,
            tier: Tier::High,
            workflow_id: self.workflow.id,
            workflow_revision: 1,
            stages: self.workflow.stages.clone(),
            stage: 0,
            scope: scope(),
            terms: Terms::of(&self.login, &self.database, &scope()),
            ask: Ask::Seconds(3_600),
            reason: "Fix order 4711 — “now”\nplease".to_owned(),
            ticket: Some("OPS-1".to_owned()),
            digest: "d".repeat(64),
            cap_seconds: None,
            state: RequestState::Pending,
            submitted_at: now(),
            decide_by: after(3_600),
            closed_at: None,
            closed_because: None,
            version: 1,
        }
    }

    pub(crate) fn decision(&self, request: &Request) -> Decision {
        Decision {
            id: DecisionId::new(tick()),
            request_id: request.id,
            stage: 0,
            approver: self.ben.id,
            verdict: Verdict::Approve,
            cap_seconds: Some(1_800),
            comment: Some("ok".to_owned()),
            proof: Proof::StepUp,
            digest: request.digest.clone(),
            decided_at: now(),
        }
    }

    pub(crate) fn grant(&self) -> Grant {
        Grant {
            id: GrantId::new(tick()),
            request_id: None,
            principal: Principal::User(self.ana.id),
            role_id: self.login.id,
            target_id: self.database.id,
            tier: Tier::High,
            scope: scope(),
            terms: Terms::of(&self.login, &self.database, &scope()),
            starts_at: now(),
            ends_at: after(3_600),
            state: GrantState::Active,
            end_reason: None,
            ended_by: None,
            verified_at: None,
            accepted_until: None,
            created_at: now(),
            version: 1,
        }
    }

    pub(crate) fn credential(&self, grant: &Grant) -> Credential {
        let id = CredentialId::new(tick());
        Credential {
            id,
            grant_id: grant.id,
            target_id: grant.target_id,
            kind: CredentialKind::PostgresqlLogin,
            state: CredentialState::Intended,
            external_name: format!("hp_test_{}", id.0.simple()),
            plan: Plan::PostgresqlLogin {
                database: "orders".to_owned(),
                groups: vec!["orders_read".to_owned()],
                connection_limit: 3,
            },
            not_after: grant.ends_at,
            create_deadline: after(30),
            due_at: grant.ends_at,
            intended_at: now(),
            live_at: None,
            probe: None,
            denied_at: None,
            sessions_ended_at: None,
            sessions_cut: None,
            removed_at: None,
            verified_at: None,
            attempts: 0,
            next_attempt_at: now(),
            last_error: None,
            alerted_at: None,
            claimed_by: None,
            claimed_until: None,
            fence: 0,
            external_oid: None,
            version: 1,
        }
    }

    pub(crate) fn token(&self, grant: &Grant) -> Token {
        Token {
            id: TokenId::new(tick()),
            hash: hash(),
            grant_id: grant.id,
            target_id: grant.target_id,
            client_id: Some(self.client.id),
            issued_at: now(),
            expires_at: after(300),
            accepted_until: Some(after(305)),
            revoked_at: None,
            version: 1,
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account {
            user_id: self.ana.id,
            password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
            totp_sealed: Some("v1.k.n.c".to_owned()),
            totp_pending: Some("v1.k.n.d".to_owned()),
            totp_last_step: 59_000_000,
            recovery_hashes: vec![hash(), hash()],
            password_set_at: Some(now()),
            version: 1,
        }
    }

    pub(crate) fn session(&self) -> Session {
        Session {
            id: SessionId::new(tick()),
            hash: hash(),
            user_id: Some(self.ana.id),
            strength: Strength::SecondFactor,
            csrf: hash().hex(),
            next: Some("/r/R-1".to_owned()),
            agent: "Firefox".to_owned(),
            network: "192.0.2.0/24".to_owned(),
            created_at: now(),
            seen_at: now(),
            expires_at: after(28_800),
            ended_at: None,
            device_tries: 2,
            version: 1,
        }
    }

    pub(crate) fn device(&self) -> Device {
        Device {
            id: DeviceId::new(tick()),
            device_hash: hash(),
            user_code_hash: hash(),
            client_id: self.client.id,
            network: "192.0.2.0/24".to_owned(),
            machine: "laptop".to_owned(),
            state: DeviceState::Pending,
            user_id: None,
            created_at: now(),
            expires_at: after(600),
            interval: 5,
            polled_at: None,
            version: 1,
        }
    }

    pub(crate) fn api_token(&self) -> ApiToken {
        ApiToken {
            id: ApiTokenId::new(tick()),
            hash: hash(),
            user_id: Some(self.ana.id),
            client_id: self.client.id,
            label: "laptop".to_owned(),
            created_at: now(),
            expires_at: after(86_400),
            revoked_at: None,
            version: 1,
        }
    }

    pub(crate) fn mail(&self) -> Mail {
        Mail {
            id: MailId::new(tick()),
            kind: MailKind::ApprovalAsked,
            to_email: "ben@example.org".to_owned(),
            to_name: "Ben".to_owned(),
            request_id: None,
            grant_id: None,
            model: MailModel {
                subject: "Ana asks".to_owned(),
                headline: "Ana asks for orders-login".to_owned(),
                facts: vec![Fact { label: "When".to_owned(), value: "2 h".to_owned() }],
                quote: Some("why".to_owned()),
                paragraphs: vec!["One.".to_owned(), "Two.".to_owned()],
                link: Some(("Decide".to_owned(), "/r/R-1".to_owned())),
                footer: "You own it.".to_owned(),
            },
            state: MailState::Queued,
            queued_at: now(),
            sent_at: None,
            attempts: 0,
            next_attempt_at: now(),
            last_error: None,
            claimed_by: None,
            claimed_until: None,
            fence: 0,
            version: 1,
        }
    }
}

pub(crate) fn scope() -> Scope {
    Scope(BTreeMap::from([("region".to_owned(), BTreeSet::from(["eu".to_owned(), "us".to_owned()]))]))
}

/// `Change` of a noun, by its variant.
/// A token's revocation, as the record shall be.
pub(crate) fn revocation(token: &Token) -> Change {
    Change::RevokeToken { id: token.id, at: token.revoked_at.unwrap(), version: token.version }
}

macro_rules! put {
    ($variant:ident, $noun:expr) => {
        hallpass_domain::transition::Change::$variant(Box::new($noun.clone()))
    };
}
pub(crate) use put;
