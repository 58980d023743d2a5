//! The tables, as both back ends have them. Migrations: `migrations/{sqlite,postgres}`, same names on both sides.
use diesel::table;

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    users (id) {
        id -> UidSql,
        email -> Text,
        display_name -> Text,
        time_zone -> Text,
        duties -> JsonSql,
        disabled -> Bool,
        version -> BigInt,
        chosen_zone -> Nullable<Text>,
    }
}

table! {
    use crate::db::types::UidSql;
    use diesel::sql_types::*;
    groups (id) {
        id -> UidSql,
        name -> Text,
        title -> Text,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::UidSql;
    use diesel::sql_types::*;
    group_members (group_id, member_kind, member_id) {
        group_id -> UidSql,
        member_kind -> Text,
        member_id -> UidSql,
    }
}

table! {
    use crate::db::types::UidSql;
    use diesel::sql_types::*;
    workloads (id) {
        id -> UidSql,
        name -> Text,
        title -> Text,
        disabled -> Bool,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::UidSql;
    workload_owners (workload_id, user_id) {
        workload_id -> UidSql,
        user_id -> UidSql,
    }
}

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    targets (id) {
        id -> UidSql,
        name -> Text,
        title -> Text,
        environment -> Text,
        kind -> Text,
        settings -> JsonSql,
        sealed_secret -> Nullable<Text>,
        disabled -> Bool,
        revision -> BigInt,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::UidSql;
    target_owners (target_id, user_id) {
        target_id -> UidSql,
        user_id -> UidSql,
    }
}

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    workflows (id) {
        id -> UidSql,
        name -> Text,
        stages -> JsonSql,
        retired -> Bool,
        revision -> BigInt,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    roles (id) {
        id -> UidSql,
        name -> Text,
        purpose -> Text,
        target_id -> UidSql,
        tier -> Text,
        eligible -> JsonSql,
        max_seconds -> BigInt,
        usual_seconds -> BigInt,
        workflow_id -> UidSql,
        scope_schema -> JsonSql,
        kind -> Text,
        settings -> JsonSql,
        standing -> Bool,
        retired -> Bool,
        revision -> BigInt,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    clients (id) {
        id -> UidSql,
        client_id -> Text,
        secret_hash -> Nullable<Binary>,
        of_kind -> Text,
        of_id -> Nullable<UidSql>,
        created_at -> TsSql,
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    catalogue_revision (id) {
        id -> Integer,
        revision -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    accounts (user_id) {
        user_id -> UidSql,
        password_hash -> Nullable<Text>,
        totp_sealed -> Nullable<Text>,
        totp_pending -> Nullable<Text>,
        totp_last_step -> BigInt,
        recovery_hashes -> JsonSql,
        password_set_at -> Nullable<TsSql>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    sessions (id) {
        id -> UidSql,
        hash -> Binary,
        user_id -> Nullable<UidSql>,
        strength -> Text,
        csrf -> Text,
        next -> Nullable<Text>,
        agent -> Text,
        network -> Text,
        created_at -> TsSql,
        seen_at -> TsSql,
        expires_at -> TsSql,
        ended_at -> Nullable<TsSql>,
        device_tries -> Integer,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    devices (id) {
        id -> UidSql,
        device_hash -> Binary,
        user_code_hash -> Binary,
        client_id -> UidSql,
        network -> Text,
        machine -> Text,
        state -> Text,
        user_id -> Nullable<UidSql>,
        created_at -> TsSql,
        expires_at -> TsSql,
        poll_seconds -> Integer,
        polled_at -> Nullable<TsSql>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    api_tokens (id) {
        id -> UidSql,
        hash -> Binary,
        user_id -> Nullable<UidSql>,
        client_id -> UidSql,
        label -> Text,
        created_at -> TsSql,
        expires_at -> TsSql,
        revoked_at -> Nullable<TsSql>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    requests (id) {
        id -> UidSql,
        reference -> Text,
        subject_kind -> Text,
        subject_id -> UidSql,
        submitted_by -> Nullable<UidSql>,
        requesters -> JsonSql,
        role_id -> UidSql,
        role_revision -> BigInt,
        target_id -> UidSql,
        tier -> Text,
        workflow_id -> UidSql,
        workflow_revision -> BigInt,
        stages -> JsonSql,
        stage -> Integer,
        scope -> JsonSql,
        terms -> JsonSql,
        ask_seconds -> Nullable<BigInt>,
        ask_until -> Nullable<TsSql>,
        reason -> Text,
        ticket -> Nullable<Text>,
        digest -> Text,
        cap_seconds -> Nullable<BigInt>,
        state -> Text,
        submitted_at -> TsSql,
        decide_by -> TsSql,
        lapses_at -> TsSql,
        closed_at -> Nullable<TsSql>,
        closed_because -> Nullable<Text>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    decisions (id) {
        id -> UidSql,
        request_id -> UidSql,
        stage -> Integer,
        approver -> UidSql,
        verdict -> Text,
        cap_seconds -> Nullable<BigInt>,
        comment -> Nullable<Text>,
        proof -> Text,
        digest -> Text,
        decided_at -> TsSql,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    grants (id) {
        id -> UidSql,
        request_id -> Nullable<UidSql>,
        principal_kind -> Text,
        principal_id -> UidSql,
        role_id -> UidSql,
        target_id -> UidSql,
        tier -> Text,
        scope -> JsonSql,
        terms -> JsonSql,
        starts_at -> TsSql,
        ends_at -> TsSql,
        state -> Text,
        end_reason -> Nullable<Text>,
        ended_by -> Nullable<UidSql>,
        verified_at -> Nullable<TsSql>,
        accepted_until -> Nullable<TsSql>,
        created_at -> TsSql,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    standing_blocks (id) {
        id -> UidSql,
        role_id -> UidSql,
        workload_id -> UidSql,
        grant_id -> UidSql,
        blocked_at -> TsSql,
        blocked_by -> Nullable<UidSql>,
        lifted_at -> Nullable<TsSql>,
        lifted_by -> Nullable<UidSql>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    credentials (id) {
        id -> UidSql,
        grant_id -> UidSql,
        target_id -> UidSql,
        kind -> Text,
        state -> Text,
        external_name -> Text,
        plan -> JsonSql,
        not_after -> TsSql,
        create_deadline -> TsSql,
        due_at -> TsSql,
        intended_at -> TsSql,
        live_at -> Nullable<TsSql>,
        probe -> Nullable<JsonSql>,
        denied_at -> Nullable<TsSql>,
        sessions_ended_at -> Nullable<TsSql>,
        sessions_cut -> Nullable<Integer>,
        removed_at -> Nullable<TsSql>,
        verified_at -> Nullable<TsSql>,
        attempts -> Integer,
        next_attempt_at -> TsSql,
        last_error -> Nullable<Text>,
        alerted_at -> Nullable<TsSql>,
        claimed_by -> Nullable<Text>,
        claimed_until -> Nullable<TsSql>,
        fence -> BigInt,
        external_oid -> Nullable<BigInt>,
        claimable_at -> TsSql,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{TsSql, UidSql};
    use diesel::sql_types::*;
    tokens (id) {
        id -> UidSql,
        hash -> Binary,
        grant_id -> UidSql,
        target_id -> UidSql,
        client_id -> Nullable<UidSql>,
        issued_at -> TsSql,
        expires_at -> TsSql,
        accepted_until -> Nullable<TsSql>,
        revoked_at -> Nullable<TsSql>,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    mails (id) {
        id -> UidSql,
        kind -> Text,
        to_email -> Text,
        to_name -> Text,
        request_id -> Nullable<UidSql>,
        grant_id -> Nullable<UidSql>,
        model -> JsonSql,
        state -> Text,
        queued_at -> TsSql,
        sent_at -> Nullable<TsSql>,
        attempts -> Integer,
        next_attempt_at -> TsSql,
        last_error -> Nullable<Text>,
        claimed_by -> Nullable<Text>,
        claimed_until -> Nullable<TsSql>,
        fence -> BigInt,
        claimable_at -> TsSql,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::UidSql;
    commands (id) {
        id -> UidSql,
    }
}

table! {
    use crate::db::types::TsSql;
    use diesel::sql_types::*;
    idempotency_keys (scope, key) {
        scope -> Text,
        key -> Text,
        body_hash -> Text,
        answer -> Text,
        expires_at -> TsSql,
    }
}

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    target_checks (id) {
        id -> UidSql,
        target_id -> UidSql,
        body -> JsonSql,
        open -> Bool,
        version -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, UidSql};
    use diesel::sql_types::*;
    findings (id) {
        id -> UidSql,
        target_id -> UidSql,
        external_name -> Text,
        body -> JsonSql,
        open -> Bool,
        version -> BigInt,
        kind -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    meta (key) {
        key -> Text,
        value -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    probe (id) {
        id -> Integer,
        beats -> BigInt,
    }
}

table! {
    use crate::db::types::{JsonSql, TsSql, UidSql};
    use diesel::sql_types::*;
    audit_events (id) {
        id -> UidSql,
        at -> TsSql,
        kind -> Text,
        family -> Text,
        actor -> Text,
        subjects -> JsonSql,
        data -> JsonSql,
        commitment -> Binary,
        private -> Nullable<JsonSql>,
        salt -> Nullable<Binary>,
        leaf_index -> Nullable<BigInt>,
        leaf_hash -> Nullable<Binary>,
    }
}

table! {
    use crate::db::types::UidSql;
    use diesel::sql_types::*;
    audit_subjects (noun, subject_id, event_id) {
        noun -> Text,
        subject_id -> Text,
        event_id -> UidSql,
    }
}

table! {
    use diesel::sql_types::*;
    audit_nodes (level, place) {
        level -> Integer,
        place -> BigInt,
        hash -> Binary,
    }
}

table! {
    use crate::db::types::TsSql;
    use diesel::sql_types::*;
    audit_head (id) {
        id -> Integer,
        size -> BigInt,
        checkpoint -> Nullable<Text>,
        frontier -> Nullable<Text>,
        sealed_at -> Nullable<TsSql>,
    }
}

diesel::joinable!(tokens -> grants (grant_id));
diesel::joinable!(decisions -> requests (request_id));
diesel::allow_tables_to_appear_in_same_query!(tokens, grants);
diesel::allow_tables_to_appear_in_same_query!(credentials, grants);
diesel::allow_tables_to_appear_in_same_query!(decisions, requests);
diesel::allow_tables_to_appear_in_same_query!(audit_events, audit_subjects);
diesel::allow_tables_to_appear_in_same_query!(targets, credentials);
