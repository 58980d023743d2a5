//! What the table is asked with: visitors, and objects that are made anew when a question has used one up.
use std::collections::BTreeMap;

use hallpass_broker::admin::By;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{CredentialId, FindingId};
use hallpass_domain::transition::{Change, Transition};
use hallpass_http::middleware::Area;
use hallpass_http::routes::Row;
use hallpass_tests::browserless::{Browser, encode};
use hallpass_tests::caller::Caller;
use hallpass_tests::cast;
use hallpass_tests::server::{TestServer, target_secrets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{reports, steps};

/// Who asks; the columns of the table.
pub(crate) const VISITORS: [&str; 11] = [
    "signed-out",
    "requester",
    "approver",
    "owner",
    "other",
    "foreign",
    "auditor",
    "administrator",
    "resource-srv",
    "workload",
    "former",
];

/// Keys of those who sign in.
const PEOPLE: [(&str, &str); 8] = [
    ("requester", "dana"),
    ("approver", "ana"),
    // Of the target of every grant here, and of nothing else.
    ("owner", "tess"),
    ("other", "sam"),
    ("foreign", "eve"),
    ("auditor", "otto"),
    ("administrator", "ada"),
    // Approved the grants beside ana, and was taken out of the group since.
    ("former", "bo"),
];

/// Whose object a route is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// The route has none.
    None,
    /// dana's.
    Own,
    /// sam's.
    Other,
    /// A login of dana's, at routes that know tokens and logins.
    OwnLogin,
    /// One of sam's.
    OtherLogin,
    /// Nobody's.
    Absent,
}

impl Object {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Own => "own",
            Self::Other => "other",
            Self::OwnLogin => "own-pg",
            Self::OtherLogin => "othr-pg",
            Self::Absent => "absent",
        }
    }
}

impl Object {
    /// Whose it is, whatever it is.
    pub(crate) const fn whose(self) -> Self {
        match self {
            Self::OwnLogin => Self::Own,
            Self::OtherLogin => Self::Other,
            other => other,
        }
    }

    /// Those that a route is asked for.
    pub(crate) fn of(row: &Row) -> &'static [Self] {
        if row.path.contains("/credentials/{id}") {
            &[Self::Own, Self::OwnLogin, Self::Other, Self::OtherLogin, Self::Absent]
        } else if row.path.contains('{') {
            &[Self::Own, Self::Other, Self::Absent]
        } else {
            &[Self::None]
        }
    }
}

/// A pending request, an active grant with a token and with a login that is gone, and an account without a record at a
/// target: billing-api, the owner's, where it is dana's, and reports-api, where it is sam's.
struct Things {
    reference: String,
    digest: String,
    grant: Grant,
    token: String,
    login: CredentialId,
    finding: FindingId,
}

pub(crate) struct Fixture<'s> {
    server: &'s TestServer,
    browsers: BTreeMap<&'static str, Browser>,
    callers: BTreeMap<&'static str, Caller>,
    own: Things,
    other: Things,
    made: usize,
}

impl<'s> Fixture<'s> {
    pub(crate) async fn new(server: &'s TestServer) -> Self {
        let mut browsers = BTreeMap::new();
        let mut callers = BTreeMap::new();
        apply(server, &cast::catalogue_with_owner()).await;
        for (column, key) in PEOPLE {
            let browser = server.sign_in(key).await;
            callers.insert(column, server.api_with(&browser).await);
            let _ = browser.get("/account").await.expect(200);
            browsers.insert(column, browser);
        }
        callers.insert("workload", server.workload("nightly-report").await);
        let (own, other) = (
            things(server, &browsers, Object::Own, 0).await,
            things(server, &browsers, Object::Other, 1).await,
        );
        Self { server, browsers, callers, own, other, made: 2 }
    }

    fn things(&self, object: Object) -> Option<&Things> {
        match object.whose() {
            Object::Own => Some(&self.own),
            Object::Other => Some(&self.other),
            _ => None,
        }
    }

    /// Takes away what would be left at the end.
    pub(crate) async fn close(self) {
        let store = &self.server.broker().store;
        let now = self.server.now();
        for finding in store.open_findings(1_000).await.unwrap() {
            let closed = Finding { closed_at: Some(now), version: finding.version + 1, ..finding };
            store.commit(Transition::new(now).with(Change::Finding(Box::new(closed)))).await.unwrap();
        }
    }

    /// One cell of the table.
    pub(crate) async fn ask(&mut self, row: &Row, object: Object, visitor: &'static str) -> String {
        let path = self.path(row, object);
        let answer = match row.area() {
            Area::Api => self.api(row, object, visitor, &path).await,
            Area::Oauth => self.oauth(row, visitor, &path).await,
            Area::Pages | Area::Ops | Area::Assets => self.page(row, object, visitor, &path).await,
        };
        // Who has no session and is sent to the sign-in did nothing.
        let sent_away = !self.browsers.contains_key(visitor) && answer == "303>/sign-in";
        let done = !answer.starts_with('4') && !sent_away;
        if row.method == "POST" && done {
            self.renew(row, object, visitor).await;
        }
        answer
    }

    fn path(&self, row: &Row, object: Object) -> String {
        let things = self.things(object);
        let absent = "00000000-0000-7000-8000-000000000000".to_owned();
        let id = if row.path.contains("/credentials/{id}") {
            let is_login = matches!(object, Object::OwnLogin | Object::OtherLogin);
            things.map_or(absent, |t| if is_login { t.login.to_string() } else { token_id(&t.token) })
        } else if row.path.contains("/findings/{id}") {
            things.map_or(absent, |t| t.finding.to_string())
        } else if row.path.contains("/sessions/{id}") {
            absent
        } else {
            things.map_or(absent, |t| t.grant.id.to_string())
        };
        let name = match (object, row.path.contains("/targets/{name}")) {
            (Object::Own, false) => "billing-admin",
            (Object::Other, false) => "billing-read",
            (_, false) => "no-such-role",
            (Object::Own, true) => "billing-api",
            (Object::Other, true) => "reports-api",
            (_, true) => "no-such-target",
        };
        let noun = match object {
            Object::Own => "people",
            Object::Other => "roles",
            _ => "nothing",
        };
        // Clients that nothing else here speaks as: they get new secrets.
        let client_id = match object {
            Object::Own => "indexer",
            Object::Other => "reports-api",
            _ => "no-such-client",
        };
        row.path
            .replace("{client_id}", client_id)
            .replace("{reference}", things.map_or("R-2222222222", |t| &t.reference))
            .replace("{id}", &id)
            .replace("{name}", name)
            .replace("{noun}", noun)
            .replace("{file}", "no-such-file.css")
    }

    async fn api(&self, row: &Row, object: Object, visitor: &str, path: &str) -> String {
        let resource_server = format!(
            "Basic {}",
            data_encoding::BASE64
                .encode(format!("billing-api:{}", self.server.secret("billing-api")).as_bytes())
        );
        let (caller, authorization) = match (self.callers.get(visitor), visitor) {
            (Some(caller), _) => (caller.clone(), None),
            (None, "resource-srv") => (self.server.nobody(), Some(resource_server)),
            (None, _) => (self.server.nobody(), None),
        };
        let body = (row.method == "POST").then(|| self.body(row, object).to_string().into_bytes());
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|a| ("authorization", a)));
        let method = if row.method == "POST" { Method::POST } else { Method::GET };
        caller.send(method, path, &headers, body).await.status.to_string()
    }

    fn body(&self, row: &Row, object: Object) -> Value {
        let digest = self.things(object).map_or("", |t| &t.digest);
        match row.path.rsplit('/').next().unwrap() {
            "requests" => json!({ "role": "billing-read", "for": "1h", "reason": "x", "dry_run": true }),
            "decisions" => json!({ "verdict": "approve", "digest": digest }),
            "revoke" => json!({ "reason": "x" }),
            "catalogue" => json!({ "toml": cast::catalogue_with_owner(), "apply": false }),
            _ => json!({}),
        }
    }

    async fn oauth(&self, row: &Row, visitor: &str, path: &str) -> String {
        let nobody = self.server.nobody();
        if row.method == "GET" {
            return nobody.send(Method::GET, path, &[], None).await.status.to_string();
        }
        let client = match visitor {
            "resource-srv" => Some("billing-api"),
            "workload" => Some("nightly-report"),
            _ => None,
        };
        // People have no client secret: their API token proves nothing here.
        let bearer =
            self.callers.get(visitor).filter(|_| client.is_none()).map(|c| format!("Bearer {}", c.token()));
        let fields: &[(&str, &str)] = match row.path {
            "/oauth/token" => &[("grant_type", "client_credentials"), ("scope", "hallpass.api")],
            _ => &[("token", "unknown")],
        };
        if let Some(client) = client {
            return nobody
                .oauth(path.trim_start_matches("/oauth/"), Some((client, self.server.secret(client))), fields)
                .await
                .status
                .to_string();
        }
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(bearer.as_deref().map(|b| ("authorization", b)));
        nobody.send(Method::POST, path, &headers, Some(encode(fields).into_bytes())).await.status.to_string()
    }

    async fn page(&self, row: &Row, object: Object, visitor: &str, path: &str) -> String {
        let fresh = self.server.browser();
        let bearer = self.callers.get(visitor).map(|c| format!("Bearer {}", c.token()));
        let (browser, bearer) = match self.browsers.get(visitor) {
            Some(browser) => (browser, None),
            // Programs have no session; a token is never looked at on pages.
            None => (&fresh, bearer.filter(|_| visitor == "workload")),
        };
        let mut headers = vec![("accept", "text/html")];
        headers.extend(bearer.as_deref().map(|b| ("authorization", b)));
        let answer = if row.method == "GET" {
            browser.request(Method::GET, path, &headers, None).await
        } else {
            let csrf = browser.csrf();
            let digest = self.things(object).map_or("", |t| &t.digest);
            let reason = format!("table {}", self.made);
            let fields = [
                ("csrf", csrf.as_str()),
                ("role", "billing-read"),
                ("for_text", "1h"),
                ("reason", &reason),
                ("action", "check"),
                ("decision", "approve"),
                ("digest", digest),
                ("kind", "access_token"),
                ("user_code", "BBBB-BBBB"),
                ("answer", "refuse"),
                ("device", "x"),
                ("current_password", "wrong"),
                ("new_password", "wrong wrong wrong"),
                ("new_password_again", "wrong wrong wrong"),
                ("codes_totp", "000000"),
                ("email", "x"),
                ("password", "x"),
            ];
            headers.extend([
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", self.server.base_url.as_str()),
            ]);
            browser.request(Method::POST, path, &headers, Some(encode(&fields))).await
        };
        match answer.status {
            303 => {
                let to = answer.header("location").split('?').next().unwrap_or_default();
                let known =
                    ["/sign-in", "/sign-in/second-factor", "/catalogue", "/inbox", "/access", "/account"]
                        .contains(&to)
                        || to == "/";
                format!("303>{}", if known { to } else { "it" })
            }
            status => status.to_string(),
        }
    }

    /// Makes anew what a question used up.
    async fn renew(&mut self, row: &Row, object: Object, visitor: &'static str) {
        self.made += 1;
        match object {
            Object::Own => self.own = things(self.server, &self.browsers, object, self.made).await,
            Object::Other => self.other = things(self.server, &self.browsers, object, self.made).await,
            _ => {}
        }
        if matches!(row.path, "/sign-out" | "/account/sessions/end-all")
            && let Some((_, key)) = PEOPLE.iter().find(|(column, _)| *column == visitor)
        {
            let browser = self.server.sign_in(key).await;
            self.callers.insert(visitor, self.server.api_with(&browser).await);
            let _ = browser.get("/account").await.expect(200);
            self.browsers.insert(visitor, browser);
        }
    }
}

/// The `jti` of a token.
fn token_id(token: &str) -> String {
    let claims = data_encoding::BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["jti"].as_str().unwrap().to_owned()
}

/// What is dana's or sam's. The requests are withdrawn by time at the end of the test.
async fn things(
    server: &TestServer,
    browsers: &BTreeMap<&'static str, Browser>,
    whose: Object,
    number: usize,
) -> Things {
    let (holder, target) = match whose {
        Object::Other => (&browsers["other"], "reports-api"),
        _ => (&browsers["requester"], "billing-api"),
    };
    withdraw_all(server, holder).await;
    let with_former = cast::catalogue_with_owner();
    apply(server, &with_former).await;
    let granted = steps::ask_because(holder, "billing-audit", "2h", &format!("a grant, {number}")).await;
    for of in ["former", "approver"] {
        steps::approve(&browsers[of], &granted).await;
    }
    let without = with_former.replace("\"ana@hall.test\", \"bo@hall.test\"", "\"ana@hall.test\"");
    assert_ne!(without, with_former);
    apply(server, &without).await;
    let grant = steps::grant(server, &granted).await;
    let token = steps::token(server, holder, &grant).await;
    let (login, finding) = (login(server, &grant).await, finding(server, target, number).await);
    let reference = steps::ask_because(holder, "billing-read", "1h", &format!("a request, {number}")).await;
    let digest = steps::request(server, &reference).await.digest;
    // Receipts prove what is sealed.
    server.settle().await;
    Things { reference, digest, grant, token, login, finding }
}

/// A login of a grant, gone again: nothing of it is at any target.
async fn login(server: &TestServer, grant: &Grant) -> CredentialId {
    let made = reports::overdue(server, grant);
    let gone = Some(server.now());
    let states = [
        Credential { state: CredentialState::Intended, ..made.clone() },
        Credential { version: 2, ..made.clone() },
        Credential {
            state: CredentialState::Revoked,
            denied_at: gone,
            sessions_ended_at: gone,
            removed_at: gone,
            verified_at: gone,
            version: 3,
            ..made.clone()
        },
    ];
    for state in states {
        let change = Change::Credential(Box::new(state));
        server.broker().commit(Transition::new(server.now()).with(change)).await.expect("it is written");
    }
    made.id
}

/// An account at a target that waits for an administrator's yes. Nothing is there.
async fn finding(server: &TestServer, target: &str, number: usize) -> FindingId {
    let catalogue = server.broker().store.catalogue().await.unwrap();
    let target = catalogue.targets.values().find(|t| t.name.as_str() == target).expect("the target").id;
    let found = Finding {
        kind: FindingKind::Unknown,
        external_name: format!("hp_test_unknown_{number}"),
        ..reports::finding(server, target, 0)
    };
    let id = found.id;
    let change = Change::Finding(Box::new(found));
    server.broker().commit(Transition::new(server.now()).with(change)).await.expect("it is written");
    id
}

/// Applies a catalogue that makes no new client.
async fn apply(server: &TestServer, text: &str) {
    let applied = server.broker().apply_catalogue(By::System("test"), text, false, &target_secrets()).await;
    assert!(applied.is_ok(), "the catalogue is refused");
}

/// Only so many requests may wait at once.
async fn withdraw_all(server: &TestServer, holder: &Browser) {
    for request in hallpass_tests::facts::requests(server.broker().store.as_ref()).await {
        let path = format!("/requests/{}", request.reference);
        let page = holder.get(&path).await;
        if let Some(form) = page.forms().into_iter().find(|f| f.action == format!("{path}/withdraw")) {
            let _ = holder.send(&form).await.expect(303);
        }
    }
}
