//! The catalogue as code, and the evidence: applied with a diff, exported, checked offline.
use hallpass_tests::command::Shell;
use hallpass_tests::database::Backend;

use super::{server, shell, stop};
use crate::steps;

on_all!(a_catalogue_is_shown_before_it_is_applied, evidence_is_checked_without_the_server,);

async fn a_catalogue_is_shown_before_it_is_applied(backend: Backend) {
    let server = server(backend).await;
    let ada = shell(&server, "ada").await;
    let same = ada.file("catalogue.toml", &server.catalogue_text());
    assert!(ada.run(&["admin", "apply", "-f", &same]).await.expect(0).said().contains("Nothing differs"));

    let wanted = server.catalogue_text().replace(
        "purpose = \"Read the ledger.\"\ntier = \"low\"",
        "purpose = \"Read the ledger.\"\ntier = \"medium\"",
    );
    let wanted = format!(
        "{wanted}\n[[workloads]]\nname = \"exporter\"\ntitle = \"Exporter\"\nowners = [\"sam@hall.test\"]\n"
    );
    let file = ada.file("wanted.toml", &wanted);
    let shown = ada.run(&["admin", "apply", "-f", &file, "--dry-run"]).await.expect(0);
    assert!(shown.out.contains("ledger-read") && shown.out.contains("exporter"), "{}", shown.out);
    let asked = ada.run(&["admin", "apply", "-f", &file]).await.fails(2);
    assert!(
        asked.said().contains("tier: low → medium") && asked.said().contains("--yes"),
        "{}",
        asked.said()
    );
    let (code, seen) = ada.at_terminal(&format!("admin apply -f {file}"), "[y/N]", "n\n").await;
    assert!(code == 3 && seen.contains("~ role ledger-read"), "{code} {seen}");

    let secrets = ada.folder().join("secrets").display().to_string();
    let applied =
        ada.run(&["admin", "apply", "-f", &file, "--yes", "--secrets-dir", &secrets]).await.expect(0);
    assert!(applied.said().contains("Applied; the catalogue is at revision"), "{}", applied.said());
    for entry in std::fs::read_dir(&secrets).unwrap().flatten() {
        server.secrets.plant("a new client's secret", std::fs::read_to_string(entry.path()).unwrap().trim());
    }
    let people = ada.run(&["admin", "get", "workloads", "--field", "name"]).await.expect(0).out;
    assert!(people.contains("exporter"), "{people}");

    // What nobody could approve is refused, with the line.
    let bad = ada.file(
        "bad.toml",
        &server.catalogue_text().replace("approvers = [\"db-oncall\"]", "approvers = [\"nobody\"]"),
    );
    let refused = ada.run(&["admin", "apply", "-f", &bad, "--yes"]).await.fails(2);
    assert!(refused.said().contains("line ") && refused.said().contains("nobody"), "{}", refused.said());
    // It is nobody else's business.
    assert!(matches!(shell(&server, "dana").await.run(&["admin", "apply", "-f", &same]).await.code, 5 | 7));
    ada.assert_discreet(&server.secrets);
    stop(server).await;
}

async fn evidence_is_checked_without_the_server(backend: Backend) {
    let server = server(backend).await;
    let (dana, otto) = (shell(&server, "dana").await, shell(&server, "otto").await);
    let (browser, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&browser, "orders-db-read", "5m").await;
    let _ = steps::approve(&ana, &reference).await;
    let psql = ["run", "orders-db-read", "--end", "--", "psql", "-XAtc", "SELECT 1"];
    let _ = dana.run(&psql).await.expect(0);
    // A second grant gives tokens; its receipt is asked for while it is active, too.
    let tokens = steps::ask(&browser, "billing-read", "5m").await;
    let _ = steps::approve(&ana, &tokens).await;
    let _ = dana.run(&["run", "billing-read", "--", "true"]).await.expect(0);
    let active = sealed(&otto, &tokens).await;
    let _ = dana.run(&["run", "billing-read", "--end", "--", "true"]).await.expect(0);
    hallpass_tests::wait::eventually("the grant is over and sealed", || async {
        let (grant, other) = (steps::grant(&server, &reference).await, steps::grant(&server, &tokens).await);
        let ended = hallpass_domain::grant::GrantState::Ended;
        (grant.state == ended
            && other.state == ended
            && hallpass_tests::facts::leftovers(&server).await.is_empty())
        .then_some(())
    })
    .await;

    let receipt = sealed(&otto, &reference).await;
    let _ = otto.file("active.json", &active);
    let _ = otto.file("tokens.json", &sealed(&otto, &tokens).await);
    for (name, arguments) in [("vkey", &["audit", "vkey"][..]), ("checkpoint", &["audit", "checkpoint"])] {
        let _ = otto.file(name, &otto.run(arguments).await.expect(0).out);
    }
    let _ = otto.file("receipt.json", &receipt);
    let _ = otto.run(&["audit", "export", "-o", "export.jsonl"]).await.expect(0);
    let found =
        otto.run(&["audit", "search", "--subject", &reference, "--format", "plain"]).await.expect(0).out;
    assert!(found.contains("request.approved") && found.contains("request.submitted"), "{found}");
    stop(server).await;

    // Nobody is there any more, and nobody is asked.
    let auditor = otto.with("HALLPASS_SERVER", "http://127.0.0.1:9").with("HALLPASS_TOKEN_FILE", "");
    let verify = |files: &'static [&'static str]| {
        ["audit", "verify"].iter().chain(files).copied().collect::<Vec<&str>>()
    };
    let whole = verify(&["--export", "export.jsonl", "--checkpoint", "checkpoint", "--vkey", "vkey"]);
    let verified = auditor.run(&whole).await.expect(0).out;
    assert!(verified.contains("Verified") && verified.contains("covered by your checkpoint"), "{verified}");
    let proved = auditor.run(&verify(&["--receipt", "receipt.json", "--vkey", "vkey"])).await.expect(0).out;
    assert!(
        proved.contains("events proved to stand in the log") && proved.contains("request.approved"),
        "{proved}"
    );
    // Who, what, when; with what was measured, and that nothing is left out.
    for words in [
        "by Ana Ruiz <ana@hall.test>",
        "proof session",
        "digest ",
        "verified gone after",
        "as many events of each kind",
    ] {
        assert!(proved.contains(words), "{words} in {proved}");
    }
    assert!(!proved.contains("Not proved"), "{proved}");
    let proved = auditor.run(&verify(&["--receipt", "tokens.json", "--vkey", "vkey"])).await.expect(0).out;
    assert!(
        proved.contains("token.issued by Dana") && proved.contains("as many events of each kind"),
        "{proved}"
    );
    let proved = auditor.run(&verify(&["--receipt", "active.json", "--vkey", "vkey"])).await.expect(0).out;
    assert!(proved.contains("the grant had not ended"), "{proved}");
    let forged = std::fs::read_to_string(auditor.folder().join("receipt.json"))
        .unwrap()
        .replace("Ana Ruiz", "Ada Ruiz");
    let _ = auditor.file("forged.json", &forged);
    let refused = auditor.run(&verify(&["--receipt", "forged.json", "--vkey", "vkey"])).await.fails(1);
    assert!(refused.said().contains("NOT"), "{}", refused.said());

    let honest = std::fs::read_to_string(auditor.folder().join("export.jsonl")).unwrap();
    let at = honest.lines().find(|l| l.contains("request.approved")).unwrap();
    let index = serde_json::from_str::<serde_json::Value>(at).unwrap()["index"].to_string();
    let _ =
        auditor.file("export.jsonl", &honest.replace("\"verdict\":\"approve\"", "\"verdict\":\"refused\""));
    let refused = auditor.run(&whole).await.fails(1);
    assert!(refused.said().contains(&format!("event {index}: changed")), "{}", refused.said());
    assert_no_network(&auditor);
}

/// The receipt of a grant, once all of its events are sealed.
async fn sealed(shell: &Shell, reference: &str) -> String {
    hallpass_tests::wait::eventually("everything of it is sealed", || async {
        let receipt = shell.run(&["receipt", reference]).await.expect(0);
        (receipt.json()["unsealed"] == 0).then_some(receipt.out)
    })
    .await
}

fn assert_no_network(shell: &Shell) {
    assert!(!shell.heard().contains("127.0.0.1:9"), "verify asks nobody");
}
