//! Targets: settings by kind.
use std::net::IpAddr;

use hallpass_domain::target::{OauthTarget, PgTls, PostgresqlTarget, Target, TargetSettings, TokenAlg};
use hallpass_domain::text::Name;
use toml::Spanned;

use super::Builder;
use super::names::Names;
use crate::admin::file::{TargetEntry, TargetKind, Text, span_of};
use crate::admin::lint::addresses;
use crate::admin::mistake::Span;
use crate::admin::secrets::SecretRef;

impl Builder<'_, '_, '_> {
    pub(super) fn targets(&mut self) {
        for entry in self.file.targets.iter().map(Spanned::get_ref) {
            let (Ok(name), Some(id)) =
                (Name::parse(entry.name.get_ref()), Names::own(&self.names.targets, &entry.name))
            else {
                continue;
            };
            let settings = match entry.kind.get_ref() {
                TargetKind::Oauth => self.oauth(entry),
                TargetKind::Postgresql => self.postgresql(entry),
            };
            let Some(settings) = settings else { continue };
            let current = self.current.catalogue.targets.get(&id);
            if let Some(was) = current.filter(|t| t.settings.kind() != settings.kind()) {
                self.mistakes.at(
                    entry.kind.span(),
                    format!(
                        "Target “{name}” is of kind {}, and what was issued there is removed that way.",
                        was.settings.kind()
                    ),
                    "Give the new target a name of its own, and take the old one out of the file.",
                );
            }
            let secret = self.secret(entry);
            let target = Target {
                id,
                name,
                title: self.line("the title", &entry.title, 120),
                environment: self.line("the environment", &entry.environment, 40),
                settings,
                sealed_secret: secret.as_ref().and_then(|_| current.and_then(|t| t.sealed_secret.clone())),
                owners: self.owners(&entry.owners, "target"),
                disabled: entry.disabled,
                revision: current.map_or(0, |t| t.revision),
                version: current.map_or(0, |t| t.version),
            };
            self.built.secrets.extend(secret.map(|(secret, span)| (id, secret, span)));
            self.built.addresses.insert(id, span_of(&entry.host).unwrap_or_else(|| entry.name.span()));
            self.built.next.catalogue.targets.insert(id, target);
        }
    }

    /// Where our password at the target is read.
    fn secret(&mut self, entry: &TargetEntry) -> Option<(SecretRef, Span)> {
        match (&entry.secret_env, &entry.secret_file) {
            (Some(_), Some(file)) => {
                self.mistakes.at(
                    file.span(),
                    "secret_env and secret_file are both set.",
                    "Keep one of the two.",
                );
                None
            }
            (Some(env), None) => Some((SecretRef::Env(env.get_ref().clone()), env.span())),
            (None, Some(file)) => Some((SecretRef::File(file.get_ref().clone()), file.span())),
            (None, None) => None,
        }
    }

    fn oauth(&mut self, e: &TargetEntry) -> Option<TargetSettings> {
        self.refuse_others(
            TargetKind::Oauth,
            &[
                ("secret_env", span_of(&e.secret_env)),
                ("secret_file", span_of(&e.secret_file)),
                ("host", span_of(&e.host)),
                ("port", span_of(&e.port)),
                ("public_host", span_of(&e.public_host)),
                ("maintenance_database", span_of(&e.maintenance_database)),
                ("admin_user", span_of(&e.admin_user)),
                ("tls", span_of(&e.tls)),
                ("ca_file", span_of(&e.ca_file)),
                ("quarantine_role", span_of(&e.quarantine_role)),
                ("statement_timeout_ms", span_of(&e.statement_timeout_ms)),
            ],
        );
        let audience = self.needed(e, TargetKind::Oauth, "audience", &e.audience);
        let verification = self.needed(e, TargetKind::Oauth, "verification", &e.verification);
        let (audience, verification) = (audience?, verification?);
        if !addresses::is_audience(audience.get_ref()) {
            self.mistakes.at(
                audience.span(),
                "The audience is not an absolute URI without a fragment (RFC 8707, section 2).",
                "Write it like https://orders.example.org.",
            );
        }
        let leeway = e.leeway_seconds.as_ref().map_or(0, |l| *l.get_ref());
        self.range("leeway_seconds", leeway, 0..=300, span_of(&e.leeway_seconds));
        Some(TargetSettings::Oauth(OauthTarget {
            audience: audience.get_ref().clone(),
            verification: *verification.get_ref(),
            alg: e.alg.as_ref().map_or(TokenAlg::EdDsa, |a| *a.get_ref()),
            leeway_seconds: leeway,
        }))
    }

    fn postgresql(&mut self, e: &TargetEntry) -> Option<TargetSettings> {
        self.refuse_others(
            TargetKind::Postgresql,
            &[
                ("audience", span_of(&e.audience)),
                ("verification", span_of(&e.verification)),
                ("alg", span_of(&e.alg)),
                ("leeway_seconds", span_of(&e.leeway_seconds)),
            ],
        );
        let host = self.needed(e, TargetKind::Postgresql, "host", &e.host);
        let admin = self.needed(e, TargetKind::Postgresql, "admin_user", &e.admin_user);
        let quarantine = self.needed(e, TargetKind::Postgresql, "quarantine_role", &e.quarantine_role);
        let (host, admin, quarantine) = (host?, admin?, quarantine?);
        self.host(host);
        if let Some(public) = &e.public_host {
            self.host(public);
        }
        let tls = e.tls.as_ref().map_or(PgTls::VerifyFull, |t| *t.get_ref());
        if tls == PgTls::Disable && !addresses::is_local(host.get_ref()) {
            self.mistakes.at(
                span_of(&e.tls).unwrap_or_else(|| host.span()),
                format!("TLS is off and “{}” is not this machine: passwords and commands would travel in clear.", host.get_ref()),
                "Take the line tls = \"disable\" out, or use a loopback address or the folder of a Unix socket.",
            );
        }
        if tls == PgTls::VerifyFull && host.get_ref().starts_with('/') {
            self.mistakes.at(
                host.span(),
                "PostgreSQL speaks no TLS over a Unix socket.",
                "Add tls = \"disable\"; a socket does not leave the machine.",
            );
        }
        if admin.get_ref() == quarantine.get_ref() {
            self.mistakes.at(
                quarantine.span(),
                "The quarantine role is our administrator role.",
                "Name a NOLOGIN role without members or privileges of its own.",
            );
        }
        let maintenance = e.maintenance_database.as_ref();
        for (what, raw) in [
            ("admin_user", Some(admin)),
            ("quarantine_role", Some(quarantine)),
            ("maintenance_database", maintenance),
        ] {
            if let Some(raw) = raw {
                self.identifier(what, raw);
            }
        }
        let port = e.port.as_ref().map_or(5432, |p| *p.get_ref());
        self.range("port", i64::from(port), 1..=65_535, span_of(&e.port));
        let timeout = e.statement_timeout_ms.as_ref().map_or(5_000, |t| *t.get_ref());
        self.range(
            "statement_timeout_ms",
            i64::try_from(timeout).unwrap_or(i64::MAX),
            100..=60_000,
            span_of(&e.statement_timeout_ms),
        );
        Some(TargetSettings::Postgresql(PostgresqlTarget {
            host: host.get_ref().clone(),
            port,
            public_host: e.public_host.as_ref().map(|h| h.get_ref().clone()),
            maintenance_database: maintenance.map_or_else(|| "postgres".to_owned(), |d| d.get_ref().clone()),
            admin_user: admin.get_ref().clone(),
            tls,
            ca_file: e.ca_file.as_ref().map(|f| f.get_ref().clone()),
            quarantine_role: quarantine.get_ref().clone(),
            statement_timeout_ms: timeout,
        }))
    }

    /// A setting that this kind needs.
    fn needed<'e, T>(
        &mut self,
        entry: &TargetEntry,
        kind: TargetKind,
        what: &str,
        setting: &'e Option<Spanned<T>>,
    ) -> Option<&'e Spanned<T>> {
        if setting.is_none() {
            self.mistakes.at(
                entry.kind.span(),
                format!("A target of kind {} needs {what}.", kind.as_str()),
                format!("Add a line {what} = …; docs/catalogue.md shows an example."),
            );
        }
        setting.as_ref()
    }

    fn refuse_others(&mut self, kind: TargetKind, settings: &[(&str, Option<Span>)]) {
        for (what, span) in settings.iter().filter_map(|(what, span)| span.clone().map(|s| (what, s))) {
            self.mistakes.at(
                span,
                format!("{what} means nothing for a target of kind {}.", kind.as_str()),
                "Take this line out, or correct the kind.",
            );
        }
    }

    /// A name at a PostgreSQL server.
    pub(super) fn identifier(&mut self, what: &str, raw: &Text) {
        let text = raw.get_ref();
        if text.is_empty() || text.len() > 63 || text.contains('\0') {
            self.mistakes.at(
                raw.span(),
                format!("{what} is not a PostgreSQL name."),
                "Write 1 to 63 bytes, without a NUL character.",
            );
        }
    }

    /// A number within limits.
    pub(super) fn range(
        &mut self,
        what: &str,
        value: i64,
        limits: std::ops::RangeInclusive<i64>,
        span: Option<Span>,
    ) {
        if let Some(span) = span.filter(|_| !limits.contains(&value)) {
            self.mistakes.at(
                span,
                format!("{what} is outside its limits."),
                format!("Write a number from {} to {}.", limits.start(), limits.end()),
            );
        }
    }

    /// A host that we, or holders, may be sent to.
    fn host(&mut self, raw: &Text) {
        if !addresses::is_host(raw.get_ref()) {
            self.mistakes.at(raw.span(), "This is not a host.", "Write a host name, an IP address, or the folder of a Unix socket; the port stands in a line of its own.");
        } else if addresses::is_forbidden(raw.get_ref()) {
            let which = if raw.get_ref().parse::<IpAddr>().is_ok() { "address" } else { "name" };
            self.mistakes.at(raw.span(), format!("This {which} is link-local, unspecified or a cloud's metadata service: Hallpass never connects there."), "Write the server's own address.");
        }
    }
}
