//! Somebody must be able to administer Hallpass afterwards.
use hallpass_domain::ids::UserId;
use hallpass_domain::principal::Duty;

use crate::admin::build::Built;
use crate::admin::mistake::Mistakes;

/// At least one enabled administrator stays, and the one who applies the file is among them.
pub(super) fn lint(built: &Built<'_>, by: Option<UserId>, mistakes: &mut Mistakes<'_>) {
    let users = &built.next.catalogue.users;
    let stays =
        |id: &UserId| users.get(id).is_some_and(|u| !u.disabled && u.duties.contains(&Duty::Administrator));
    if !users.keys().any(stays) {
        mistakes.at(
            0..0,
            "No administrator would be left.",
            "Give one of the [[people]] duties = [\"administrator\"], or write prune = false at the top to keep who the file does not name.",
        );
    }
    if let Some(me) = by.filter(|id| !stays(id)) {
        let name = users.get(&me).map_or_else(String::new, |u| format!(" ({})", u.email));
        mistakes.at(
            0..0,
            format!("You{name} would no longer be an administrator."),
            "Keep yourself in the file with duties = [\"administrator\"]; another administrator can take that away.",
        );
    }
}
