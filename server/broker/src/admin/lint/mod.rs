//! Rules over the catalogue as it would be. A catalogue that breaks one is refused as a whole.
use hallpass_domain::ids::UserId;

use super::build::Built;
use super::mistake::Mistakes;

pub mod addresses;
mod administrators;
mod approvals;
mod roles;
#[cfg(test)]
mod tests;

/// Checks every rule. `by` is the administrator who applies the file, where a person does: nobody locks himself out.
pub fn lint(built: &Built<'_>, by: Option<UserId>, mistakes: &mut Mistakes<'_>) {
    if !built.whole {
        return;
    }
    administrators::lint(built, by, mistakes);
    roles::lint(built, mistakes);
    approvals::lint(built, mistakes);
    addresses::lint_audiences(built, mistakes);
}
