//! The address of a PostgreSQL database for programs that use libpq.
use tokio_postgres::config::Host;

use super::postgres::{SESSION, Server};

impl Server {
    /// As libpq's variables, the password among them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let of = |all: Vec<String>| Some(all.join(",")).filter(|text| !text.is_empty());
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let options = self.config.get_options().and_then(|o| o.strip_prefix(SESSION)).map(str::trim);
        let variables = [
            ("PGHOST", of(hosts.collect())),
            ("PGHOSTADDR", of(self.config.get_hostaddrs().iter().map(ToString::to_string).collect())),
            ("PGPORT", of(self.config.get_ports().iter().map(ToString::to_string).collect())),
            ("PGUSER", self.config.get_user().map(str::to_owned)),
            ("PGPASSWORD", self.config.get_password().map(text)),
            ("PGDATABASE", self.config.get_dbname().map(str::to_owned)),
            ("PGOPTIONS", options.filter(|o| !o.is_empty()).map(str::to_owned)),
            ("PGSSLMODE", Some(if self.tls.is_some() { "verify-full" } else { "disable" }.to_owned())),
            ("PGSSLROOTCERT", self.ca_file.clone().filter(|_| self.tls.is_some())),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
