//! Access receipts, offline: what they say is what their events say, and nothing is left out.
use std::collections::BTreeMap;

use hallpass_domain::audit::NoteSigner;
use serde_json::{Value, json};

use crate::kit::{Home, Ran};
use crate::log::{Log, Told, file, verify};
use crate::sample;

/// From the question to the verified end: two decisions, a login, a token, a revocation.
fn story() -> Vec<Told> {
    let told = |at, kind, actor, subjects: Value, data, private| {
        let mut all = json!({"grant": sample::GRANT});
        if kind == "request.submitted" || kind == "request.stage_approved" {
            all = json!({});
        }
        all.as_object_mut().unwrap().extend(subjects.as_object().unwrap().clone());
        Told { at, kind, actor, subjects: all, data, private }
    };
    let decided = |stage, decisions, cap: Option<i64>, window| json!({"digest": "d1", "stage": stage, "proof": "step-up", "verdict": "approve", "cap_seconds": cap, "window": window, "decisions": decisions});
    let by = |name: &str, comment: Option<&str>| json!({"by": name, "by_handle": format!("{}@example.org", name.to_lowercase()), "comment": comment});
    let window = json!({"starts_at": "2026-11-23T16:05:00+00:00", "ends_at": "2026-11-23T16:35:00+00:00"});
    let login = json!({"credential": "c1"});
    let mut events = vec![
        told(
            "2026-11-23T16:00:00Z",
            "request.submitted",
            "user:ana",
            json!({"request": "r1", "subject": "user:ana"}),
            json!({"digest": "d1", "role": "db-read", "target": "orders", "tier": "low", "ask": {"seconds": 5400}, "role_revision": 1, "workflow_revision": 1}),
            json!({"reference": "R-7KQ2M9XW4T", "reason": sample::NASTY, "ticket": "INC-1", "scope": {"schema": ["orders"]}, "subject": "Ana", "subject_handle": "ana@example.org", "by": "Ana", "by_handle": "ana@example.org"}),
        ),
        told(
            "2026-11-23T16:04:00Z",
            "request.stage_approved",
            "user:cy",
            json!({"request": "r1", "decision": "d-1"}),
            decided(0, 1, None, Value::Null),
            by("Cy", None),
        ),
        told(
            "2026-11-23T16:05:00Z",
            "request.approved",
            "user:bo",
            json!({"request": "r1", "decision": "d-2"}),
            decided(1, 2, Some(1800), window),
            by("Bo", Some("Half an hour.\n#9 forged")),
        ),
        told(
            "2026-11-23T16:06:00Z",
            "credential.intended",
            "user:ana",
            login.clone(),
            json!({"external_name": "hp_x", "not_after": "2026-11-23T16:35:00Z"}),
            json!({}),
        ),
        told(
            "2026-11-23T16:06:01Z",
            "credential.live",
            "user:ana",
            login.clone(),
            json!({"external_name": "hp_x", "not_after": "2026-11-23T16:35:00Z", "probed_ms": 14}),
            json!({}),
        ),
        told(
            "2026-11-23T16:07:00Z",
            "token.issued",
            "user:ana",
            json!({"token": "t1"}),
            json!({"expires_at": "2026-11-23T16:12:00Z", "accepted_until": null}),
            json!({}),
        ),
        told(
            "2026-11-23T16:10:00Z",
            "token.revoked",
            "user:ana",
            json!({"token": "t1"}),
            json!({}),
            json!({}),
        ),
        told(
            "2026-11-23T16:20:00Z",
            "credential.revoking",
            "user:bo",
            login.clone(),
            json!({"external_name": "hp_x", "due_at": "2026-11-23T16:20:00Z"}),
            json!({}),
        ),
        told(
            "2026-11-23T16:20:00Z",
            "grant.ending",
            "user:bo",
            json!({"request": "r1"}),
            json!({"reason": "revoked", "ends_at": "2026-11-23T16:20:00Z", "approved_until": "2026-11-23T16:35:00Z"}),
            json!({"by": "Bo", "why": "enough"}),
        ),
        told(
            "2026-11-23T16:20:00.4Z",
            "credential.revoked",
            "system:revoker",
            login,
            json!({"external_name": "hp_x", "due_at": "2026-11-23T16:20:00Z", "no_login_ms": 80, "sessions_dead_ms": 110, "sessions_cut": 2, "removed_ms": 150, "verified_ms": 400}),
            json!({}),
        ),
    ];
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &events {
        *kinds.entry(event.kind).or_default() += 1;
    }
    let ended = json!({"reason": "revoked", "ends_at": "2026-11-23T16:20:00Z", "verified_at": "2026-11-23T16:20:01Z", "accepted_until": null, "credentials": 1, "events": kinds});
    events.push(told(
        "2026-11-23T16:20:01Z",
        "grant.ended",
        "system:expiry",
        json!({"request": "r1"}),
        ended,
        json!({}),
    ));
    events
}

/// What the server says beside these events.
fn receipt(log: &Log) -> Value {
    let mut request = sample::request("approved", "low");
    let decision = |by, at, comment: Option<&str>, shortened: Value| json!([{"by": sample::person(by), "verdict": "approve", "at": at, "proof": "step-up", "comment": comment, "shortened_to": shortened, "digest": "d1"}]);
    let stage = |position, decisions| json!({"position": position, "name": "On-call", "state": "approved", "need": 1, "have": 1, "deciders": [], "proof": "step-up", "decide_by": null, "decisions": decisions});
    request["stages"] = json!([
        stage(1, decision("Cy", "2026-11-23T16:04:00Z", None, Value::Null)),
        stage(
            2,
            decision("Bo", "2026-11-23T16:05:00Z", Some("Half an hour.\n#9 forged"), sample::span(1800))
        ),
    ]);
    request["shortened_to"] = sample::span(1800);
    request["closed_at"] = json!("2026-11-23T16:05:00Z");
    request["grant"] = json!({"id": sample::GRANT, "state": "ended", "starts_at": "2026-11-23T16:05:00Z", "ends_at": "2026-11-23T16:20:00Z"});
    let mut grant = sample::grant("db-read", "postgresql_login", "ended", "2026-11-23T16:20:00Z");
    grant["scope"] = json!({"schema": ["orders"]});
    grant["ended_by"] = json!("Bo");
    grant["verified_at"] = json!("2026-11-23T16:20:01Z");
    grant["at_target"] = json!({"state": "gone", "credentials": 0, "may_work_until": null, "verified_at": "2026-11-23T16:20:01Z", "lag_ms": 1000, "detail": null});
    let row = |id: &str, kind: &str, name: &str| {
        json!({
            "id": id, "grant_id": sample::GRANT, "target": "orders", "kind": kind, "name": name, "state": "revoked", "may_still_work": null, "may_work_until": null,
            "attempts": 0, "overdue": false, "needs_human": false, "trouble": null, "sessions_ended_at": null, "removed_at": null,
        })
    };
    let with = |mut row: Value, more: Value| {
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    grant["credentials"] = json!([
        with(
            row("c1", "postgresql_login", "hp_x"),
            json!({
                "issued_at": "2026-11-23T16:06:01Z", "not_after": "2026-11-23T16:35:00Z", "due_at": "2026-11-23T16:20:00Z", "denied_at": "2026-11-23T16:20:00.08Z",
                "sessions_ended_at": "2026-11-23T16:20:00.11Z", "sessions_cut": 2, "removed_at": "2026-11-23T16:20:00.15Z", "verified_at": "2026-11-23T16:20:00.4Z",
                "probe": {"works": true, "at": "2026-11-23T16:06:01Z", "took_ms": 14},
            })
        ),
        with(
            row("t1", "access_token", "t1"),
            json!({
                "issued_at": "2026-11-23T16:07:00Z", "not_after": "2026-11-23T16:12:00Z", "due_at": "2026-11-23T16:10:00Z", "denied_at": "2026-11-23T16:10:00Z", "verified_at": "2026-11-23T16:10:00Z",
            })
        ),
    ]);
    json!({
        "version": 1, "instance": "https://access.example.org", "made_at": "2026-11-23T17:00:00Z", "unsealed": 0, "vkey": log.vkey(),
        "events": log.proved(0..log.events.len()), "grant": grant, "request": request,
    })
}

fn checked(home: &Home, receipt: &Value) -> Ran {
    file(home, "receipt", &receipt.to_string());
    verify(home, &["--receipt", "receipt", "--vkey", "vkey"])
}

/// A log, its receipt, and a home that keeps the log's key.
fn honest() -> (Log, Value, Home) {
    let (log, home) = (Log::of(story()), Home::new());
    file(&home, "vkey", &log.vkey());
    let receipt = receipt(&log);
    (log, receipt, home)
}

#[test]
fn a_receipt_says_who_what_and_when() {
    let (_, receipt, home) = honest();
    let ran = checked(&home, &receipt).expect(0);
    for words in [
        "11 events proved",
        "as many events of each kind as the log had when the grant ended",
        "of db-read on orders",
        "Ana <ana@example.org> (user:ana)",
        "#2 2026-11-23 16:05:00.000 UTC request.approved by Bo <bo@example.org> (user:bo): approve, stage 2, proof step-up, shortened to 30 min",
        "digest d1",
        "credential.live by Ana <ana@example.org> (user:ana): login hp_x",
        "no new login after 80 ms, sessions dead after 110 ms, 2 sessions cut, removed after 150 ms, verified gone after 400 ms",
        "grant.ending by Bo (user:bo): revoked, over at 2026-11-23 16:20:00.000 UTC",
    ] {
        assert!(ran.out.contains(words), "{words} in {}", ran.out);
    }
    assert!(!ran.out.contains("Not proved") && !ran.out.contains("\n#9"), "{}", ran.out);
    let json = verify(&home, &["--receipt", "receipt", "--vkey", "vkey", "--json"]).expect(0).json();
    assert_eq!(
        (&json["complete"], &json["not_proved"], &json["checkpoint"]["size"]),
        (&json!(true), &json!([]), &json!(11))
    );
}

#[test]
fn a_receipt_needs_a_key_of_ones_own() {
    let (log, receipt, home) = honest();
    checked(&home, &receipt).expect(0);
    let ran = verify(&home, &["--receipt", "receipt"]).expect(1);
    assert!(ran.err.contains("--vkey"), "{}", ran.err);
    // The key that the first login remembered will do.
    let config = home.config().join("default");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("https___access.example.org.vkey"), log.vkey()).unwrap();
    verify(&home, &["--receipt", "receipt"]).expect(0);
}

#[test]
fn a_checkpoint_that_was_kept_is_used() {
    let (log, receipt, home) = honest();
    file(&home, "receipt", &receipt.to_string());
    file(&home, "same", &log.checkpoint(11));
    file(&home, "many", &format!("{}\n{}\n", log.checkpoint(5), log.checkpoint(11)));
    file(&home, "older", &log.checkpoint(10));
    // Another log with the same key and as many events: a fork.
    let mut forked = story();
    forked[1].private = json!({"by": "Mallory"});
    file(&home, "fork", &Log::of(forked).checkpoint(11));
    let stranger = NoteSigner::from_seed("hallpass.example/audit", &[4; 32]).unwrap();
    file(&home, "other", &stranger.verifier().to_string());
    for (kept, key) in [("same", true), ("many", true), ("same", false)] {
        let key: &[&str] = if key { &["--vkey", "vkey"] } else { &[] };
        let ran =
            verify(&home, &[&["--receipt", "receipt", "--checkpoint", kept][..], key].concat()).expect(0);
        assert!(ran.out.contains("the one that you kept"), "{}", ran.out);
    }
    for (kept, words) in [
        ("older", "cannot be compared"),
        ("fork", "NOT of the log that you know"),
        ("receipt", "does not open"),
    ] {
        let ran = verify(&home, &["--receipt", "receipt", "--checkpoint", kept, "--vkey", "vkey"]).expect(1);
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{kept}: {}", ran.err);
    }
    verify(&home, &["--receipt", "receipt", "--checkpoint", "same", "--vkey", "other"]).expect(1);
}

/// One place of a receipt and what somebody makes of it.
const EDITS: &[(&str, &str)] = &[
    ("/version", "2"),
    ("/grant/id", r#""0193572e-0000-7000-8000-000000000002""#),
    ("/grant/reference", r#""R-XXXXXXXXXX""#),
    ("/grant/role/name", r#""db-admin""#),
    ("/grant/role/target", r#""payments""#),
    ("/grant/role/tier", r#""high""#),
    ("/grant/holder/name", r#""Mallory""#),
    ("/grant/holder/handle", r#""mallory@example.org""#),
    ("/grant/holder/kind", r#""workload""#),
    ("/grant/scope", r#"{"schema":["payments"]}"#),
    ("/grant/state", r#""active""#),
    ("/grant/end_reason", r#""expired""#),
    ("/grant/end_reason", "null"),
    ("/grant/ended_by", r#""Mallory""#),
    ("/grant/ended_by", "null"),
    ("/grant/starts_at", r#""2026-11-23T16:04:59Z""#),
    ("/grant/ends_at", r#""2026-11-23T16:35:00Z""#),
    ("/grant/verified_at", r#""2026-11-23T16:20:00Z""#),
    ("/grant/verified_at", "null"),
    ("/grant/at_target/verified_at", r#""2026-11-23T16:20:00Z""#),
    ("/grant/at_target/lag_ms", "10"),
    ("/grant/at_target/state", r#""live""#),
    ("/grant/at_target/credentials", "1"),
    ("/request", "null"),
    ("/request/id", r#""r2""#),
    ("/request/reference", r#""R-XXXXXXXXXX""#),
    ("/request/state", r#""denied""#),
    ("/request/role/name", r#""db-admin""#),
    ("/request/role/tier", r#""high""#),
    ("/request/scope", r#"{"schema":["payments"]}"#),
    ("/request/subject/name", r#""Mallory""#),
    ("/request/submitted_by", r#"{"kind":"user","name":"Mallory","handle":"m"}"#),
    ("/request/for/seconds", "60"),
    ("/request/until", r#""2026-11-23T18:00:00Z""#),
    ("/request/shortened_to", "null"),
    ("/request/reason", r#""because""#),
    ("/request/ticket", "null"),
    ("/request/submitted_at", r#""2026-11-23T15:00:00Z""#),
    ("/request/closed_at", "null"),
    ("/request/workflow", r#""one@2""#),
    ("/request/digest", r#""d2""#),
    ("/request/grant/id", r#""0193572e-0000-7000-8000-000000000002""#),
    ("/request/grant/ends_at", r#""2026-11-23T16:35:00Z""#),
    ("/request/stages/0/position", "2"),
    ("/request/stages/0/decisions", "[]"),
    ("/request/stages/0/decisions/0/by/name", r#""Mallory""#),
    ("/request/stages/1/decisions/0/by/handle", r#""mallory@example.org""#),
    ("/request/stages/1/decisions/0/verdict", r#""deny""#),
    ("/request/stages/1/decisions/0/at", r#""2026-11-23T16:05:01Z""#),
    ("/request/stages/1/decisions/0/proof", r#""session""#),
    ("/request/stages/1/decisions/0/comment", "null"),
    ("/request/stages/1/decisions/0/shortened_to", "null"),
    ("/request/stages/1/decisions/0/digest", r#""d2""#),
    ("/grant/credentials", "[]"),
    ("/grant/credentials/0/id", r#""c2""#),
    ("/grant/credentials/0/grant_id", r#""g2""#),
    ("/grant/credentials/0/target", r#""payments""#),
    ("/grant/credentials/0/kind", r#""access_token""#),
    ("/grant/credentials/0/name", r#""hp_y""#),
    ("/grant/credentials/0/state", r#""live""#),
    ("/grant/credentials/0/issued_at", "null"),
    ("/grant/credentials/0/probe/took_ms", "1"),
    ("/grant/credentials/0/not_after", r#""2026-11-23T16:30:00Z""#),
    ("/grant/credentials/0/due_at", r#""2026-11-23T16:19:00Z""#),
    ("/grant/credentials/0/denied_at", r#""2026-11-23T16:20:00Z""#),
    ("/grant/credentials/0/sessions_ended_at", "null"),
    ("/grant/credentials/0/sessions_cut", "0"),
    ("/grant/credentials/0/removed_at", r#""2026-11-23T16:20:00Z""#),
    ("/grant/credentials/0/verified_at", r#""2026-11-23T16:20:00.3Z""#),
    ("/grant/credentials/1/name", r#""t2""#),
    ("/grant/credentials/1/state", r#""live""#),
    ("/grant/credentials/1/issued_at", r#""2026-11-23T16:08:00Z""#),
    ("/grant/credentials/1/not_after", r#""2026-11-23T16:11:00Z""#),
    ("/grant/credentials/1/due_at", r#""2026-11-23T16:09:00Z""#),
    ("/grant/credentials/1/denied_at", "null"),
    ("/grant/credentials/1/verified_at", r#""2026-11-23T16:09:00Z""#),
    ("/grant/credentials/1/verified_at", "null"),
    ("/events", "[]"),
    ("/events/1/private/by", r#""Mallory""#),
    ("/events/1/salt", "null"),
];

#[test]
fn whatever_a_receipt_says_is_compared_with_its_events() {
    let (_, good, home) = honest();
    for (place, value) in EDITS {
        let mut bad = good.clone();
        let stated = bad.pointer_mut(place).unwrap_or_else(|| panic!("{place} is in the receipt"));
        let value: Value = serde_json::from_str(value).unwrap();
        assert_ne!(*stated, value, "{place}");
        *stated = value;
        let ran = checked(&home, &bad);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{place}: {ran:?}");
        assert!(ran.err.contains("receipt"), "{place}: {ran:?}");
    }
    let mut bad = good.clone();
    bad["grant"]["holder"]["name"] = json!("Mallory");
    let ran = checked(&home, &bad).expect(1);
    assert!(ran.err.contains("holder, the name: Mallory. The log says: Ana"), "{}", ran.err);
    let mut bad = good.clone();
    bad["events"][0]["tlog_proof"] = bad["events"][1]["tlog_proof"].clone();
    checked(&home, &bad).expect(1);
}

#[test]
fn no_event_can_be_left_out() {
    let (log, good, home) = honest();
    let kind = |at: usize| log.events[at].parts().kind.clone();
    for at in 0..log.events.len() {
        let mut bad = good.clone();
        bad["events"].as_array_mut().unwrap().remove(at);
        let ran = checked(&home, &bad);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}: {ran:?}", kind(at));
    }
    // Nor with everything that the receipt says of it.
    let without = |bad: &mut Value, kept: &dyn Fn(usize) -> bool| {
        bad["events"] = log.proved((0..log.events.len()).filter(|at| kept(*at))).into();
    };
    let about = |at: usize, noun: &str| log.events[at].parts().subjects.contains_key(noun);
    let mut token = good.clone();
    without(&mut token, &|at| !about(at, "token"));
    token["grant"]["credentials"].as_array_mut().unwrap().remove(1);
    let mut login = good.clone();
    without(&mut login, &|at| !about(at, "credential"));
    login["grant"]["credentials"].as_array_mut().unwrap().remove(0);
    let mut decision = good.clone();
    without(&mut decision, &|at| at != 1);
    decision["request"]["stages"][0]["decisions"] = json!([]);
    for (bad, words) in
        [(token, "token.issued"), (login, "how many logins"), (decision, "A decision is left out")]
    {
        let ran = checked(&home, &bad).expect(1);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    // What one receipt cannot show is said: of a grant that has not ended, later events may be missing.
    let mut early = good.clone();
    without(&mut early, &|at| at < 3);
    early["made_at"] = json!("2026-11-23T16:05:30Z");
    early["grant"]["credentials"] = json!([]);
    for (member, value) in [
        ("state", json!("active")),
        ("end_reason", Value::Null),
        ("ended_by", Value::Null),
        ("verified_at", Value::Null),
        ("ends_at", json!("2026-11-23T16:35:00Z")),
    ] {
        early["grant"][member] = value;
    }
    early["request"]["grant"]["ends_at"] = json!("2026-11-23T16:35:00Z");
    early["grant"]["at_target"] = json!({"state": "nothing", "credentials": 0, "may_work_until": null, "verified_at": null, "lag_ms": null, "detail": null});
    let ran = checked(&home, &early).expect(0);
    assert!(ran.out.contains("that nothing else was issued, or has happened since"), "{}", ran.out);
    // Somebody who has not waited for the seal is told to ask again.
    let mut unsealed = good.clone();
    unsealed["events"].as_array_mut().unwrap().pop();
    unsealed["unsealed"] = json!(1);
    let ran = checked(&home, &unsealed).expect(1);
    assert!(ran.err.contains("ask for it again"), "{}", ran.err);
}

/// A standing role: nobody asked, and the event of its begin stands for the request.
#[test]
fn a_standing_roles_receipt() {
    let subjects = |more: Value| {
        let mut all = json!({"grant": sample::GRANT, "subject": "workload:w"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let told =
        |at, kind, subjects, data, private| Told { at, kind, actor: "workload:w", subjects, data, private };
    let log = Log::of([
        told(
            "2026-11-23T16:05:00Z",
            "grant.standing",
            subjects(json!({})),
            json!({"role": "deploy", "target": "orders", "tier": "low", "ends_at": "2026-11-23T17:05:00Z"}),
            json!({"subject": "CI", "subject_handle": "ci", "scope": {}}),
        ),
        told(
            "2026-11-23T16:05:00Z",
            "token.issued",
            subjects(json!({"token": "t1"})),
            json!({"expires_at": "2026-11-23T16:12:00Z", "accepted_until": "2026-11-23T16:13:00Z"}),
            json!({}),
        ),
    ]);
    let home = Home::new();
    file(&home, "vkey", &log.vkey());
    let mut grant = sample::grant("deploy", "access_token", "active", "2026-11-23T17:05:00Z");
    grant["reference"] = Value::Null;
    grant["holder"] = json!({"kind": "workload", "name": "CI", "handle": "ci"});
    grant["credentials"] = json!([{
        "id": "t1", "grant_id": sample::GRANT, "target": "orders", "kind": "access_token", "name": "t1", "state": "revoking", "may_still_work": null, "may_work_until": "2026-11-23T16:13:00Z",
        "attempts": 0, "overdue": false, "needs_human": false, "trouble": null, "sessions_ended_at": null, "removed_at": null, "verified_at": null,
        "issued_at": "2026-11-23T16:05:00Z", "not_after": "2026-11-23T16:12:00Z", "due_at": "2026-11-23T16:12:00Z", "denied_at": "2026-11-23T16:12:00Z",
    }]);
    let good = json!({
        "version": 1, "instance": "https://access.example.org", "made_at": "2026-11-23T16:12:30Z", "unsealed": 0, "vkey": log.vkey(),
        "events": log.proved(0..2), "grant": grant, "request": null,
    });
    let ran = checked(&home, &good).expect(0);
    assert!(
        ran.out.contains("CI <ci> (workload:w)") && ran.out.contains("accepted offline until"),
        "{}",
        ran.out
    );
    let mut bad = good.clone();
    bad["request"] = sample::request("approved", "low");
    checked(&home, &bad).expect(1);
    let mut bad = good.clone();
    bad["grant"]["credentials"][0]["state"] = json!("revoked");
    bad["grant"]["credentials"][0]["verified_at"] = json!("2026-11-23T16:12:00Z");
    let ran = checked(&home, &bad).expect(1);
    assert!(ran.err.contains("cannot be before"), "{}", ran.err);
    let mut bad = good;
    bad["events"] = log.proved(1..2).into();
    checked(&home, &bad).expect(1);
}

/// What was erased of a person verifies as before, proves no name, and says so.
#[test]
fn erased_people_are_said_to_be_erased() {
    let (_, mut receipt, home) = honest();
    for at in [0, 3, 4, 5, 6] {
        receipt["events"][at]["private"] = Value::Null;
        receipt["events"][at]["salt"] = Value::Null;
    }
    receipt["grant"]["holder"]["name"] = json!("Whoever");
    let ran = checked(&home, &receipt).expect(0);
    for words in [
        "5 events are without their names",
        "user:ana (name erased)",
        "the grant's holder, the name (Whoever)",
        "by Bo <bo@example.org>",
    ] {
        assert!(ran.out.contains(words), "{words} in {}", ran.out);
    }
    // Its facts are proved all the same.
    receipt["grant"]["role"]["name"] = json!("db-admin");
    checked(&home, &receipt).expect(1);
}
