//! The words of `/api/v1` for what use cases refuse: the portal has finer ones.

/// What a code of the use cases is called in `/api/v1`, with its status there.
pub(super) const API_WORDS: &[(&str, u16, &str)] = &[
    ("sign_in_needed", 401, "not_signed_in"),
    ("session_over", 401, "not_signed_in"),
    ("step_up_needed", 401, "step_up_required"),
    ("browser_needed", 401, "step_up_required"),
    ("second_factor_missing", 401, "step_up_required"),
    ("not_your_stage", 403, "not_approver"),
    ("not_holder", 403, "duty_needed"),
    ("may_not_revoke", 403, "duty_needed"),
    ("administrators_only", 403, "duty_needed"),
    ("no_longer_eligible", 403, "policy"),
    ("standing_blocked", 403, "policy"),
    ("role_changed", 409, "role_changed"),
    ("not_blocked", 409, "not_active"),
    ("target_disabled", 403, "policy"),
    ("already_decided_by_you", 409, "already_decided"),
    ("digest_moved", 409, "digest_changed"),
    ("refused_by_store", 409, "conflict"),
    ("closed", 409, "not_pending"),
    ("already_approved", 409, "not_pending"),
    ("already_denied", 409, "not_pending"),
    ("withdrawn", 409, "not_pending"),
    ("lapsed", 409, "not_pending"),
    ("already_asked", 409, "already_pending"),
    ("too_many_pending", 409, "already_pending"),
    ("grant_not_active", 409, "not_active"),
    ("grant_over", 409, "not_active"),
    ("already_over", 409, "not_active"),
    ("no_grant", 409, "not_active"),
    ("too_many_logins", 409, "quota"),
    ("unknown_role", 422, "unknown_role"),
    ("bad_time", 422, "wrong_value"),
    ("bad_scope", 422, "scope"),
    ("bad_reason", 422, "missing"),
    ("bad_comment", 422, "too_long_text"),
    ("bad_ticket", 422, "too_long_text"),
    ("comment_needed", 422, "missing"),
    ("no_workflow", 422, "nobody_can_approve"),
    ("wrong_kind", 422, "wrong_value"),
    ("too_many_tries", 429, "throttled"),
    ("device_tries_used", 429, "throttled"),
    ("no_randomness", 500, "internal"),
    ("signing_failed", 500, "internal"),
    ("sealing_failed", 500, "internal"),
    ("key_unavailable", 500, "internal"),
    ("log_damaged", 500, "internal"),
    ("damaged_mark", 500, "internal"),
    ("internal", 500, "internal"),
    ("target_refused", 502, "target_refused"),
    ("login_does_not_work", 502, "login_does_not_work"),
    ("target_down", 503, "target_unavailable"),
    ("target_slow", 503, "target_unavailable"),
    ("busy", 503, "overloaded"),
    ("not_sealed_yet", 503, "store_unavailable"),
];

#[cfg(test)]
mod tests {
    use hallpass_domain::refusal::{Class, Refusal};

    use super::API_WORDS;
    use crate::problem::{Problem, title};

    #[test]
    fn api_words_are_known_to_the_contract() {
        let contract = include_str!("../../../../docs/api.md");
        for (own, status, code) in API_WORDS {
            let row = contract
                .lines()
                .find(|l| l.starts_with(&format!("| {status} |")) && l.contains(&format!("`{code}`")));
            assert!(row.is_some(), "{own} → {status} {code} has no row in docs/api.md");
        }
        let problem = Problem::from(Refusal::new(Class::Unproven, "browser_needed", "…")).in_api_words();
        assert_eq!((problem.status.as_u16(), &*problem.code), (401, "step_up_required"));
        assert!(problem.challenge.unwrap().contains("insufficient_user_authentication"));
        let problem = Problem::from(Refusal::unavailable("target_refused", "…")).in_api_words();
        assert_eq!((problem.status.as_u16(), title(problem.status)), (502, "The target said no"));
    }
}
