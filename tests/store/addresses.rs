//! Addresses of databases, as an administrator writes them.
use hallpass_store::{OpenError, libpq_variables};

fn refused(url: &str) -> String {
    match libpq_variables(url) {
        Err(error @ (OpenError::Address(_) | OpenError::Unusable(_))) => {
            let (words, shown) = (error.to_string(), format!("{error:?}"));
            assert!(
                !words.contains("secret") && !shown.contains("secret"),
                "a password is repeated: {words}"
            );
            words
        }
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn what_is_understood() {
    for (url, host, port) in [
        ("postgres://a@h/db?sslmode=disable", "h", "5432"),
        ("postgresql:///db?host=/run/postgresql", "/run/postgresql", "5432"),
        ("postgres://a:s%20t@h:5433/db?sslmode=disable&connections=4&connect_timeout=3", "h", "5433"),
    ] {
        let variables = libpq_variables(url).unwrap().expect("a server's");
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!((value("PGHOST"), value("PGDATABASE")), (Some(host), Some("db")), "{url}");
        assert_eq!(value("PGPORT").unwrap_or("5432"), port, "{url}");
    }
    assert_eq!(libpq_variables("sqlite:/x.db").unwrap(), None, "a file has none");
}

/// Refused in words that help, without the password.
#[test]
fn what_is_refused() {
    let words = refused("postgres://a:secret@h/db?sslmode=prefer");
    assert!(words.contains("verify-full"), "{words}");
    let words = refused("postgres://a:secret@h/db?sslrootcert=/no%2Fsuch%zz%2");
    assert!(words.contains("/no/such%zz%2"), "percent signs are read where they mean something: {words}");
    for number in ["0", "1001", "-3", "many", ""] {
        let words = refused(&format!("postgres://a:secret@h/db?connections={number}"));
        assert!(words.contains("from 1 to 1000"), "{words}");
    }
    let words = refused("mysql://a:secret@h/db");
    assert!(words.contains("sqlite:") && words.contains("postgres://"), "{words}");
    for url in ["sqlite:", "sqlite::memory:"] {
        assert!(refused(url).contains("path of a file"));
    }
}
