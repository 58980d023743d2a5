//! Users, groups, workloads, OAuth clients.
use std::collections::BTreeSet;

use diesel::prelude::*;
use hallpass_domain::ids::{ClientId, GroupId, TargetId, UserId, WorkloadId};
use hallpass_domain::principal::{Client, ClientOf, Duty, Group, User, Workload};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::text::{Email, Name};

use super::{BadRow, Row};
use crate::db::types::{Digest, Json, Ts, Uid, Word};
use crate::db::words::{ClientKind, PrincipalKind};
use crate::schema::{clients, group_members, groups, users, workload_owners, workloads};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct UserRow {
    pub(crate) id: Uid,
    pub(crate) email: String,
    pub(crate) display_name: String,
    pub(crate) time_zone: String,
    pub(crate) duties: Json<BTreeSet<Duty>>,
    pub(crate) disabled: bool,
    pub(crate) version: i64,
    pub(crate) chosen_zone: Option<String>,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: Uid(user.id.0),
            email: user.email.as_str().to_owned(),
            display_name: user.display_name.clone(),
            time_zone: user.time_zone.clone(),
            duties: Json(user.duties.clone()),
            disabled: user.disabled,
            version: user.version,
            chosen_zone: user.chosen_zone.clone(),
        }
    }
}
impl Row for UserRow {
    type Noun = User;
    fn noun(self) -> Result<User, BadRow> {
        Ok(User {
            id: UserId(self.id.0),
            email: Email::parse(&self.email).map_err(|e| BadRow::new("user", e))?,
            display_name: self.display_name,
            time_zone: self.time_zone,
            chosen_zone: self.chosen_zone,
            duties: self.duties.0,
            disabled: self.disabled,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = groups, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct GroupRow {
    pub(crate) id: Uid,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) version: i64,
}

impl From<&Group> for GroupRow {
    fn from(group: &Group) -> Self {
        Self {
            id: Uid(group.id.0),
            name: group.name.as_str().to_owned(),
            title: group.title.clone(),
            version: group.version,
        }
    }
}
impl Row for GroupRow {
    type Noun = Group;
    /// Without its members, which are rows of their own.
    fn noun(self) -> Result<Group, BadRow> {
        Ok(Group {
            id: GroupId(self.id.0),
            name: Name::parse(&self.name).map_err(|e| BadRow::new("group", e))?,
            title: self.title,
            members: BTreeSet::new(),
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = group_members)]
pub(crate) struct MemberRow {
    pub(crate) group_id: Uid,
    pub(crate) member_kind: Word<PrincipalKind>,
    pub(crate) member_id: Uid,
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = workloads, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct WorkloadRow {
    pub(crate) id: Uid,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) disabled: bool,
    pub(crate) version: i64,
}

impl From<&Workload> for WorkloadRow {
    fn from(workload: &Workload) -> Self {
        Self {
            id: Uid(workload.id.0),
            name: workload.name.as_str().to_owned(),
            title: workload.title.clone(),
            disabled: workload.disabled,
            version: workload.version,
        }
    }
}
impl Row for WorkloadRow {
    type Noun = Workload;
    /// Without its owners, which are rows of their own.
    fn noun(self) -> Result<Workload, BadRow> {
        Ok(Workload {
            id: WorkloadId(self.id.0),
            name: Name::parse(&self.name).map_err(|e| BadRow::new("workload", e))?,
            title: self.title,
            owners: BTreeSet::new(),
            disabled: self.disabled,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = workload_owners)]
pub(crate) struct WorkloadOwnerRow {
    pub(crate) workload_id: Uid,
    pub(crate) user_id: Uid,
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ClientRow {
    pub(crate) id: Uid,
    pub(crate) client_id: String,
    pub(crate) secret_hash: Option<Digest>,
    pub(crate) of_kind: Word<ClientKind>,
    pub(crate) of_id: Option<Uid>,
    pub(crate) created_at: Ts,
    pub(crate) version: i64,
}

impl From<&Client> for ClientRow {
    fn from(client: &Client) -> Self {
        let (kind, of_id) = match client.of {
            ClientOf::Workload(id) => (ClientKind::Workload, Some(Uid(id.0))),
            ClientOf::ResourceServer(id) => (ClientKind::ResourceServer, Some(Uid(id.0))),
            ClientOf::CommandLine => (ClientKind::CommandLine, None),
        };
        Self {
            id: Uid(client.id.0),
            client_id: client.client_id.as_str().to_owned(),
            secret_hash: client.secret_hash.map(|h| Digest(h.0)),
            of_kind: Word(kind),
            of_id,
            created_at: Ts(client.created_at),
            version: client.version,
        }
    }
}
impl Row for ClientRow {
    type Noun = Client;
    fn noun(self) -> Result<Client, BadRow> {
        let of = match (self.of_kind.0, self.of_id) {
            (ClientKind::Workload, Some(id)) => ClientOf::Workload(WorkloadId(id.0)),
            (ClientKind::ResourceServer, Some(id)) => ClientOf::ResourceServer(TargetId(id.0)),
            (ClientKind::CommandLine, None) => ClientOf::CommandLine,
            (kind, _) => return Err(BadRow::new("client", format!("no id fits {}", kind.as_str()))),
        };
        Ok(Client {
            id: ClientId(self.id.0),
            client_id: Name::parse(&self.client_id).map_err(|e| BadRow::new("client", e))?,
            secret_hash: self.secret_hash.map(|h| SecretHash(h.0)),
            of,
            created_at: self.created_at.0,
            version: self.version,
        })
    }
}
