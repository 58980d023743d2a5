//! Targets, roles, workflows.
use std::collections::BTreeSet;

use diesel::prelude::*;
use hallpass_domain::ids::{RoleId, TargetId, WorkflowId};
use hallpass_domain::principal::Principal;
use hallpass_domain::role::{CredentialKind, Role, RoleSettings, Tier};
use hallpass_domain::scope::ScopeSchema;
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::text::Name;
use hallpass_domain::workflow::{Stage, Workflow};

use super::{BadRow, Row};
use crate::db::types::{Json, Uid, Word};
use crate::schema::{roles, target_owners, targets, workflows};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = targets, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct TargetRow {
    pub(crate) id: Uid,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) environment: String,
    pub(crate) kind: String,
    pub(crate) settings: Json<TargetSettings>,
    pub(crate) sealed_secret: Option<String>,
    pub(crate) disabled: bool,
    pub(crate) revision: i64,
    pub(crate) version: i64,
}

impl From<&Target> for TargetRow {
    fn from(target: &Target) -> Self {
        Self {
            id: Uid(target.id.0),
            name: target.name.as_str().to_owned(),
            title: target.title.clone(),
            environment: target.environment.clone(),
            kind: target.settings.kind().to_owned(),
            settings: Json(target.settings.clone()),
            sealed_secret: target.sealed_secret.clone(),
            disabled: target.disabled,
            revision: target.revision,
            version: target.version,
        }
    }
}
impl Row for TargetRow {
    type Noun = Target;
    /// Without its owners, which are rows of their own.
    fn noun(self) -> Result<Target, BadRow> {
        Ok(Target {
            id: TargetId(self.id.0),
            name: Name::parse(&self.name).map_err(|e| BadRow::new("target", e))?,
            title: self.title,
            environment: self.environment,
            settings: self.settings.0,
            sealed_secret: self.sealed_secret,
            owners: BTreeSet::new(),
            disabled: self.disabled,
            revision: self.revision,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = target_owners)]
pub(crate) struct TargetOwnerRow {
    pub(crate) target_id: Uid,
    pub(crate) user_id: Uid,
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = roles, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RoleRow {
    pub(crate) id: Uid,
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) target_id: Uid,
    pub(crate) tier: Word<Tier>,
    pub(crate) eligible: Json<Vec<Principal>>,
    pub(crate) max_seconds: i64,
    pub(crate) usual_seconds: i64,
    pub(crate) workflow_id: Uid,
    pub(crate) scope_schema: Json<ScopeSchema>,
    pub(crate) kind: Word<CredentialKind>,
    pub(crate) settings: Json<RoleSettings>,
    pub(crate) standing: bool,
    pub(crate) retired: bool,
    pub(crate) revision: i64,
    pub(crate) version: i64,
}

impl From<&Role> for RoleRow {
    fn from(role: &Role) -> Self {
        Self {
            id: Uid(role.id.0),
            name: role.name.as_str().to_owned(),
            purpose: role.purpose.clone(),
            target_id: Uid(role.target_id.0),
            tier: Word(role.tier),
            eligible: Json(role.eligible.clone()),
            max_seconds: role.max_seconds,
            usual_seconds: role.usual_seconds,
            workflow_id: Uid(role.workflow_id.0),
            scope_schema: Json(role.scope_schema.clone()),
            kind: Word(role.settings.kind()),
            settings: Json(role.settings.clone()),
            standing: role.standing,
            retired: role.retired,
            revision: role.revision,
            version: role.version,
        }
    }
}
impl Row for RoleRow {
    type Noun = Role;
    fn noun(self) -> Result<Role, BadRow> {
        Ok(Role {
            id: RoleId(self.id.0),
            name: Name::parse(&self.name).map_err(|e| BadRow::new("role", e))?,
            purpose: self.purpose,
            target_id: TargetId(self.target_id.0),
            tier: self.tier.0,
            eligible: self.eligible.0,
            max_seconds: self.max_seconds,
            usual_seconds: self.usual_seconds,
            workflow_id: WorkflowId(self.workflow_id.0),
            scope_schema: self.scope_schema.0,
            settings: self.settings.0,
            standing: self.standing,
            retired: self.retired,
            revision: self.revision,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = workflows, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct WorkflowRow {
    pub(crate) id: Uid,
    pub(crate) name: String,
    pub(crate) stages: Json<Vec<Stage>>,
    pub(crate) retired: bool,
    pub(crate) revision: i64,
    pub(crate) version: i64,
}

impl From<&Workflow> for WorkflowRow {
    fn from(workflow: &Workflow) -> Self {
        Self {
            id: Uid(workflow.id.0),
            name: workflow.name.as_str().to_owned(),
            stages: Json(workflow.stages.clone()),
            retired: workflow.retired,
            revision: workflow.revision,
            version: workflow.version,
        }
    }
}
impl Row for WorkflowRow {
    type Noun = Workflow;
    fn noun(self) -> Result<Workflow, BadRow> {
        Ok(Workflow {
            id: WorkflowId(self.id.0),
            name: Name::parse(&self.name).map_err(|e| BadRow::new("workflow", e))?,
            stages: self.stages.0,
            retired: self.retired,
            revision: self.revision,
            version: self.version,
        })
    }
}
