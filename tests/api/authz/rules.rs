//! What holds for every line, whatever was blessed.
use hallpass_http::middleware::Area;
use hallpass_http::routes::Duty;

use super::Line;
use super::fixture::{Object, VISITORS};

fn is_good(answer: &str) -> bool {
    answer.starts_with('2')
        || answer.starts_with("303>") && !answer.ends_with("/sign-in") && !answer.ends_with("/second-factor")
}

/// Who of the visitors may get more than a refusal by the row's duty.
fn may(duty: Duty, object: Object) -> &'static [&'static str] {
    match (duty, object.whose()) {
        (Duty::Nobody | Duty::Network, _) => &VISITORS,
        (Duty::Client, _) => &["resource-srv", "workload"],
        (Duty::AnyToken, _) => &[
            "requester",
            "approver",
            "owner",
            "other",
            "foreign",
            "auditor",
            "administrator",
            "workload",
            "former",
        ],
        (Duty::SignedIn, _) => {
            &["requester", "approver", "owner", "other", "foreign", "auditor", "administrator", "former"]
        }
        (Duty::Demo, _) => &[],
        (Duty::Owner, _) => &["auditor", "administrator", "owner"],
        (Duty::Auditor, _) => &["auditor", "administrator"],
        (Duty::Administrator, _) => &["administrator"],
        (_, Object::Absent | Object::None) => &[],
        (Duty::Reader, Object::Own) => &["requester", "approver", "auditor", "administrator", "former"],
        (Duty::Reader, Object::Other) => &["other", "approver", "auditor", "administrator", "former"],
        (Duty::Decider, _) => &["approver"],
        (Duty::Requester | Duty::Holder, Object::Own) => &["requester"],
        (Duty::Requester | Duty::Holder, Object::Other) => &["other"],
        (Duty::Revoker, _) => &["approver", "administrator", "former"],
        // No other object is anybody's.
        (_, Object::OwnLogin | Object::OtherLogin) => &[],
    }
}

/// Nobody gets more than the row's duty says; and the duty's own people get it.
#[track_caller]
pub(crate) fn check(line: &Line) {
    // A role is read by whoever may see it: that is not about dana's or sam's.
    if line.row.path.contains("/roles/{name}") {
        return;
    }
    let may = may(line.row.duty, line.object);
    for visitor in VISITORS {
        let answer = line.of(visitor);
        assert!(!answer.starts_with('5'), "{:?} {:?} {visitor}: {answer}", line.row, line.object);
        assert!(
            may.contains(&visitor) || !is_good(answer),
            "{:?} {:?} is not for {visitor}, who gets {answer}",
            line.row,
            line.object
        );
    }
    let signed_out = line.of("signed-out");
    match (line.row.area(), line.row.duty) {
        (_, Duty::Nobody | Duty::Network | Duty::Demo | Duty::Client) => {}
        (Area::Api, _) => assert_eq!(signed_out, "401", "{:?}", line.row),
        (Area::Pages, _) => assert_eq!(signed_out, "303>/sign-in", "{:?}", line.row),
        _ => {}
    }
    if line.row.duty == Duty::Demo {
        assert!(line.answers.iter().all(|a| a == "404"), "nothing of the demo exists here: {:?}", line.row);
    }
}

/// Somebody without any part in it learns nothing from the difference between absent and forbidden.
pub(crate) fn check_absent_and_forbidden_look_alike(lines: &[Line]) {
    for line in lines.iter().filter(|l| matches!(l.object.whose(), Object::Own | Object::Other)) {
        if line.row.path.contains("/roles/{name}")
            || line.row.path.contains("{noun}")
            || line.row.path.contains("/sessions/")
        {
            continue;
        }
        let same = |l: &&Line| {
            l.row.path == line.row.path && l.row.method == line.row.method && l.object == Object::Absent
        };
        let absent = lines.iter().find(same).expect("its absent line");
        for visitor in ["signed-out", "foreign", "resource-srv"] {
            assert_eq!(
                line.of(visitor),
                absent.of(visitor),
                "{:?} {:?}: {visitor} can tell it from an absent one",
                line.row,
                line.object
            );
        }
    }
}

/// What somebody may read of the catalogue and of the targets in the portal he may read over the API, and nothing else.
pub(crate) fn check_pages_and_api_agree(lines: &[Line]) {
    let mut compared = 0;
    for api in lines.iter().filter(|l| l.row.method == "GET" && l.row.path.starts_with("/api/v1/admin/")) {
        let page = if api.row.path.ends_with("/findings") { "/reports" } else { "/catalogue/{noun}" };
        let page = lines.iter().find(|l| l.row.method == "GET" && l.row.path == page).expect("its page");
        for visitor in ["requester", "approver", "owner", "other", "foreign", "auditor", "administrator"] {
            assert_eq!(api.of(visitor), page.of(visitor), "{:?} and {:?}: {visitor}", api.row, page.row);
            compared += 1;
        }
    }
    assert!(compared >= 7 * 7, "{compared}");
}
