//! The whole story in the demo: ask, read the mail, approve, use, watch it end, keep the evidence.
use hallpass_tests::wait::eventually;
use hallpass_tests::webdriver::By;
use serde_json::Value;

use crate::demo::Demo;
use crate::window::Window;

with_and_without_script!(ask_approve_use_watch_end);

async fn ask_approve_use_watch_end(script: bool) {
    let demo = Demo::start().await;
    let window = Window::new(&demo.base, script).await;
    let role = demo.quick();

    demo.sign_in(&window, "dana").await;
    let request = ask(&demo, &window, role).await;
    approve_by_mail(&window, role).await;

    // The requester comes back and finds it approved.
    demo.act_as(&window, "dana").await;
    window.expect_heading("This is your own request").await;
    window.open(&request).await;
    window.expect_words("Approved").await;
    window.look_with_script("request-approved").await;
    window.press("Open the access").await;
    window.look_with_script("grant-active").await;
    window.open("/access").await;
    window.press(&format!("Use {role}")).await;
    let grant = window.path().await.split('#').next().unwrap_or_default().to_owned();
    if demo.facts.postgresql.is_some() {
        a_login_dies(&window, &grant, role).await;
    } else {
        a_token_is_shown_once(&window, role).await;
        window.press("I have it").await;
        window.press("End now").await;
    }

    // Ended and checked; the evidence.
    window.open(&grant).await;
    window.expect_words_sooner_or_later("Ended and checked").await;
    window.look_with_script("grant-ended").await;
    window.press("Receipt").await;
    window.expect_words("access receipt").await;
    window.expect_words("Ana Ruiz").await;
    window.expect_words_sooner_or_later("Verified absent").await;
    window.look_with_script("receipt").await;
    // One page, as the demo's story has it, on A4 and on Letter.
    assert_eq!(window.sheets([(21.0, 29.7), (21.59, 27.94)]).await, [1, 1]);
    window.open("/access").await;
    window.expect_words("Ended lately").await;
    window.expect_quiet().await;
    drop(window);
    demo.stop().await;
}

/// Asks by the form, after some mistakes; the path of the request.
async fn ask(demo: &Demo, window: &Window, role: &str) -> String {
    window.expect_heading("Catalogue").await;
    window.press(&format!("Request {role}")).await;
    window.expect_heading(&format!("Request {role}")).await;
    window.fill("Or in your words", "3 days").await;
    window.fill("Reason", "the order of customer 7 is stuck").await;
    window.fill("Ticket", "INC-77").await;
    window.press("Send request").await;
    window.expect_mistake("2 min").await;
    let kept =
        [window.value("Or in your words").await, window.value("Reason").await, window.value("Ticket").await];
    assert_eq!(kept, ["3 days", "the order of customer 7 is stuck", "INC-77"]);
    window.look_with_script("request-form-wrong").await;

    window.fill("Or in your words", "").await;
    window.tick("2 min (usual)").await;
    window.fill("Reason", "").await;
    window.press("Send request").await;
    window.expect_mistake("").await;
    window.fill("Reason", "the order of customer 7 is stuck").await;
    window.press("Check").await;
    window.expect_words("2 min from approval; if approved now, until").await;
    window.expect_words("Ana Ruiz and Bo Lind").await;
    window.look_with_script("request-form-checked").await;
    window.press("Send request").await;
    window.expect_heading(&format!("{} asks for {role}", demo.person("dana").name)).await;
    window.expect_words("Sent. The approvers have mail.").await;
    window.look_with_script("request-pending").await;
    window.path().await
}

/// From the mail viewer by the link in the mail to the decision, as the person to whom it was sent.
async fn approve_by_mail(window: &Window, role: &str) {
    window.open("/demo/mail?to=ana@demo.test").await;
    let subject = By::Css("ul.mail li a");
    eventually("the mail to Ana", || async {
        let come = window.sees(subject).await;
        if !come {
            window.reload().await;
        }
        come.then_some(())
    })
    .await;
    window.press_css("ul.mail li a").await;
    window.expect_words("You act as someone else, so it will say “not yours”.").await;
    window.look_with_script("mail").await;
    window.press("Act as Ana Ruiz and open it").await;
    window.expect_heading(&format!("Dana Kim asks for {role} for 2 min")).await;
    window.look_with_script("decide").await;
    window.press("Approve").await;
    window.expect_heading("Approved").await;
    window.look_with_script("outcome-approved").await;
}

async fn a_token_is_shown_once(window: &Window, role: &str) {
    window.press("Issue access token").await;
    window.expect_heading(&format!("Access token for {role}")).await;
    window.expect_words("Shown this one time.").await;
    window.look_with_script("issued-token").await;
}

/// Issues a login, uses it, watches it, ends it, and sees it die.
async fn a_login_dies(window: &Window, grant: &str, role: &str) {
    window.press_css("form.tile button.primary").await;
    window.expect_words("Shown this one time.").await;
    window.look_with_script("issued-login").await;
    let shown = window.run("return Object.fromEntries([...document.querySelectorAll('.secrets > div')].map((d) => [d.querySelector('dt').textContent, d.querySelector('code').textContent]))").await;
    let of = |label: &str| shown[label].as_str().unwrap_or_else(|| panic!("no {label}: {shown}")).to_owned();
    let mut config = tokio_postgres::Config::new();
    config.host(of("Host")).port(of("Port").parse().expect("a port")).dbname(of("Database"));
    config.user(of("User")).password(of("Password")).application_name("the story");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("the login works");
    let connection = tokio::spawn(connection);
    let rows = client.query("SELECT item FROM orders", &[]).await.expect("it reads orders");
    assert_eq!(rows.len(), 40);

    window.press("Watch this login").await;
    window.expect_heading(&format!("Watch {}", of("User"))).await;
    window.expect_words_sooner_or_later("the story").await;
    window.look_with_script("watch-live").await;
    let watch = window.path().await;

    window.open(grant).await;
    window.expect_words(&of("User")).await;
    assert!(!window.words().await.contains(&of("Password")), "a secret is shown twice");
    window.press("End now").await;
    window.expect_words("Ended.").await;
    let over = tokio::time::timeout(hallpass_tests::wait::PATIENCE, connection).await;
    assert!(over.is_ok(), "the session of {role} goes on");
    assert!(config.connect(tokio_postgres::NoTls).await.is_err(), "the login of {role} goes on");
    window.open(&watch).await;
    window.expect_words_sooner_or_later("after the end.").await;
    window.expect_words("Sessions 0").await;
    window.look_with_script("watch-gone").await;
    let measured = window
        .run("return [...document.querySelectorAll('.measured li.done strong')].map((e) => e.textContent)")
        .await;
    let measured: Vec<&str> = measured.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(measured.len() == 3 && measured.iter().all(|m| m.ends_with('s')), "{measured:?}");
}
