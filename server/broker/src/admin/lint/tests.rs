//! Rules over the whole, and what single entries must keep: one change to the good example each.
use super::*;
use crate::admin::build::State;
use crate::admin::check::check_text;
use crate::admin::example::{self, and, apply, with};

/// Checks that there is a mistake that says all of `words`, in a line that holds `near`.
fn refuses(text: &str, near: &str, words: &[&str]) {
    let found = check_text(text);
    let line = |n: usize| text.lines().nth(n - 1).unwrap_or("");
    let hit =
        found.iter().any(|m| words.iter().all(|w| m.to_string().contains(w)) && line(m.line).contains(near));
    assert!(
        hit,
        "wanted {words:?} near {near:?}, found:\n{}",
        found.iter().map(|m| format!("{m}   | {}\n", line(m.line))).collect::<String>()
    );
}

#[test]
fn the_example_is_good() {
    assert_eq!(check_text(&example::text()), []);
}

#[test]
fn what_nobody_could_approve_is_refused_with_role_person_and_approvers() {
    // Ben is the only one on call, and may ask himself.
    let text =
        with("members = [\"ben@example.org\", \"cleo@example.org\"]", "members = [\"ben@example.org\"]");
    refuses(
        &text,
        "workflow = \"one-of-oncall\"",
        &[
            "role “db-read”",
            "for Ben Ito:",
            "stage “Database on-call” needs 1 person of group “db-oncall”",
            "without Ben Ito there are 0 (nobody)",
            "Add an approver",
        ],
    );
    // Two stages, one person: each person counts in one stage.
    let text =
        with("approvers = [\"db-oncall\", \"olga@example.org\"]", "approvers = [\"cleo@example.org\"]")
            .replace(
                "approvers = [\"cleo@example.org\", \"olga@example.org\"]",
                "approvers = [\"cleo@example.org\"]",
            );
    refuses(
        &text,
        "workflow = \"oncall-then-owner\"",
        &[
            "role “db-admin”",
            "Ben Ito, Dana Kim",
            "together need 2 people who are not the same",
            "Cleo Baptiste",
        ],
    );
    // Owners of a workload do not decide for it.
    let text = with("standing = true\n", "")
        .replace("owners = [\"dana@example.org\"]", "owners = [\"ben@example.org\", \"cleo@example.org\"]");
    refuses(
        &text,
        "workflow = \"one-of-oncall\"",
        &["role “orders-export”", "for Nightly report", "without Ben Ito, Cleo Baptiste"],
    );
    // A disabled approver is none.
    let text = with("name = \"Cleo Baptiste\"", "name = \"Cleo Baptiste\"\ndisabled = true")
        .replace("owners = [\"cleo@example.org\"]", "owners = [\"olga@example.org\"]");
    refuses(&text, "workflow = \"one-of-oncall\"", &["role “db-read”", "for Ben Ito"]);
}

#[test]
fn stages_without_enough_approvers_are_refused() {
    refuses(
        &with("approvers = [\"db-oncall\"]", "approvers = []"),
        "approvers = []",
        &["Stage “Database on-call” of workflow “one-of-oncall” needs 1 person, and has 0", "names none"],
    );
    refuses(
        &with("needed = 1", "needed = 9"),
        "approvers = [\"db-oncall\", \"olga@example.org\"]",
        &["needs 9 people, and has 3"],
    );
    let programs =
        with("members = [\"ben@example.org\", \"cleo@example.org\"]", "members = [\"nightly-report\"]");
    refuses(
        &programs,
        "approvers = [\"db-oncall\"]",
        &["has 0 (group “db-oncall”: nobody)", "programs do not count"],
    );
}

#[test]
fn standing_roles_are_small_and_for_programs() {
    refuses(
        &with("tier = \"low\"", "tier = \"medium\""),
        "standing = true",
        &["“orders-export” is standing and of medium tier"],
    );
    refuses(
        &with("groups = [\"orders_read\"]", "groups = [\"orders_read\"]\nstanding = true"),
        "standing = true",
        &["“db-read” is standing and gives accounts"],
    );
    refuses(
        &with("eligible = [\"nightly-report\"]", "eligible = [\"nightly-report\", \"dana@example.org\"]"),
        "dana@example.org",
        &["people are eligible"],
    );
    refuses(
        &with("eligible = [\"nightly-report\"]", "eligible = [\"developers\"]"),
        "developers",
        &["people are eligible"],
    );
}

#[test]
fn offline_targets_get_short_tokens_and_no_high_tier() {
    let offline = with("verification = \"introspect\"", "verification = \"offline\"");
    refuses(
        &offline,
        "token_seconds = 600",
        &["live longer than 300 seconds", "Set token_seconds to 300 or less"],
    );
    let short = offline.replace("token_seconds = 600", "token_seconds = 300");
    assert_eq!(check_text(&short), []);
    refuses(
        &short.replace("tier = \"low\"", "tier = \"high\""),
        "tier = \"high\"",
        &["high tier", "introspect"],
    );
}

#[test]
fn somebody_stays_administrator() {
    refuses(
        &with("duties = [\"administrator\"]", "duties = []"),
        "catalogue.toml",
        &["No administrator would be left"],
    );
    refuses(
        &with("duties = [\"administrator\"]", "duties = [\"administrator\"]\ndisabled = true")
            .replace("olga@example.org\", \"db", "x"),
        "",
        &["No administrator"],
    );
    let (state, _) = apply(&State::default(), &example::text()).unwrap();
    let olga = state.catalogue.users.values().find(|u| u.email.as_str() == "olga@example.org").unwrap().id;
    let text = with("duties = [\"auditor\"]", "duties = [\"administrator\"]").replacen(
        "duties = [\"administrator\"]",
        "duties = []",
        1,
    );
    let mut mistakes = Mistakes::new(&text);
    let file = crate::admin::file::read::read(&text, &mut mistakes);
    let built = crate::admin::check::judge(
        &state,
        &file,
        crate::admin::build::Known::Server,
        Some(olga),
        example::now(),
        &mut mistakes,
    );
    assert!(built.is_none());
    assert!(
        mistakes.into_sorted()[0].what.contains("You (olga@example.org) would no longer be an administrator")
    );
}

#[test]
fn single_settings_are_checked_where_they_stand() {
    for (part, by, near, words) in [
        (
            "usual = \"2h\"",
            "usual = \"9h\"",
            "usual = \"9h\"",
            &["usual duration is longer than the longest"][..],
        ),
        ("max = \"8h\"", "max = \"31d\"", "max = \"31d\"", &["max is longer than 30 d"]),
        ("max = \"8h\"", "max = \"soon\"", "max = \"soon\"", &["max is not a duration", "1h30m"]),
        ("max = \"8h\"", "max = \"0m\"", "max = \"0m\"", &["max is not a duration longer than zero"]),
        (
            "time_zone = \"Europe/Berlin\"",
            "time_zone = \"Europe/Berlim\"",
            "Berlim",
            &["not a time zone", "Did you mean “Europe/Berlin”?"],
        ),
        (
            "kind = \"postgresql\"",
            "kind = \"postgresql\"\ntls = \"disable\"",
            "tls",
            &["would travel in clear"],
        ),
        ("host = \"orders-db.example.org\"", "host = \"169.254.169.254\"", "host", &["metadata service"]),
        (
            "host = \"orders-db.example.org\"",
            "host = \"[::1]:5432\"",
            "host",
            &["not a host", "port stands in a line of its own"],
        ),
        (
            "host = \"orders-db.example.org\"",
            "host = \"/run/postgresql\"",
            "host",
            &["no TLS over a Unix socket"],
        ),
        ("audience = \"https://orders.example.org\"", "audience = \"orders\"", "audience", &["absolute URI"]),
        (
            "audience = \"https://orders.example.org\"",
            "audience = \"https://a.example.org\"\nhost = \"a\"",
            "host",
            &["means nothing for a target of kind oauth"],
        ),
        ("audience = \"https://orders.example.org\"", "", "kind = \"oauth\"", &["needs audience"]),
        ("database = \"orders\"", "database = \"\"", "database", &["not a PostgreSQL name"]),
        ("database = \"orders\"", "database = \"a\\u0000b\"", "database", &["without a NUL"]),
        (
            "groups = [\"orders_read\"]",
            "groups = [\"pg_read_all_data\"]",
            "groups",
            &["may not join “pg_read_all_data”"],
        ),
        ("groups = [\"orders_read\"]", "groups = [\"hallpass\"]", "groups", &["Hallpass's own"]),
        (
            "database = \"orders\"\ngroups = [\"orders_owner\"]",
            "database = \"orders\"",
            "db-admin",
            &["would join no group role"],
        ),
        (
            "quarantine_role = \"hallpass_quarantine\"",
            "quarantine_role = \"hallpass\"",
            "quarantine_role",
            &["is our administrator role"],
        ),
        ("eu = [\"orders_eu\"]", "asia = [\"orders_eu\"]", "asia", &["which scope “region” does not allow"]),
        (
            "[roles.scope_groups.region]",
            "[roles.scope_groups.regoin]",
            "",
            &["“regoin”", "Did you mean “region”?"],
        ),
        ("default = [\"eu\"]", "default = [\"ue\"]", "default", &["preselected but not allowed"]),
        (
            "token_seconds = 600",
            "token_seconds = 86400",
            "token_seconds",
            &["outside its limits", "10 to 3600"],
        ),
        (
            "token_seconds = 600",
            "token_seconds = 600\ndatabase = \"x\"",
            "database",
            &["means nothing for a role on a target of kind oauth"],
        ),
        ("decide_within = \"8h\"", "decide_within = \"60d\"", "decide_within", &["longer than 30 d"]),
        ("owners = [\"dana@example.org\"]", "owners = []", "owners", &["This workload has no owner"]),
        ("eligible = [\"nightly-report\"]", "eligible = []", "eligible", &["Nobody may ask"]),
        ("title = \"Nightly report\"", "title = \" \"", "title", &["The title is missing"]),
    ] {
        refuses(&with(part, by), near, words);
    }
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    for (part, by, words) in [
        (
            "workflow = \"one-of-oncall\"",
            "workflow = \"one-of-oncal\"",
            ["no workflow “one-of-oncal”", "Did you mean “one-of-oncall”?"],
        ),
        (
            "target = \"orders-db\"",
            "target = \"order-db\"",
            ["no target “order-db”", "Did you mean “orders-db”?"],
        ),
        (
            "eligible = [\"developers\"]",
            "eligible = [\"develpers\"]",
            ["no group or workload “develpers”", "Did you mean “developers”?"],
        ),
        (
            "members = [\"dana@example.org\"",
            "members = [\"dana@exmaple.org\"",
            ["no person “dana@exmaple.org”", "Did you mean “dana@example.org”?"],
        ),
        (
            "approvers = [\"db-oncall\"]",
            "approvers = [\"nightly-report\"]",
            ["is a workload", "programs cannot decide"],
        ),
        (
            "members = [\"dana@example.org\"",
            "members = [\"db-oncall\"",
            ["is a group", "Name its members one by one"],
        ),
        ("owners = [\"dana@example.org\"]", "owners = [\"developers\"]", ["is a group", "Name its members"]),
        (
            "target = \"orders-api\"\n\n[[workflows]]",
            "target = \"orders-db\"\n\n[[workflows]]",
            ["introspects tokens", "kind oauth"],
        ),
    ] {
        refuses(&with(part, by), by.lines().next().unwrap(), &words);
    }
}

#[test]
fn names_stand_once() {
    refuses(
        &and("[[groups]]\nname = \"db-oncall\"\ntitle = \"x\"\n"),
        "db-oncall",
        &["stands in the file twice, first in line"],
    );
    refuses(
        &and("[[people]]\nemail = \"Dana@Example.org\"\nname = \"x\"\n"),
        "Dana@Example.org",
        &["“dana@example.org” stands in the file twice"],
    );
    refuses(
        &and("[[groups]]\nname = \"nightly-report\"\ntitle = \"x\"\n"),
        "nightly-report",
        &["of a group and of a workload"],
    );
    refuses(
        &and("[[resource_servers]]\nclient_id = \"nightly-report\"\ntarget = \"orders-api\"\n"),
        "client_id",
        &["client id “nightly-report” stands in the file twice"],
    );
    refuses(
        &with("name = \"developers\"", "name = \"Developers\""),
        "Developers",
        &["must be 1 to 63 of a-z"],
    );
    let twice = "[[targets]]\nname = \"b\"\ntitle = \"b\"\nenvironment = \"x\"\nkind = \"oauth\"\nowners = [\"olga@example.org\"]\naudience = \"https://orders.example.org\"\nverification = \"introspect\"\n";
    refuses(&and(twice), "name = ", &["same audience"]);
}

#[test]
fn names_keep_their_meaning() {
    let (state, _) = apply(&State::default(), &example::text()).unwrap();
    let moved = example::with(
        "name = \"orders-export\"\ntarget = \"orders-api\"",
        "name = \"orders-export\"\ntarget = \"orders-b\"",
    ) + "\n[[targets]]\nname = \"orders-b\"\ntitle = \"b\"\nenvironment = \"x\"\nkind = \"oauth\"\nowners = [\"olga@example.org\"]\naudience = \"https://b.example.org\"\nverification = \"introspect\"\n";
    assert_eq!(check_text(&moved), [], "good as a first file");
    assert!(apply(&state, &moved).unwrap_err()[0].what.contains("is on another target"));
    let stolen = example::with(
        "owners = [\"dana@example.org\"]",
        "owners = [\"dana@example.org\"]\nclient_id = \"report-1\"",
    )
    .replace("client_id = \"orders-api\"", "client_id = \"nightly-report\"");
    assert!(apply(&state, &stolen).unwrap_err()[0].what.contains("belongs, or belonged, to another client"));
}

#[test]
fn a_partial_file_alone_may_refer_to_what_only_the_server_knows() {
    let partial = "prune = false\n[[roles]]\nname = \"r\"\ntarget = \"elsewhere\"\npurpose = \"x\"\ntier = \"low\"\neligible = [\"somebody@example.org\", \"team\"]\nmax = \"1h\"\nusual = \"30m\"\nworkflow = \"known\"\n";
    assert_eq!(check_text(partial), []);
    refuses(&partial.replace("prune = false\n", ""), "target", &["no target “elsewhere”"]);
    let (state, _) = apply(&State::default(), &example::text()).unwrap();
    assert!(
        apply(&state, partial).unwrap_err().iter().any(|m| m.what.contains("no target “elsewhere”")),
        "the server knows"
    );
}
