//! Rules between a role, its target and its holders.
use hallpass_domain::ids::RoleId;
use hallpass_domain::principal::Principal;
use hallpass_domain::role::{CredentialKind, Role, RoleSettings, Tier};
use hallpass_domain::target::{TargetSettings, Verification};

use crate::admin::build::Built;
use crate::admin::file::{RoleEntry, span_of};
use crate::admin::mistake::{Mistakes, Span};
use crate::credentials::token::OFFLINE_SECONDS;

/// The place of a role's setting, or the top of the file where the role is not in it.
pub(super) fn place(built: &Built<'_>, role: RoleId, setting: impl Fn(&RoleEntry) -> Option<Span>) -> Span {
    built.roles.get(&role).map_or(0..0, |entry| setting(entry).unwrap_or_else(|| entry.name.span()))
}

/// Standing roles, and what tokens may be where nobody can call them back.
pub(super) fn lint(built: &Built<'_>, mistakes: &mut Mistakes<'_>) {
    for role in built.next.catalogue.roles.values().filter(|r| !r.retired) {
        let target = built.next.catalogue.targets.get(&role.target_id);
        if built.next.catalogue.workflows.get(&role.workflow_id).is_none_or(|w| w.retired) {
            let at = place(built, role.id, |e| Some(e.workflow.span()));
            mistakes.at(
                at,
                format!("Role “{}” has no workflow any more.", role.name),
                "Keep its workflow in the file, or name another.",
            );
        }
        if role.standing {
            standing(built, role, mistakes);
        }
        let offline = matches!(target.map(|t| &t.settings), Some(TargetSettings::Oauth(o)) if o.verification == Verification::Offline);
        if !offline {
            continue;
        }
        if role.tier == Tier::High {
            let at = place(built, role.id, |e| Some(e.tier.span()));
            mistakes.at(at, format!("Role “{}” is of high tier, and its target checks tokens offline: an ended token would be accepted until it expires.", role.name), "Set verification = \"introspect\" on the target, or lower the tier.");
        }
        if matches!(&role.settings, RoleSettings::AccessToken(t) if t.token_seconds > OFFLINE_SECONDS) {
            let at = place(built, role.id, |e| span_of(&e.token_seconds));
            mistakes.at(at, format!("Tokens of role “{}” live longer than {OFFLINE_SECONDS} seconds, and its target checks them offline.", role.name), format!("Set token_seconds to {OFFLINE_SECONDS} or less."));
        }
    }
}

/// A standing role is asked of nobody: it may only be small, and only for programs.
fn standing(built: &Built<'_>, role: &Role, mistakes: &mut Mistakes<'_>) {
    let at = || place(built, role.id, |e| span_of(&e.standing));
    if role.tier != Tier::Low {
        mistakes.at(
            at(),
            format!(
                "Role “{}” is standing and of {} tier: nobody would approve what can do harm.",
                role.name,
                role.tier.as_str()
            ),
            "Take standing out, or make it a role of low tier.",
        );
    }
    if role.settings.kind() != CredentialKind::AccessToken {
        mistakes.at(
            at(),
            format!("Role “{}” is standing and gives accounts at its target.", role.name),
            "Only roles on oauth targets can be standing.",
        );
    }
    let people = |p: &Principal| match p {
        Principal::User(_) => true,
        Principal::Workload(_) => false,
        Principal::Group(g) => built
            .next
            .catalogue
            .groups
            .get(g)
            .is_some_and(|g| g.members.iter().any(|m| matches!(m, Principal::User(_)))),
    };
    if role.eligible.iter().any(people) {
        let at = place(built, role.id, |e| Some(e.eligible.span()));
        mistakes.at(
            at,
            format!("Role “{}” is standing and people are eligible for it.", role.name),
            "Standing roles are for workloads: name only these, and give people a role that is asked for.",
        );
    }
}
