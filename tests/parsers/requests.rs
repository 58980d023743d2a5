//! What comes over HTTP: forms, OAuth parameters, client authentication, bearer tokens, queries, forwarded addresses.
use std::net::IpAddr;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;
use data_encoding::BASE64;
use hallpass_http::address::{Network, any_contains, client_address};
use hallpass_http::bearer::bearer;
use hallpass_http::oauth::client::{basic, presented};
use hallpass_http::oauth::form::{Form, decode, pairs};
use hallpass_http::params::Params;
use hallpass_tests::browserless::encode;
use proptest::prelude::*;

use crate::texts::{check, wild};

const FORMS: [&str; 6] = [
    "grant_type=client_credentials&scope=billing-read",
    "token=eyJ0eXAi.x.y&token_type_hint=access_token",
    "client_id=ci&client_secret=a%3Ab%25",
    "a=1&a=2",
    "user_code=BCDF-GHJK&answer=allow",
    "reason=a+customer%0D%0Awaits&digest=%e2%82%ac&x=%zz%",
];

fn headers(kind: &str) -> HeaderMap {
    let mut out = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(kind.as_bytes()) {
        out.insert(CONTENT_TYPE, value);
    }
    out
}

#[test]
fn forms_read_back_as_they_were_written() {
    let names =
        proptest::collection::btree_map(wild(&["token", "a b", "ü&="]), wild(&["", "x=y&z", "100%"]), 0..6);
    check(3_000, names, |fields| {
        let fields: Vec<(String, String)> = fields.into_iter().collect();
        let list: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let body = encode(&list);
        let holds_nul = fields.iter().any(|(n, v)| n.contains('\0') || v.contains('\0'));
        match pairs(&body) {
            Ok(read) => assert!(read == fields && !holds_nul),
            Err(_) => assert!(holds_nul, "{body}"),
        }
        if let Ok(form) = Form::read(&headers("application/x-www-form-urlencoded"), body.as_bytes()) {
            for (name, value) in &fields {
                assert_eq!(form.get(name), Some(value.as_str()).filter(|v| !v.is_empty()), "{body}");
            }
        }
    });
}

#[test]
fn no_body_breaks_and_no_parameter_counts_twice() {
    check(8_000, wild(&FORMS), |raw| {
        let _ = decode(&raw);
        let form = Form::read(&headers("Application/X-WWW-Form-Urlencoded; charset=utf-8"), raw.as_bytes());
        let Ok(read) = pairs(&raw) else {
            assert!(form.is_err());
            return;
        };
        let mut names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(!twice || form.is_err(), "{raw:?}");
        assert!(
            Form::read(&headers(&raw), b"a=1").is_err() || raw.trim().to_lowercase().contains("urlencoded")
        );
        if let Ok(form) = form {
            let _ = (form.need("token"), presented(&HeaderMap::new(), &form));
        }
    });
    check(3_000, proptest::collection::vec(any::<u8>(), 0..200), |bytes| {
        let _ = Form::read(&headers("application/x-www-form-urlencoded"), &bytes);
    });
}

#[test]
fn clients_read_back_and_nothing_else_passes() {
    check(4_000, (wild(&["ci", "c:i", "ü"]), wild(&["a:b", "100%", "a+b c"])), |(id, secret)| {
        let one = |text: &str| encode(&[("", text)])[1..].to_owned();
        let text = format!("{}:{}", one(&id), one(&secret));
        let header = format!("bAsIc {}", BASE64.encode(text.as_bytes()));
        let wanted = (!id.contains('\0') && !secret.contains('\0')).then_some((id, secret));
        assert_eq!(basic(&header), wanted);
    });
    let good = ["Basic Y2k6YTpi", "Basic Y2k6YTpi ", "Bearer hpa_x", "Basic", "Digest x", "Basic  Y2k6YTpi"];
    check(6_000, wild(&good), |raw| {
        let _ = basic(&raw);
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(raw.as_bytes()) {
            headers.insert(AUTHORIZATION, value);
            if let Ok(token) = bearer(&headers) {
                assert!(!token.is_empty() && !token.contains(char::is_whitespace) && raw.contains(token));
            }
        }
    });
}

#[test]
fn no_query_breaks() {
    let good = [
        "limit=7&after=01a207a2-3280-73c7-8a7a-07aa2ab52d33",
        "from=2026-11-23T16:00:00Z&state=a,b",
        "q=%ff&q=1",
    ];
    check(5_000, wild(&good), |raw| {
        let Ok(uri) = format!("/x?{raw}").parse::<actix_web::http::Uri>() else { return };
        let request = TestRequest::default().uri(&uri.to_string()).to_http_request();
        let Ok(params) = Params::of(&request) else { return };
        assert!(params.limit().is_err() || (1..=200).contains(&params.limit().unwrap()));
        let _ =
            (params.after(), params.instant("from"), params.words("state", &["a", "b"]), params.text("q"));
    });
}

#[test]
fn an_address_is_believed_from_trusted_proxies_alone() {
    let good = [
        "192.0.2.1",
        "192.0.2.1:4711",
        "[2001:db8::1]:4711",
        "::ffff:10.0.0.1, 198.51.100.7",
        "10.0.0.9, 10.0.0.8",
    ];
    let trusted: Vec<Network> = ["10.0.0.0/8", "::1"].iter().map(|n| n.parse().unwrap()).collect();
    let headers = proptest::collection::vec(wild(&good), 0..4);
    check(6_000, (headers, any::<bool>()), |(values, proxied)| {
        let peer: IpAddr = if proxied { "10.0.0.1" } else { "203.0.113.9" }.parse().unwrap();
        let client = client_address(peer, values.iter().map(String::as_str), &trusted);
        let named = || values.iter().any(|value| value.contains(&client.to_string()) || value.contains(':'));
        assert!(client == peer || proxied && named(), "{values:?}: {client}");
        if client != peer && !any_contains(&trusted, client) {
            // Whoever is to the left of the first stranger is not looked at.
            let last = values.iter().rev().flat_map(|v| v.rsplit(',')).next().unwrap_or_default().trim();
            let chain = any_contains(&trusted, last.parse().unwrap_or(client));
            assert!(
                chain || last.contains(&client.to_string()) || last.contains(':'),
                "{values:?}: {client}"
            );
        }
    });
    check(3_000, wild(&["10.0.0.0/8", "::1/128", "192.0.2.7/33", "10.0.0.1"]), |raw| {
        let _ = raw.parse::<Network>();
    });
}
