//! Accounts at a target that are not as the records say, by the hand of somebody who may do anything there.
use std::sync::Arc;

use hallpass_domain::finding::FindingKind;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::CredentialId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::Target;
use hallpass_tests::pg::{PASSWORD, SUPERUSER};
use hallpass_tests::world::{ADMINISTRATOR, DATABASE, REQUESTER, World};
use tokio_postgres::{Client, Config, NoTls};

use crate::sides::{did, until};
use crate::story;

/// A target, and somebody there who is not Hallpass.
struct There {
    target: Target,
    superuser: Client,
    world: Arc<World>,
}

fn failed(error: impl std::fmt::Debug) -> Refusal {
    Refusal::conflict("outsider", format!("{error:?}"))
}

/// A login is dropped by hand, another one is changed and, when it is gone, made again; and an account appears that no
/// record knows, which an administrator has removed.
pub(crate) async fn appear(world: &Arc<World>, name: &str, port: u16) -> Result<(), Refusal> {
    let there = There::connect(world, name, port).await?;
    there.dropped_by_hand().await?;
    there.changed_and_made_again().await?;
    there.unknown().await
}

impl There {
    async fn connect(world: &Arc<World>, name: &str, port: u16) -> Result<Self, Refusal> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user(SUPERUSER).password(PASSWORD).dbname(DATABASE);
        let (superuser, connection) = config.connect(NoTls).await.map_err(failed)?;
        tokio::spawn(connection);
        let catalogue = world.broker.catalogue().await?;
        let target = catalogue.targets.values().find(|t| t.name.to_string() == name).cloned();
        let target = target.ok_or_else(|| Refusal::not_found("target"))?;
        Ok(Self { target, superuser, world: Arc::clone(world) })
    }

    async fn sql(&self, sql: &str) -> Result<(), Refusal> {
        self.superuser.batch_execute(sql).await.map_err(failed)
    }

    /// A login of twenty seconds, so that it is over by itself soon after a crash: its grant, its row and its account.
    async fn login(&self) -> Result<(Grant, CredentialId, String), Refusal> {
        let grant = story::login(&self.world, &format!("{}-read", self.target.name), "20s").await?;
        let of = self.world.broker.store.credentials_of(grant.id).await.map_err(failed)?;
        let credential = of.first().ok_or_else(|| Refusal::not_found("credential"))?;
        Ok((grant, credential.id, credential.external_name.clone()))
    }

    /// Ends it, and waits until it is proven gone.
    async fn end(&self, grant: &Grant) -> Result<(), Refusal> {
        let broker = &self.world.broker;
        broker.release_grant(&self.world.caller(REQUESTER).await?, grant.id).await?;
        until("it ends", || async {
            let now = broker.store.grant(grant.id).await.map_err(failed)?;
            Ok(now.is_some_and(|g| g.state == GrantState::Ended))
        })
        .await
    }

    /// Compares until an account is found to be so, or is no finding any more.
    async fn until(&self, name: &str, wanted: Option<FindingKind>) -> Result<(), Refusal> {
        until(&format!("{name} is {wanted:?}"), || async {
            self.world.broker.compare_target(&self.target).await.map_err(failed)?;
            Ok(self.finding(name).await? == wanted)
        })
        .await
    }

    async fn finding(&self, name: &str) -> Result<Option<FindingKind>, Refusal> {
        let open = self.world.broker.store.open_findings_at(self.target.id, None, 1_000).await;
        Ok(open.map_err(failed)?.iter().find(|f| f.external_name == name).map(|f| f.kind))
    }

    async fn dropped_by_hand(&self) -> Result<(), Refusal> {
        let (grant, credential, name) = self.login().await?;
        // Who was coming in as logins were refused is in after it, and may make something still.
        until(&format!("{name} is dropped by hand"), || async {
            self.thrown_out(&name).await?;
            Ok(self.sql(&format!("DROP OWNED BY {name}; DROP ROLE {name}")).await.is_ok())
        })
        .await?;
        self.until(&name, Some(FindingKind::Missing)).await?;
        did("credential.missing", "credential", credential);
        self.end(&grant).await?;
        self.until(&name, None).await?;
        did("account.finding_closed", "credential", credential);
        Ok(())
    }

    async fn thrown_out(&self, name: &str) -> Result<(), Refusal> {
        self.sql(&format!(
            "ALTER ROLE {name} NOLOGIN;
             SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{name}'"
        ))
        .await
    }

    async fn changed_and_made_again(&self) -> Result<(), Refusal> {
        let (grant, credential, name) = self.login().await?;
        let mark =
            format!("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{name}'");
        let mark: String = self.superuser.query_one(&mark, &[]).await.map_err(failed)?.get(0);
        self.sql(&format!("ALTER ROLE {name} CREATEDB")).await?;
        self.until(&name, Some(FindingKind::Changed)).await?;
        did("credential.changed", "credential", credential);
        self.end(&grant).await?;
        self.until(&name, None).await?;
        self.sql(&format!(
            "CREATE ROLE {name} NOLOGIN IN ROLE orders_read; COMMENT ON ROLE {name} IS '{mark}'"
        ))
        .await?;
        self.until(&name, Some(FindingKind::Reappeared)).await?;
        did("credential.reappeared", "credential", credential);
        self.removed(&name).await
    }

    /// Removed by Hallpass.
    async fn removed(&self, name: &str) -> Result<(), Refusal> {
        until("it is removed", || async {
            self.world.broker.step_remove_findings().await;
            Ok(self.finding(name).await?.is_none())
        })
        .await
    }

    async fn unknown(&self) -> Result<(), Refusal> {
        let instance = &self.world.broker.settings.instance;
        // An id that tells no time: one that is newer than all that is stored would show a restored backup.
        let id = uuid::Uuid::new_v4();
        let name = format!("hp_{instance}_unknown{}", &id.simple().to_string()[20..]);
        self.sql(&format!(
            "CREATE ROLE {name} LOGIN CONNECTION LIMIT 5 PASSWORD 'Unknown1' VALID UNTIL '2099-01-01' IN ROLE orders_read;
             COMMENT ON ROLE {name} IS 'hallpass:v1:{instance}:{id}:{{\"not_after\":\"2099-01-01T00:00:00Z\",\"limit\":5,\"groups\":[\"orders_read\"]}}'"
        ))
        .await?;
        self.until(&name, Some(FindingKind::Unknown)).await?;
        let open =
            self.world.broker.store.open_findings_at(self.target.id, None, 1_000).await.map_err(failed)?;
        let found =
            open.iter().find(|f| f.external_name == name).ok_or_else(|| Refusal::not_found("finding"))?;
        did("account.unknown", "finding", found.id);
        let ada = self.world.caller(ADMINISTRATOR).await?;
        self.world.broker.confirm_removal(&ada, found.id).await?;
        did("account.removal_confirmed", "finding", found.id);
        self.removed(&name).await?;
        did("account.removed", "finding", found.id);
        Ok(())
    }
}
