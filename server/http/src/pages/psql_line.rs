//! The line that somebody copies into a shell. What stands in it comes from the catalogue and from a target, and is quoted
//! twice: for libpq (PostgreSQL, 34.1.1.1 "Keyword/Value Connection Strings") and for the shell.

/// `psql '…'` with these keywords and values.
pub(super) fn psql(pairs: &[(&str, &str)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", for_libpq(value))).collect();
    format!("psql '{}'", words.join(" ").replace('\'', r"'\''"))
}

fn for_libpq(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::psql;

    #[test]
    fn what_is_plain_stays_readable() {
        assert_eq!(
            psql(&[("host", "db.example.org"), ("port", "5432")]),
            "psql 'host=db.example.org port=5432'"
        );
    }

    #[test]
    fn a_hostile_name_stays_a_value() {
        for value in ["a'; touch x; '", r"a\' b", "$(id)", "a b", ""] {
            let line = psql(&[("dbname", value)]).replacen("psql", "printf %s", 1);
            let told = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            let text = String::from_utf8(told.stdout).unwrap();
            let inner = text.strip_prefix("dbname='").and_then(|t| t.strip_suffix('\'')).unwrap();
            assert_eq!(inner.replace(r"\'", "'").replace(r"\\", r"\"), value, "{line}");
        }
    }
}
