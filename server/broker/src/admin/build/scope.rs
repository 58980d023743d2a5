//! Scope parameters of a role.
use std::collections::BTreeSet;

use hallpass_domain::scope::{ScopeParam, ScopeSchema};
use toml::Spanned;

use super::Builder;
use crate::admin::file::{RoleEntry, ScopeEntry, Text};
use crate::admin::mistake::did_you_mean;

impl Builder<'_, '_, '_> {
    /// The scope schema of a role.
    pub(super) fn scope(&mut self, entry: &RoleEntry) -> ScopeSchema {
        entry.scope.iter().map(|(name, param)| (name.clone(), self.parameter(name, param))).collect()
    }

    fn parameter(&mut self, name: &str, param: &Spanned<ScopeEntry>) -> ScopeParam {
        let entry = param.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.len() > 31
        {
            self.mistakes.at(
                param.span(),
                "This scope parameter's name is not of the form that forms and tokens carry.",
                "Write 1 to 31 of a-z 0-9 _ and begin with a letter.",
            );
        }
        let allowed = self.values(entry.allowed.get_ref());
        if allowed.is_empty() || allowed.len() > 200 {
            self.mistakes.at(
                entry.allowed.span(),
                format!("Scope “{name}” allows no value, or more than 200."),
                "List every value that may be asked for.",
            );
        }
        let default = self.values(&entry.default);
        for raw in &entry.default {
            if !allowed.contains(raw.get_ref()) {
                let hint = did_you_mean(raw.get_ref(), allowed.iter().map(String::as_str));
                self.mistakes.at(
                    raw.span(),
                    format!("“{}” is preselected but not allowed.", raw.get_ref()),
                    format!("{hint}Write one of: {}.", allowed.join(", ")),
                );
            }
        }
        if default.len() > 1 && !entry.multiple {
            self.mistakes.at(
                param.span(),
                format!("Scope “{name}” takes one value and preselects several."),
                "Add multiple = true, or preselect one.",
            );
        }
        ScopeParam {
            label: self.line("the label", &entry.label, 80),
            allowed,
            default,
            multiple: entry.multiple,
            required: entry.required,
        }
    }

    /// Values as they are compared later: to the letter, so that a value needing cleaning is refused, not changed.
    fn values(&mut self, raw: &[Text]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        for value in raw {
            let text = value.get_ref();
            if text.is_empty()
                || text.chars().count() > 100
                || hallpass_domain::text::clean_line(text) != *text
            {
                self.mistakes.at(value.span(), "This scope value is empty, longer than 100 characters, or has hidden or doubled white space.", "Write it plainly on one line.");
            }
            if !seen.insert(text.as_str()) {
                self.mistakes.at(
                    value.span(),
                    format!("The scope value “{text}” stands in the list twice."),
                    "Keep it once.",
                );
            }
        }
        raw.iter().map(|v| v.get_ref().clone()).collect()
    }
}
