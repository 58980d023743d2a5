//! The structure holds itself: direction of imports, one TLS stack, heavy dependencies in one manifest each, the same
//! migrations on both sides, every migration with its way back, and no wall clock outside its places.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hallpass_domain::audit::kinds::KINDS;
use hallpass_domain::failpoint;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Names in `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let mut inside = false;
    let mut out = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && let Some((name, _)) = line.split_once(['=', '.']) {
            out.insert(name.trim().to_owned());
        }
    }
    out
}

#[test]
fn imports_run_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("server/domain", &[][..]),
        ("server/broker", &["hallpass-domain"]),
        ("server/store", &["hallpass-domain"]),
        ("server/adapters", &["hallpass-domain"]),
        ("server/views", &["hallpass-domain", "hallpass-broker"]),
        ("server/http", &["hallpass-domain", "hallpass-broker", "hallpass-views", "hallpass-client"]),
        (
            "server/hallpassd",
            &[
                "hallpass-domain",
                "hallpass-broker",
                "hallpass-views",
                "hallpass-http",
                "hallpass-store",
                "hallpass-adapters",
                "hallpass-client",
            ],
        ),
        ("client", &[]),
        ("cli", &["hallpass-client", "hallpass-domain"]),
    ]);
    for (folder, may) in allowed {
        let ours: BTreeSet<String> = dependencies(&format!("{folder}/Cargo.toml"))
            .into_iter()
            .filter(|d| d.starts_with("hallpass"))
            .collect();
        let extra: Vec<&String> = ours.iter().filter(|d| !may.contains(&d.as_str())).collect();
        assert!(
            extra.is_empty(),
            "{folder} imports {extra:?}, against the direction in docs/ARCHITECTURE.md"
        );
    }
}

#[test]
fn heavy_dependencies_stand_in_one_manifest() {
    let product = [
        "server/domain",
        "server/broker",
        "server/store",
        "server/adapters",
        "server/views",
        "server/http",
        "server/hallpassd",
        "client",
        "cli",
    ];
    // Those with two homes have them for the reasons in docs/decisions/0015-who-names-heavy-crates.md.
    for (name, homes) in [
        ("diesel", &["server/store"][..]),
        ("diesel-async", &["server/store"]),
        ("lettre", &["server/adapters"]),
        ("askama", &["server/views"]),
        ("reqwest", &["client"]),
        ("argon2", &["server/broker"]),
        ("actix-web", &["server/http", "server/hallpassd"]),
        ("tokio-postgres", &["server/store", "server/adapters"]),
        ("tokio-postgres-rustls", &["server/store", "server/adapters"]),
    ] {
        let users: Vec<&str> =
            product.into_iter().filter(|f| dependencies(&format!("{f}/Cargo.toml")).contains(name)).collect();
        assert_eq!(users, homes, "{name}");
    }
}

/// What the API says and reads stands in the client's crate, which brings the server these types and no HTTP client.
#[test]
fn wire_types_are_written_once() {
    let line = |manifest: &str| {
        let text = read(manifest);
        text.lines().find(|l| l.starts_with("hallpass-client = ")).unwrap().to_owned()
    };
    assert_eq!(line("Cargo.toml"), r#"hallpass-client = { path = "client", default-features = false }"#);
    assert_eq!(
        line("server/http/Cargo.toml"),
        r#"hallpass-client = { workspace = true, features = ["openapi"] }"#
    );
    let mut files = Vec::new();
    rust_files(&root().join("server/http/src/api"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("ToSchema"), "{} has a wire type of its own", file.display());
    }
}

#[test]
fn one_tls_stack() {
    let lock = read("Cargo.lock");
    for banned in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-sys",
        "aws-lc-rs",
        "boring",
        "boring-sys",
        "schannel-sys",
        "pq-sys",
    ] {
        assert!(
            !lock.contains(&format!("name = \"{banned}\"\n")),
            "{banned} is a second TLS stack or brings one"
        );
    }
    assert!(lock.contains("name = \"ring\"\n") && lock.contains("name = \"rustls\"\n"));
}

#[test]
fn migrations_are_alike_and_have_a_way_back() {
    let names = |side: &str| -> BTreeSet<String> {
        std::fs::read_dir(root().join("migrations").join(side))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
    for side in ["sqlite", "postgres"] {
        for name in names(side) {
            for file in ["up.sql", "down.sql"] {
                assert!(
                    !read(&format!("migrations/{side}/{name}/{file}")).trim().is_empty(),
                    "{side}/{name}/{file}"
                );
            }
        }
    }
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn sql_and_http_stay_in_their_rooms() {
    for (folder, words) in [
        ("server/domain/src", &["diesel::", "actix_web", "tokio::", "Utc::now", "SystemTime::now"][..]),
        ("server/broker/src", &["diesel::", "actix_web", "Utc::now", "SystemTime::now"]),
        ("server/store/src", &["actix_web"]),
        ("server/adapters/src", &["actix_web", "diesel::"]),
        ("server/http/src", &["diesel::", "tokio_postgres"]),
    ] {
        let mut files = Vec::new();
        rust_files(&root().join(folder), &mut files);
        assert!(!files.is_empty());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in words {
                let found = text.lines().position(|l| l.contains(word) && !l.trim_start().starts_with("//"));
                assert!(found.is_none(), "{}:{} has {word}", file.display(), found.unwrap_or(0) + 1);
            }
        }
    }
}

/// A word in quotes that is a fail point's name by its form.
fn is_fail_point(word: &str) -> bool {
    (word.ends_with(".before") || word.ends_with(".after"))
        && word.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'_'))
}

/// Both ways: what the crash harness is given to hit is all there is, and all of it is there. Every hit names its point by
/// such a word, itself or by way of a function or a script that answers it.
#[test]
fn fail_points_in_the_code_are_those_that_are_listed() {
    let mut files = Vec::new();
    rust_files(&root().join("server"), &mut files);
    let mut named = Vec::new();
    let lists = ["domain/src/failpoint.rs", "audit/kinds.rs"];
    for file in files.iter().filter(|f| !lists.iter().any(|list| f.ends_with(list))) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        for line in code {
            named.extend(line.split('"').skip(1).step_by(2).filter(|w| is_fail_point(w)).map(str::to_owned));
        }
    }
    let once: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> = failpoint::STEPS.iter().copied().collect();
    assert_eq!(once, listed, "in the code, and in failpoint::STEPS");
    let all: BTreeSet<&str> = failpoint::all().collect();
    assert_eq!(all.len(), failpoint::all().count(), "listed twice");
    // All but the one that stands in place of an event whose kind is no word: no server comes to its commit.
    assert_eq!(all.len(), listed.len() + 2 * (KINDS.len() - 1), "two for every kind of event");
}

/// A word that is a kind of event by its form.
fn is_kind(word: &str) -> bool {
    word.split_once('.').is_some_and(|(family, what)| {
        [family, what].iter().all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    })
}

/// The kinds of event that code makes are those that are listed: by that list commits are killed. The other direction is
/// also held while tests run: a commit with an unlisted kind ends the process.
#[test]
fn kinds_of_event_in_the_code_are_those_that_are_listed() {
    let mut files = Vec::new();
    for part in ["server/broker", "server/domain", "server/hallpassd"] {
        rust_files(&root().join(part), &mut files);
    }
    let (mut words, mut made): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    for file in files.iter().filter(|f| !f.ends_with("audit/kinds.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        words.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
        // What stands second in a call of `event`.
        for call in text.split("event(").skip(1) {
            let second = call.split(',').nth(1).unwrap_or_default().trim();
            let quoted = second.strip_prefix('"').and_then(|s| s.strip_suffix('"'));
            made.extend(quoted.filter(|q| is_kind(q)).map(str::to_owned));
        }
    }
    let listed: BTreeSet<String> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    let nowhere: Vec<_> = listed.difference(&words).collect();
    assert!(nowhere.is_empty(), "made nowhere: {nowhere:?}");
    let unlisted: Vec<_> = made.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not in audit/kinds.rs: {unlisted:?}");
    assert!(made.len() > 50, "looked in the wrong places: {made:?}");
}

/// Every test that docs/promises.md names is there, and each of the twelve promises has some.
#[test]
fn every_promise_has_tests_that_exist() {
    let text = read("docs/promises.md");
    let promises: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert_eq!(promises.len(), 12);
    for (number, promise) in promises.iter().enumerate() {
        let title = promise.lines().next().unwrap();
        assert!(title.starts_with(&format!("{}. ", number + 1)), "{title}");
        let tests: Vec<(&str, &str)> = promise
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|code| code.split_once(".rs::").map(|(file, test)| (file, test.trim())))
            .collect();
        assert!(tests.len() >= 2, "what tries to break this? {title}");
        for (file, test) in tests {
            let source = read(&format!("{file}.rs"));
            assert!(
                source.contains(&format!("fn {test}(")),
                "{file}.rs has no test {test}, named for: {title}"
            );
        }
    }
}

/// `METHOD /path` of a text, each in backticks as docs/api.md writes it: below `/api/v1` unless it says otherwise.
fn routes_named_in(text: &str) -> BTreeSet<(String, String)> {
    let named = text.split('`').filter_map(|code| {
        let (method, path) = code.split_once(' ')?;
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let path = path.split(['?', ' ', '\n']).next().filter(|p| known && p.starts_with('/'))?;
        let whole = ["/api/", "/oauth/", "/.well-known/"].iter().any(|start| path.starts_with(start));
        Some((method.to_owned(), if whole { path.to_owned() } else { format!("/api/v1{path}") }))
    });
    named.collect()
}

/// Whether a path is that of a route; a parameter of either fits anything.
fn fits(named: &str, route: &str) -> bool {
    let (named, route): (Vec<&str>, Vec<&str>) = (named.split('/').collect(), route.split('/').collect());
    let fit = |(a, b): (&&str, &&str)| a == b || a.starts_with('{') || b.starts_with('{');
    named.len() == route.len() && named.iter().zip(&route).all(fit)
}

/// Both ways: what docs/api.md names is answered, and nothing of the API is left out. What the command calls is among it.
#[test]
fn the_api_that_is_described_is_the_one_that_is_served() {
    let served = || hallpass_http::routes::ROUTES.iter();
    let is_served = |method: &str, path: &str| served().any(|r| r.method == method && fits(path, r.path));
    let described = routes_named_in(&read("docs/api.md"));
    for (method, path) in &described {
        assert!(is_served(method, path), "docs/api.md names {method} {path}, which no route answers");
    }
    for row in served().filter(|r| r.path.starts_with("/api/v1/") || r.path.starts_with("/oauth/")) {
        let there = described.contains(&(row.method.to_owned(), row.path.to_owned()));
        assert!(there, "docs/api.md does not name {} {}", row.method, row.path);
    }
    let mut files = Vec::new();
    rust_files(&root().join("client/src"), &mut files);
    let mut calls = 0;
    for file in files {
        for (method, path) in routes_named_in(&std::fs::read_to_string(&file).unwrap()) {
            calls += 1;
            assert!(is_served(&method, &path), "{} calls {method} {path}", file.display());
        }
    }
    assert!(calls >= 25, "the client says above each call what it calls: {calls}");
}
