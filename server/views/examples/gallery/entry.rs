//! Getting in, the account, the demo, errors.

use hallpass_broker::views::account::{
    AccountView, RecoveryCodesView, SessionRow, TotpEnrolView, TotpRemoveView, TotpState, ZoneForm,
};
use hallpass_broker::views::demo::{
    DemoView, GuidePerson, GuideRole, GuideStep, MailListView, MailRow, MailView,
};
use hallpass_broker::views::error::{ErrorView, TypedText};
use hallpass_broker::views::session::{
    DeviceConfirmView, DeviceDoneView, DeviceView, FirstRunView, SecondFactorView, SignInView,
};
use hallpass_views::{account, demo, error, session};

use crate::sample::{
    choices, command, demo_shell, link, minutes, person, seconds, shell, text, texts, wrong,
};
use crate::{Gallery, Outcome};

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    let out = shell("/sign-in", None);
    g.add(
        "sign-in",
        session::sign_in(
            &out,
            &SignInView { why: Some(text("Sign in to open this link.")), ..SignInView::default() },
        ),
    )?;
    let refused = SignInView {
        email: text("dana.kim@example.org"),
        errors: vec![wrong("email", "Email or password is not right. Check both and try again.")],
        why: None,
    };
    g.add("sign-in-error", session::sign_in(&demo_shell("/sign-in", None), &refused))?;
    let factor = SecondFactorView { email: text("dana.kim@example.org"), ..SecondFactorView::default() };
    g.add("second-factor", session::second_factor(&out, &factor))?;
    let factor = SecondFactorView {
        recovery_open: true,
        errors: vec![wrong("recovery_code", "This recovery code is not right, or was used already.")],
        ..factor
    };
    g.add("second-factor-recovery", session::second_factor(&out, &factor))?;
    let first = FirstRunView {
        claim_hint: text("/var/lib/hallpass/claim-secret, and in the log of the first start"),
        lapses_at: Some(minutes(52)),
        errors: vec![wrong("password_again", "The two passwords differ.")],
        name: text("Vera Lindqvist"),
        email: text("vera@example.org"),
    };
    g.add("first-run", session::first_run(&shell("/first-run", None), &first))?;

    let dana = shell("/device", Some("Dana Kim"));
    g.add("device", session::device(&dana, &DeviceView { tries_left: 5, ..DeviceView::default() }))?;
    let confirm = DeviceConfirmView {
        device: text("d-1"),
        user_code: text("BCDF-GHJK"),
        client: text("hallpass on build-7"),
        address: text("10.20.3.7"),
        place: text("office network"),
        asked_at: seconds(-40),
        lapses_at: minutes(9),
        abilities: texts(&[
            "Request roles in your name",
            "Issue credentials under your active grants",
            "End your grants",
        ]),
    };
    g.add("device-confirm", session::device_confirm(&dana, &confirm))?;
    let done = DeviceDoneView { allowed: true, client: text("hallpass on build-7") };
    g.add("device-done", session::device_done(&dana, &done))?;

    account_pages(g)?;
    demo_pages(g)?;
    for status in [403, 404, 409, 503] {
        let view = ErrorView {
            status,
            code: text(match status {
                403 => "csrf",
                404 => "not_found",
                409 => "conflict",
                _ => "store_unavailable",
            }),
            title: String::new(),
            message: String::new(),
            next: (status == 409).then(|| text("Look at it as it is now, then decide again.")),
            links: match status {
                409 => vec![link("/requests/R-4821-k7Qm", "Open R-4821-k7Qm")],
                503 => vec![link("/request?role=db-read", "Back to the form, filled in")],
                _ => Vec::new(),
            },
            request_id: text("01JD9Z6Y3M"),
            retry_after_seconds: (status == 503).then_some(5),
            typed: if status == 503 {
                [("For", "90m"), ("Reason", "Restore invoice 4711.\nIt took an hour to find out why.")]
                    .map(|(label, typed)| TypedText { label: text(label), text: text(typed) })
                    .into()
            } else {
                Vec::new()
            },
        };
        g.add(&format!("error-{status}"), error::page(&shell("/x", Some("Dana Kim")), &view))?;
    }
    Ok(())
}

fn account_pages(g: &mut Gallery) -> Outcome<()> {
    let ana = shell("/account", Some("Ana Ruiz"));
    let row = |id: &str, kind: &str, device: &str, current| SessionRow {
        id: text(id),
        kind: text(kind),
        device: text(device),
        address: text("10.20.3.7"),
        strength: text(if current { "step-up" } else { "session" }),
        since: minutes(-600),
        last_used_at: Some(minutes(-2)),
        current,
    };
    let view = AccountView {
        password_changed_at: Some(minutes(-100_000)),
        totp: Some(TotpState { last_used_at: Some(minutes(-3)), recovery_codes_left: 2 }),
        sessions: vec![
            row("1", "browser", "Firefox on Linux", true),
            row("2", "browser", "Safari on iPhone", false),
            row("3", "command", "hallpass on build-7", false),
        ],
        zone: ZoneForm {
            typed: text("Europe/Madrid"),
            of_catalogue: text("Europe/Berlin"),
            names: ["Asia/Tokyo", "Europe/Berlin", "Europe/Madrid", "UTC"].map(text).to_vec(),
        },
        errors: Vec::new(),
    };
    g.add("account", account::index(&ana, &view))?;
    let view = AccountView {
        totp: None,
        zone: ZoneForm { typed: text("Mars/Olympus"), ..view.zone.clone() },
        errors: vec![
            wrong(
                "zone",
                "“Mars/Olympus” is not a time zone. Write a name such as Europe/Berlin, America/New_York or UTC.",
            ),
            wrong("current_password", "This is not your password."),
            wrong("new_password", "Twelve characters or more, please."),
        ],
        ..view
    };
    g.add("account-error", account::index(&ana, &view))?;
    let enrol = TotpEnrolView {
        otpauth_uri: text(
            "otpauth://totp/Hallpass%20Acme:ana.ruiz@example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Hallpass",
        ),
        secret_base32: text("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"),
        replaces: false,
        errors: Vec::new(),
    };
    g.add("totp", account::totp(&ana, &enrol))?;
    let replaced = TotpEnrolView {
        otpauth_uri: String::new(),
        secret_base32: String::new(),
        replaces: true,
        errors: Vec::new(),
    };
    g.add("totp-replace", account::totp(&ana, &replaced))?;
    let removed = TotpRemoveView {
        errors: vec![wrong(
            "recovery_code",
            "That is none of your unused recovery codes. Each works once; check it, or use another one.",
        )],
    };
    g.add("totp-remove", account::totp_remove(&ana, &removed))?;
    let codes = RecoveryCodesView {
        codes: (1..=10).map(|i| format!("{:04x}-{:04x}", i * 7_919 % 65_536, i * 31_337 % 65_536)).collect(),
        enrolled_now: true,
    };
    g.add("recovery-codes", account::recovery_codes(&ana, &codes))
}

fn demo_pages(g: &mut Gallery) -> Outcome<()> {
    let dana = demo_shell("/demo", Some("Dana Kim"));
    let step = |title: &str, words: &str, to, done| GuideStep {
        title: text(title),
        text: text(words),
        link: Some(to),
        act_as: None,
        done,
    };
    let guide = DemoView {
        people: [
            ("Dana Kim", "requester"),
            ("Ana Ruiz", "approver"),
            ("Mei-Ling Chen", "approver"),
            ("Omar Haddad", "auditor"),
        ]
        .map(|(name, part)| GuidePerson {
            name: text(name),
            email: person(name).handle,
            password: text("correct horse battery"),
            part: text(part),
            groups: if part == "approver" { texts(&["DB on-call"]) } else { Vec::new() },
            code: (part == "approver").then(|| text("492039")),
        })
        .into(),
        roles: [
            ("quick-look", "low", "Two minutes: watch a psql session die on time."),
            ("orders-db.admin", "high", "Two stages, and a second factor."),
        ]
        .map(|(name, tier, try_it)| GuideRole {
            name: text(name),
            target: text("orders-db"),
            tier: text(tier),
            try_it: text(try_it),
        })
        .into(),
        steps: vec![
            step(
                "Request quick-look as Dana",
                "Pick two minutes and say why. The page shows who can decide, and until when it would last.",
                link("/request?role=quick-look", "Open the form"),
                true,
            ),
            step(
                "Approve it as Ana",
                "Open the mail viewer, act as Ana, and follow the link in her message.",
                link("/demo/mail", "Open the mail"),
                false,
            ),
            step(
                "Issue a login and connect",
                "Copy the psql command. Leave the session open.",
                link("/access", "Open my access"),
                false,
            ),
            step(
                "Watch it end",
                "At the second, the login and the session are gone, with the times measured.",
                link("/access", "Open my access"),
                false,
            ),
        ],
        links: vec![
            link("http://127.0.0.1:8081/", "Resource server that introspects"),
            link("http://127.0.0.1:8082/", "Resource server that verifies offline"),
        ],
        commands: vec![
            command("Sign in from a terminal", "hallpass login --server http://127.0.0.1:8080"),
            command("Ask, wait, and run psql in one go", "hallpass run quick-look -- psql"),
        ],
        missing: Some(command(
            "PostgreSQL is not installed, so the demo has token targets only. To see database logins:",
            "sudo apt install postgresql",
        )),
    };
    g.add("demo-guide", demo::guide(&dana, &guide))?;
    let mail = |id: &str, to: &str, subject: &str, at| MailRow {
        id: text(id),
        to: text(to),
        subject: text(subject),
        snippet: text("Dana Kim asks for orders-db.admin on orders-db for 2 hours."),
        at: minutes(at),
    };
    let list = MailListView {
        to: choices(&[("", "Everybody"), ("ana.ruiz@example.org", "Ana Ruiz")], ""),
        messages: vec![
            mail(
                "3",
                "dana.kim@example.org",
                "[Access] Approved and ready until 17:30: orders-db.read@orders-db (R-4790-b2Xc)",
                -1,
            ),
            mail(
                "2",
                "ana.ruiz@example.org",
                "[Access] Approve? Dana Kim → orders-db.admin@orders-db, 2 h (R-4821-k7Qm)",
                -3,
            ),
            mail(
                "1",
                "kofi.mensah@example.org",
                "[Access] Approve? Dana Kim → orders-db.admin@orders-db, 2 h (R-4821-k7Qm)",
                -3,
            ),
        ],
        next: None,
    };
    g.add("demo-mail", demo::mail_list(&demo_shell("/demo/mail", Some("Dana Kim")), &list))?;
    g.add("demo-mail-empty", demo::mail_list(&dana, &MailListView { messages: Vec::new(), ..list }))?;
    let message = MailView {
        id: text("2"),
        from: text("Hallpass <hallpass@example.org>"),
        to: text("ana.ruiz@example.org"),
        subject: text("[Access] Approve? Dana Kim → orders-db.admin@orders-db, 2 h (R-4821-k7Qm)"),
        at: minutes(-3),
        text: text(
            "Dana Kim asks for orders-db.admin on orders-db for 2 hours.\n\n  When     now, ends about 18:00 CET (17:00 UTC)\n  Why      \"slow query on the replica\"\n  Decide   by 16:47 CET\n\nReview and decide (sign-in needed; opening this link decides nothing):\n  https://access.example.org/r/R-4821-k7Qm\n",
        ),
        has_html: true,
        headers: vec![
            (text("Message-ID"), text("<R-4821-k7Qm.ask.1@access.example.org>")),
            (text("Auto-Submitted"), text("auto-generated")),
        ],
        links: vec![link("/r/R-4821-k7Qm", "https://access.example.org/r/R-4821-k7Qm")],
        recipient: Some(text("Ana Ruiz")),
    };
    g.add("demo-message", demo::mail(&demo_shell("/demo/mail/2", Some("Dana Kim")), &message))
}
