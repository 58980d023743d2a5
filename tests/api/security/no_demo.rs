//! Nothing of the demo exists in a server that is none: no guide, no mails, and above all no switcher.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_demo() {
    let server = TestServer::start(Backend::Sqlite).await;
    let dana = server.sign_in("dana").await;
    for browser in [&dana, &server.browser()] {
        for path in [
            "/demo",
            "/demo/",
            "/demo/mail",
            "/demo/mail?to=ana@hall.test",
            "/demo/mail/1",
            "/demo/mail/1/html",
        ] {
            let page = browser.get(path).await;
            assert_eq!(page.status, 404, "{path}: {}", page.words());
            assert!(!page.body.contains("/demo/act-as") && !page.body.contains("ana@hall.test"), "{path}");
        }
        let csrf = browser.csrf();
        let page = browser.post("/demo/act-as", &[("csrf", &csrf), ("email", "ada@hall.test")]).await;
        assert!(matches!(page.status, 401 | 403 | 404), "{}: {}", page.status, page.words());
    }
    assert_eq!(dana.get("/reports").await.status, 404, "she is nobody else");
    server.stop().await;
}
