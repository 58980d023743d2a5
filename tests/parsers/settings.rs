//! Settings of servers and of the command.
use hallpass_adapters::sealing::MasterKey;
use hallpass_client::BaseUrl;

use crate::texts::{check, wild};

#[test]
fn no_setting_breaks_and_mistakes_have_a_place() {
    let keys = [
        "SERVER_LISTEN",
        "SERVER_BASE_URL",
        "SERVER_WORKERS",
        "SERVER_TRUSTED_PROXIES",
        "MAIL_TLS",
        "DATABASE_URL",
        "X",
        "LOG_JSON",
    ];
    let good = [
        "127.0.0.1:8420",
        "https://hall.test",
        "4",
        "[\"10.0.0.0/8\"]",
        "true",
        "starttls",
        "sqlite:x.db",
        "= 3\n[x]",
    ];
    check(4_000, (proptest::sample::select(keys.to_vec()), wild(&good)), |(key, value)| {
        let variable = (format!("HALLPASSD_{key}"), value);
        if let Err(mistakes) = hallpassd::config::load(None, [variable], &[]) {
            assert!(
                !mistakes.is_empty() && mistakes.iter().all(|m| !m.place.is_empty() && !m.what.is_empty())
            );
        }
    });
}

#[test]
fn base_urls_and_master_keys() {
    check(
        5_000,
        wild(&[
            "https://hall.test",
            "http://127.0.0.1:8420",
            "https://user@hall.test/x?y#z",
            "http://[::1]:80/",
        ]),
        |raw| {
            let Ok(url) = BaseUrl::parse(&raw) else { return };
            assert!(url.as_str().starts_with("https://") || url.as_str().starts_with("http://"), "{raw:?}");
            assert!(!url.as_str().contains(['?', '#', ' ']), "{raw:?}");
            assert_eq!(BaseUrl::parse(url.as_str()).unwrap().as_str(), url.as_str());
            let _ = (url.authority(), url.is_https());
        },
    );
    check(3_000, wild(&["hpk1_AAAA", &"A".repeat(43), &"0".repeat(64), ""]), |raw| {
        drop(MasterKey::parse(&raw))
    });
}
