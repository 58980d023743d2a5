//! Scope: the part of a role that is asked for. Closed value lists only, so that "inside the role" is decidable.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One parameter of a role's scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeParam {
    /// Label as people read it.
    pub label: String,
    /// Every value that may be asked for.
    pub allowed: Vec<String>,
    /// Preselected values (the smallest useful scope).
    #[serde(default)]
    pub default: Vec<String>,
    /// Whether more than one value may be asked for.
    #[serde(default)]
    pub multiple: bool,
    /// Whether at least one value must be asked for.
    #[serde(default)]
    pub required: bool,
}

/// The scope parameters of a role, by name.
pub type ScopeSchema = BTreeMap<String, ScopeParam>;

/// Values asked for, by parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub BTreeMap<String, BTreeSet<String>>);

/// Why a scope is not inside a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No such parameter.
    #[error("this role has no scope parameter “{0}”{1}")]
    UnknownParam(String, String),
    /// Not among the allowed values.
    #[error("“{value}” is outside the role's scope “{param}”; allowed: {allowed}")]
    Outside {
        /// The parameter.
        param: String,
        /// What was asked for.
        value: String,
        /// What may be asked for.
        allowed: String,
    },
    /// More than one value for a single-valued parameter.
    #[error("scope “{0}” takes one value")]
    TooMany(String),
    /// A required parameter is missing.
    #[error("scope “{0}” is needed; allowed: {1}")]
    Missing(String, String),
}

impl Scope {
    /// Checks that every value lies inside `schema` and nothing required is missing.
    pub fn check(&self, schema: &ScopeSchema) -> Result<(), ScopeError> {
        for (param, values) in &self.0 {
            let Some(rule) = schema.get(param) else {
                let known = schema.keys().cloned().collect::<Vec<_>>().join(", ");
                let hint = if known.is_empty() { String::new() } else { format!("; it has: {known}") };
                return Err(ScopeError::UnknownParam(param.clone(), hint));
            };
            if let Some(value) = values.iter().find(|v| !rule.allowed.contains(v)) {
                return Err(ScopeError::Outside {
                    param: param.clone(),
                    value: value.clone(),
                    allowed: rule.allowed.join(", "),
                });
            }
            if values.len() > 1 && !rule.multiple {
                return Err(ScopeError::TooMany(param.clone()));
            }
        }
        for (param, rule) in schema {
            if rule.required && self.0.get(param).is_none_or(BTreeSet::is_empty) {
                return Err(ScopeError::Missing(param.clone(), rule.allowed.join(", ")));
            }
        }
        Ok(())
    }

    /// The scope that a schema preselects.
    pub fn defaults(schema: &ScopeSchema) -> Self {
        Self(
            schema
                .iter()
                .filter(|(_, p)| !p.default.is_empty())
                .map(|(n, p)| (n.clone(), p.default.iter().cloned().collect()))
                .collect(),
        )
    }

    /// True where everything in `self` is also in `other` (granted ⊆ approved).
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(param, values)| {
            values.is_empty() || other.0.get(param).is_some_and(|o| values.is_subset(o))
        })
    }

    /// `param: a, b; other: c` for people, empty where there is no scope.
    pub fn describe(&self) -> String {
        self.0
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(p, v)| format!("{p}: {}", v.iter().cloned().collect::<Vec<_>>().join(", ")))
            .collect::<Vec<_>>()
            .join("; ")
    }
}
