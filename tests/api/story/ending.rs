//! How access ends: by itself, by its holder, by an administrator, by whoever approved it; and what never gets that far.
use chrono::TimeDelta;
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::request::RequestState;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(the_holder_ends_early, withdraw_and_lapse);
mod revoked {
    use super::*;
    on_all!(by_an_administrator_or_an_approver);

    async fn by_an_administrator_or_an_approver(backend: Backend) {
        let server = TestServer::start(backend).await;
        let dana = server.sign_in("dana").await;
        for (who, role) in [("ada", "billing-read"), ("ana", "ledger-read")] {
            let grant = steps::granted(&server, &dana, role, "1h").await;
            let path = format!("/grants/{}", grant.id);
            let issued = steps::token(&server, &dana, &grant).await;
            let resource_server = if role == "billing-read" { "billing-api" } else { "ledger-api" };
            assert!(steps::is_active(&server, resource_server, &issued).await);

            let browser = server.sign_in(who).await;
            let form = browser.get(&path).await.expect(200).form(&format!("{path}/revoke"));
            let bare = browser.send(&form.clone().with("reason", "  ")).await;
            assert_eq!(bare.status, 422, "{}", bare.words());
            assert!(steps::is_active(&server, resource_server, &issued).await, "not without a reason");
            let _ = browser.send(&form.with("reason", "laptop stolen")).await.expect(303);
            // After the answer no replica says active any more.
            for _ in 0..4 {
                assert!(!steps::is_active(&server, resource_server, &issued).await);
            }
            server.settle().await;
            let ended = server.broker().store.grant(grant.id).await.unwrap().unwrap();
            assert_eq!((ended.state, ended.end_reason), (GrantState::Ended, Some(EndReason::Revoked)));
            assert!(server.mailbox.subjects("dana").iter().any(|s| s.contains("Ended and checked")));
            // She reads at once who revoked it, why, when (in her zone, and as the target's log has it), and what to do.
            let mail = server.mailbox.newest("dana", "Revoked: ");
            let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let by = if who == "ada" { "Ada" } else { "Ana Ruiz" };
            for words in [by, "\"laptop stolen\"", "CET (", &format!("hallpass request {role}"), &path] {
                assert!(text.contains(words), "no {words} in: {text}");
            }
            let page = dana.get(&path).await.expect(200).words();
            assert!(page.contains("laptop stolen"), "{page}");
        }
        // Somebody who neither approved it nor administers has no such form, and is refused.
        let grant = steps::granted(&server, &dana, "billing-read", "1h").await;
        for (who, status) in [("bo", 403), ("otto", 403), ("eve", 404)] {
            let browser = server.sign_in(who).await;
            let _ = browser.get("/account").await.expect(200);
            let form = browser.made_up(&format!("/grants/{}/revoke", grant.id), &[("reason", "no")]);
            let page = browser.send(&form).await;
            assert_eq!(page.status, status, "{who}: {}", page.words());
        }
        assert_eq!(server.broker().store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Active);
        server.stop().await;
    }
}

async fn the_holder_ends_early(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "billing-read", "2h").await;
    let issued = steps::token(&server, &dana, &grant).await;
    server.advance(60);
    let path = format!("/grants/{}", grant.id);
    // Only the holder: sam sees nothing of it.
    let sam = server.sign_in("sam").await;
    let _ = sam.get("/account").await.expect(200);
    assert_eq!(sam.send(&sam.made_up(&format!("{path}/end"), &[])).await.status, 404);

    let form = dana.get(&path).await.expect(200).form(&format!("{path}/end"));
    let _ = dana.send(&form).await.expect(303);
    assert!(!steps::is_active(&server, "billing-api", &issued).await);
    server.settle().await;
    let ended = server.broker().store.grant(grant.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.end_reason, ended.ends_at),
        (GrantState::Ended, Some(EndReason::Released), server.now())
    );
    assert!(server.mailbox.newest("dana", "Ended and checked").text.contains("you ended it"));
    server.stop().await;
}

async fn withdraw_and_lapse(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let withdrawn = steps::ask(&dana, "billing-read", "1h").await;
    let path = format!("/requests/{withdrawn}");
    let form = dana.get(&path).await.expect(200).form(&format!("{path}/withdraw"));
    let _ = dana.submit(&form).await.expect(200);
    assert_eq!(steps::request(&server, &withdrawn).await.state, RequestState::Withdrawn);
    let again = dana.send(&form).await;
    assert_eq!(again.status, 409, "{}", again.words());
    server.settle().await;
    assert_eq!(server.mailbox.recipients("No action needed"), ["ana", "bo", "olga"]);

    // Nobody decides in time: lapsed at the instant, whether or not anybody has looked since.
    let lapsed = steps::ask(&dana, "billing-read", "1h").await;
    let decide_by = steps::request(&server, &lapsed).await.decide_by;
    assert_eq!(decide_by, server.now() + TimeDelta::hours(8));
    server.set_clock(decide_by);
    let ana = server.sign_in("ana").await;
    steps::assert_outcome(&ana.get(&format!("/r/{lapsed}")).await, "Lapsed");
    let digest = steps::request(&server, &lapsed).await.digest;
    let fields = [("digest", digest.as_str()), ("decision", "approve")];
    let late = ana.send(&ana.made_up(&format!("/r/{lapsed}"), &fields)).await;
    assert_eq!(late.status, 409, "{}", late.words());
    server.settle().await;
    assert_eq!(steps::request(&server, &lapsed).await.state, RequestState::Lapsed);
    assert_eq!(server.mailbox.recipients("Lapsed, nobody decided"), ["dana"]);
    server.stop().await;
}
