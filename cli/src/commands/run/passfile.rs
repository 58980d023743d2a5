//! PostgreSQL's password file (libpq): `host:port:database:user:password`, first match wins.
use hallpass_client::wire::credentials::IssuedLogin;

use crate::failure::{Exit, Failure};

/// The content of the file for one login. The database is left open: the login may reach others on the same server.
pub(in crate::commands) fn content(login: &IssuedLogin) -> Result<String, Failure> {
    let values = [&login.host, &login.database, &login.user, &login.password, &login.sslmode];
    if values.iter().any(|value| value.chars().any(char::is_control))
        || login.user.is_empty()
        || login.password.is_empty()
    {
        return Err(Failure::new(
            Exit::Failed,
            "strange_answer",
            "The server's login has characters that a login cannot have",
        ));
    }
    let line = |host: &str| {
        format!("{}:{}:*:{}:{}\n", escape(host), login.port, escape(&login.user), escape(&login.password))
    };
    let mut text = line(&login.host);
    if login.host.starts_with(['/', '@']) {
        // libpq looks for a socket in the default folder under this name.
        text.push_str(&line("localhost"));
    }
    Ok(text)
}

/// `\` and `:` are escaped by a `\`.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(host: &str, password: &str) -> IssuedLogin {
        IssuedLogin {
            id: "c".to_owned(),
            grant_id: "g".to_owned(),
            role: "db-read".to_owned(),
            host: host.to_owned(),
            port: 5433,
            database: "orders".to_owned(),
            user: "hp_x".to_owned(),
            password: password.to_owned(),
            sslmode: "require".to_owned(),
            ca_pem: None,
            expires_at: "2026-11-23T17:30:00Z".parse().unwrap(),
            probe: None,
        }
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        assert_eq!(content(&login("::1", r"a:b\c")).unwrap(), "\\:\\:1:5433:*:hp_x:a\\:b\\\\c\n");
        assert_eq!(
            content(&login("/run/pg", "x")).unwrap(),
            "/run/pg:5433:*:hp_x:x\nlocalhost:5433:*:hp_x:x\n"
        );
    }

    #[test]
    fn a_line_break_cannot_add_a_line() {
        assert!(content(&login("h", "a\nother:1:*:u:p")).is_err());
        assert!(content(&login("h\n", "a")).is_err());
        assert!(content(&login("h", "")).is_err());
    }
}
