//! One's own time zone: chosen on the account page, used by pages and mails, left alone by a catalogue.
use hallpass_tests::browserless::Browser;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(a_chosen_zone_is_used_and_outlives_a_catalogue);

async fn choose(browser: &Browser, zone: &str) -> hallpass_tests::browserless::Page {
    let form = browser.get("/account").await.expect(200).form("/account/zone").with("zone", zone);
    browser.send(&form).await
}

async fn a_chosen_zone_is_used_and_outlives_a_catalogue(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    // It is 9:00 UTC on a day in November.
    let page = dana.get("/account").await.expect(200);
    assert!(
        page.words().contains("Times are shown in Europe/Berlin, where it is 10:00 CET"),
        "{}",
        page.words()
    );

    let refused = choose(&dana, "Asia/Tokio").await.expect(422);
    assert!(refused.words().contains("Did you mean “Asia/Tokyo”?"), "{}", refused.words());
    assert_eq!(refused.form("/account/zone").value("zone"), "Asia/Tokio", "what was typed stays");
    assert_eq!(facts::events(&server, "user.zone_changed", None).await, 0);

    let page = dana.follow(choose(&dana, "asia/tokyo").await.expect(303)).await.expect(200);
    assert!(page.words().contains("Times are shown in Asia/Tokyo now"), "{}", page.words());
    assert!(page.words().contains("where it is 18:00 JST"), "{}", page.words());
    assert_eq!(page.form("/account/zone").value("zone"), "Asia/Tokyo");
    let _ = choose(&dana, "Asia/Tokyo").await.expect(303);
    assert_eq!(facts::events(&server, "user.zone_changed", None).await, 1, "the same again is no change");
    let me = server.api_with(&dana).await.get("/me").await.ok(200);
    assert_eq!(me["time_zone"], "Asia/Tokyo");

    // A catalogue changes what it says of her, and not what she chose.
    let text = server.catalogue_text();
    let other = text.replace("time_zone = \"Europe/Berlin\"", "time_zone = \"Europe/London\"");
    assert_ne!(text, other);
    server.apply(&other).await;
    server.apply(&text).await;
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    let words = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(words.contains("18:00 JST"), "{words}");
    server.settle().await;
    let mail = server.mailbox.newest("dana", "Received");
    assert!(mail.text.contains("JST") && mail.text.contains("UTC"), "{}", mail.text);
    let other = server.sign_in("ana").await;
    assert!(other.get("/account").await.expect(200).words().contains("10:00 CET"), "nobody else's changed");

    let page = dana.follow(choose(&dana, " ").await.expect(303)).await.expect(200);
    assert!(page.words().contains("Times are shown in Europe/Berlin now"), "{}", page.words());
    server.stop().await;
}
