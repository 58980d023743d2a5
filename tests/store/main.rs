//! Store conformance: one suite, run on SQLite and on PostgreSQL, and what is special to each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]
mod addresses;
mod audit;
mod bed;
mod catalogue;
mod claims;
mod commit;
mod faults;
mod leaves;
mod lists;
mod notices;
mod nouns;
mod plans;
mod ports;
mod presented;
mod rules;
mod samples;
mod schema;
mod sweep;

/// Runs each scenario `async fn name(bed: &Bed)` on a fresh store of either back end.
macro_rules! on_both {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            mod sqlite {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() { super::super::super::$module::$name(&super::super::super::bed::Bed::sqlite().await).await }
            )+}
            mod postgres {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() { super::super::super::$module::$name(&super::super::super::bed::Bed::postgres().await).await }
            )+}
        }
    };
}

mod both {
    on_both!(nouns: every_noun_comes_back_as_it_went, replaced_nouns_come_back_as_they_went, absent_rows_are_none);
    on_both!(commit:
        only_the_next_version_replaces,
        a_decision_rests_on_the_whole_catalogue,
        a_target_is_moved_only_while_it_is_unused,
        a_conflict_leaves_nothing,
        a_conflict_in_a_batch_stops_no_other,
        one_of_two_hundred_wins,
        resting_rows_are_checked_and_moved,
        held_rows_are_checked_and_not_moved,
        two_that_rest_on_each_other_cannot_both_pass,
        the_same_command_counts_once,
        meta_is_compared_and_swapped,
        an_idempotency_key_is_taken_once,
        many_tokens_under_one_grant,
        changes_come_in_any_order,
    );
    on_both!(presented: each_of_many_gets_his_own_answer);
    on_both!(leaves: an_event_changed_before_its_seal_is_found, an_event_without_a_hash_is_sealed, a_spoilt_event_stops_no_seal);
    on_both!(rules:
        taken_keys_conflict,
        illegal_moves_are_refused,
        legal_moves_pass,
        ends_never_move_later,
        what_was_agreed_does_not_change,
        what_a_token_gives_is_fixed,
        revoked_stays_revoked,
        strangers_are_refused,
    );
    on_both!(claims:
        due_credentials_are_claimed_once,
        leases_run_out_and_fences_grow,
        what_is_not_due_is_not_claimed,
        one_credential_is_claimed_by_id,
        mails_are_claimed_once,
        a_stale_fence_cannot_finish,
    );
    on_both!(lists:
        requests_by_holder_state_and_role,
        pages_show_every_row_once,
        pending_and_lapsing_requests,
        decisions_by_request_and_person,
        grants_by_holder_state_and_role,
        due_starting_and_usable_grants,
        credentials_due_and_overdue,
        sessions_and_tokens_in_force,
        the_outbox,
    );
    on_both!(audit:
        events_by_kind_actor_subject_and_time,
        subjects_are_found_before_and_after_the_seal,
        sealing_is_fenced_by_the_size,
        sealed_events_come_by_index,
        nodes_are_found,
        an_erased_event_keeps_its_leaf,
    );
    on_both!(catalogue:
        the_catalogue_follows_every_change,
        members_and_owners_are_replaced,
        a_lower_revision_replaces_a_higher_one,
    );
    on_both!(sweep: what_has_expired_goes, live_things_stay);
    on_both!(notices: local_commits_are_told_before_their_answer, the_clock_and_the_probe);
}
