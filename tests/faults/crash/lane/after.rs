//! What is done and looked at when a server was killed and another one has ended what was due: at the target and in the store,
//! by connections that are not Hallpass's.
use std::collections::HashSet;

use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::process::Process;
use hallpass_tests::world::DATABASE;

use super::Lane;
use crate::crash::watch::is_anothers;

impl Lane {
    /// Ends grants of accounts that somebody at the target did something to: they last longer than it takes.
    pub(super) async fn end_what_lasts(&self, server: &mut Process) {
        if !self.others_acted() {
            return;
        }
        for said in &self.said {
            if let Said::Granted { grant, .. } = said {
                server.tell(&Tell::End { grant: *grant }).await;
            }
        }
    }

    /// Whether somebody else did something at the target.
    fn others_acted(&self) -> bool {
        let of_accounts = |noun: &str| noun == "finding" || noun == "credential";
        self.said.iter().any(|said| matches!(said, Said::Did { noun, .. } if of_accounts(noun)))
    }

    /// Takes away what somebody else made at the target, where the server was killed before it could be asked to: accounts that
    /// no record knows, and some that were proven gone and made again.
    pub(super) async fn put_back_what_others_did(&mut self, instance: &str) {
        if !self.others_acted() {
            return;
        }
        let revoked =
            self.outsider.sql("SELECT external_name FROM credentials WHERE state = 'revoked'").await;
        let revoked: HashSet<String> = revoked.into_iter().flatten().flatten().collect();
        let superuser = self.target.superuser("postgres").await;
        let like = format!("hp\\_{instance}\\_%");
        let there = superuser
            .query("SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1 AND NOT rolcanlogin OR rolname LIKE $2", &[&like, &format!("hp\\_{instance}\\_unknown%")])
            .await
            .expect("roles");
        for name in there.iter().map(|row| row.get::<_, String>(0)) {
            if is_anothers(&name) || revoked.contains(&name) {
                superuser.batch_execute(&format!("DROP ROLE {name}")).await.expect("dropped");
            }
        }
    }

    /// Rows of people and events about them agree: whatever was begun has its event, and whatever was told its row.
    pub(super) async fn people_have_what_is_told(&mut self, after: &str) {
        for (rows, kinds) in [
            ("devices", "'device.asked'"),
            ("devices WHERE state IN ('allowed', 'redeemed')", "'device.allowed'"),
            ("devices WHERE state = 'denied'", "'device.denied'"),
            ("api_tokens", "'api_token.issued'"),
            ("accounts WHERE password_hash IS NOT NULL", "'account.prepared'"),
            (
                "sessions WHERE user_id IS NOT NULL",
                "'session.opened', 'password.changed', 'totp.enrolled', 'totp.disabled'",
            ),
        ] {
            let told = format!("SELECT count(*) FROM audit_events WHERE kind IN ({kinds})");
            let told = self.outsider.number(&told).await;
            let there = self.outsider.number(&format!("SELECT count(*) FROM {rows}")).await;
            assert_eq!(there, told, "after {after}: {rows}, and events {kinds}");
        }
    }

    /// By a connection that is not Hallpass's.
    pub(super) async fn nothing_is_left(&mut self, after: &str, instance: &str) {
        let superuser = self.target.superuser(DATABASE).await;
        let like = format!("hp\\_{instance}\\_%");
        let accounts: Vec<String> = superuser
            .query("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", &[&like])
            .await
            .expect("roles")
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(accounts.is_empty(), "after {after}: {accounts:?} are there");
        let oids: Vec<i64> = self.watch.seen().values().copied().collect();
        let sessions: i64 = superuser
            .query_one("SELECT count(*) FROM pg_stat_activity WHERE usesysid::bigint = ANY($1)", &[&oids])
            .await
            .expect("sessions")
            .get(0);
        assert_eq!(sessions, 0, "after {after}: sessions of ended logins");
        let locks: i64 = superuser
            .query_one(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename LIKE $1",
                &[&like],
            )
            .await
            .expect("locks")
            .get(0);
        assert_eq!(locks, 0, "after {after}: locks of ended logins");
        self.clients.all_out(after).await;
    }
}
