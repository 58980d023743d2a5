//! The approver's inbox, where hundreds of requests wait.
use std::collections::BTreeSet;

use hallpass_domain::ids::RequestId;
use hallpass_domain::request::Request;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(hundreds_of_others_hide_nobodys, hundreds_are_listed_to_the_last);

/// The same request, so many times more, each with its deadline a little before the original's.
async fn copy(server: &TestServer, request: &Request, times: i64) {
    let now = server.broker().now();
    for n in 0..times {
        let copy = Request {
            id: RequestId::new(now),
            reference: format!("R-COPY{n:04}"),
            decide_by: request.decide_by - chrono::TimeDelta::seconds(1 + n),
            version: 1,
            ..request.clone()
        };
        let made = Transition::new(now).with(Change::Request(Box::new(copy)));
        server.broker().store.commit(made).await.unwrap();
    }
}

/// Requests whose open stage is another group's, all with sooner deadlines.
async fn hundreds_of_others_hide_nobodys(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, sam) = (server.sign_in("dana").await, server.sign_in("sam").await);
    let theirs = steps::ask(&sam, "billing-admin", "30m").await;
    copy(&server, &steps::request(&server, &theirs).await, 520).await;
    let ours = steps::ask(&dana, "billing-admin", "30m").await;
    steps::approve(&server.sign_in("bo").await, &ours).await;

    let kim = server.sign_in("kim").await;
    let page = kim.get("/inbox").await.expect(200);
    assert!(page.body.contains(&format!("/r/{ours}")), "{}", page.words());
    assert!(!page.body.contains("R-COPY") && !page.body.contains(&theirs), "{}", page.words());
    assert!(page.words().contains("1 to decide"), "{}", page.words());
    let api = server.api("kim").await;
    let listed = api.get("/requests?view=to_approve").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["reference"], ours.as_str());
    server.stop().await;
}

async fn hundreds_are_listed_to_the_last(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let last = steps::ask(&dana, "billing-read", "30m").await;
    copy(&server, &steps::request(&server, &last).await, 230).await;

    // By the pages: each once, the soonest deadline first, the last one on the last page.
    let bo = server.sign_in("bo").await;
    let (mut seen, mut path) = (Vec::new(), "/inbox".to_owned());
    loop {
        let page = bo.get(&path).await.expect(200);
        assert!(
            page.words().contains("100 or more to decide") || page.body.contains("100 or more to decide")
        );
        let links = page.body.split("href=\"/r/").skip(1).map(|t| t.split('"').next().unwrap().to_owned());
        seen.extend(links);
        let Some(next) = page.body.split("rel=\"next\" href=\"").nth(1) else { break };
        path = next.split('"').next().unwrap().replace("&amp;", "&");
        assert!(seen.len() < 300, "it goes round");
    }
    assert_eq!(seen.len(), 231);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 231);
    assert_eq!(seen.last(), Some(&last));

    // By the API: the same, in the same order.
    let api = server.api("bo").await;
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/requests?view=to_approve&limit=100{after}")).await.ok(200);
        let items = page["items"].as_array().unwrap();
        listed.extend(items.iter().map(|i| i["reference"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(listed, seen);
    server.stop().await;
}
