//! The catalogue that the state machine is tried on: a role with two stages, of either kind.
use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;

use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::ids::*;
use crate::principal::{Group, Principal, User, Workload};
use crate::role::{PostgresqlRole, Role, RoleSettings, Tier, TokenRole};
use crate::scope::ScopeParam;
use crate::target::{OauthTarget, PgTls, PostgresqlTarget, Target, TargetSettings, TokenAlg, Verification};
use crate::text::{Email, Name};
use crate::workflow::{Stage, Workflow};

/// People: the first asks, the others may come to decide.
pub(super) const PEOPLE: usize = 6;
const GROUPS: [&str; 3] = ["reads", "writes", "owns"];

pub(super) fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

pub(super) fn id(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

pub(super) fn person(n: usize) -> UserId {
    UserId(id(0x100 + n as u128))
}

pub(super) fn team(n: usize) -> GroupId {
    GroupId(id(0x200 + n as u128))
}

pub(super) const WORKLOAD: u128 = 0x300;
pub(super) const ROLE: RoleId = RoleId(id_const(0x400));
pub(super) const TARGET: TargetId = TargetId(id_const(0x500));
pub(super) const WORKFLOW: WorkflowId = WorkflowId(id_const(0x600));

const fn id_const(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

pub(super) fn catalogue(tokens: bool) -> Catalogue {
    let user = |n: usize| User {
        id: person(n),
        email: Email::parse(&format!("p{n}@hall.test")).unwrap(),
        display_name: format!("P{n}"),
        time_zone: "UTC".to_owned(),
        chosen_zone: None,
        duties: BTreeSet::new(),
        disabled: false,
        version: 1,
    };
    let group = |n: usize, members: &[usize]| Group {
        id: team(n),
        name: Name::parse(&format!("team{n}")).unwrap(),
        title: format!("Team {n}"),
        members: members.iter().map(|m| Principal::User(person(*m))).collect(),
        version: 1,
    };
    let stage = |n: usize, needed| Stage {
        title: format!("Stage {n}"),
        approvers: vec![Principal::Group(team(n))],
        needed,
        proof: None,
        decide_seconds: 3_600,
    };
    let param = ScopeParam {
        label: "Access".to_owned(),
        allowed: vec!["read".to_owned(), "write".to_owned()],
        default: vec!["read".to_owned()],
        multiple: true,
        required: false,
    };
    let workload = Workload {
        id: WorkloadId(id(WORKLOAD)),
        name: Name::parse("w").unwrap(),
        title: "W".to_owned(),
        owners: BTreeSet::from([person(0)]),
        disabled: false,
        version: 1,
    };
    Catalogue {
        users: (0..PEOPLE).map(|n| (person(n), user(n))).collect(),
        groups: [group(0, &[1, 2, 3]), group(1, &[3, 4, 5])].into_iter().map(|g| (g.id, g)).collect(),
        workloads: BTreeMap::from([(workload.id, workload)]),
        targets: BTreeMap::from([(TARGET, target(tokens, "db.test"))]),
        roles: BTreeMap::from([(
            ROLE,
            Role {
                id: ROLE,
                name: Name::parse("db").unwrap(),
                purpose: "Look".to_owned(),
                target_id: TARGET,
                tier: Tier::Low,
                eligible: vec![Principal::Workload(WorkloadId(id(WORKLOAD)))],
                max_seconds: 7_200,
                usual_seconds: 600,
                workflow_id: WORKFLOW,
                scope_schema: BTreeMap::from([("access".to_owned(), param)]),
                settings: settings(tokens, 0b001),
                standing: false,
                retired: false,
                revision: 1,
                version: 1,
            },
        )]),
        workflows: BTreeMap::from([(
            WORKFLOW,
            Workflow {
                id: WORKFLOW,
                name: Name::parse("two").unwrap(),
                stages: vec![stage(0, 2), stage(1, 1)],
                retired: false,
                revision: 1,
                version: 1,
            },
        )]),
        ..Catalogue::default()
    }
}

pub(super) fn target(tokens: bool, host: &str) -> Target {
    let settings = if tokens {
        TargetSettings::Oauth(OauthTarget {
            audience: format!("https://{host}"),
            verification: Verification::Introspect,
            alg: TokenAlg::EdDsa,
            leeway_seconds: 0,
        })
    } else {
        TargetSettings::Postgresql(PostgresqlTarget {
            host: host.to_owned(),
            port: 5_432,
            public_host: None,
            maintenance_database: "postgres".to_owned(),
            admin_user: "hallpass".to_owned(),
            tls: PgTls::VerifyFull,
            ca_file: None,
            quarantine_role: "quarantine".to_owned(),
            statement_timeout_ms: 5_000,
        })
    };
    Target {
        id: TARGET,
        name: Name::parse("t").unwrap(),
        title: "T".to_owned(),
        environment: "test".to_owned(),
        settings,
        sealed_secret: None,
        owners: BTreeSet::new(),
        disabled: false,
        revision: 1,
        version: 1,
    }
}

pub(super) fn settings(tokens: bool, groups: u8) -> RoleSettings {
    if tokens {
        return RoleSettings::AccessToken(TokenRole { token_seconds: 60 * (1 + i64::from(groups)) });
    }
    let named = GROUPS.iter().enumerate().filter(|(n, _)| groups & (1 << n) != 0);
    RoleSettings::PostgresqlLogin(PostgresqlRole {
        database: "orders".to_owned(),
        groups: named.map(|(_, g)| (*g).to_owned()).collect(),
        scope_groups: BTreeMap::from([(
            "access".to_owned(),
            BTreeMap::from([("write".to_owned(), vec!["writes".to_owned()])]),
        )]),
        connection_limit: 2,
    })
}
