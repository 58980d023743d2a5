//! The end: by a signal, by a kill, and the start after it.
use hallpass_tests::process::{children, signal};

use super::{Demo, answers, folder, silent};

/// The state word of a request, as its own page's data says it.
async fn still_there(demo: &Demo, reference: &str) {
    let page = demo.act_as("dana@demo.test").await.get(&format!("/requests/{reference}")).await.expect(200);
    assert!(page.words().contains("Trying it") || page.words().contains("trying it"), "{}", page.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_everything_and_a_start_keeps_everything() {
    let folder = folder();
    let data = folder.path().join("data");
    let demo = Demo::start(&data).await;
    let (facts, port) = (demo.facts.clone(), demo.cluster());
    let reference = demo.granted("db-quick", "2m").await;
    demo.stop("INT").await;
    assert!(!answers(port), "Ctrl-C ends the cluster, too, before the demo has ended");

    let demo = Demo::start(&data).await;
    for member in ["people", "workload", "resource_server", "roles"] {
        assert_eq!(demo.facts[member], facts[member], "{member}");
    }
    assert_eq!(demo.cluster(), port);
    still_there(&demo, &reference).await;
    demo.stop("TERM").await;
    assert!(!answers(port));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_nothing_running() {
    let folder = folder();
    let data = folder.path().join("data");
    let demo = Demo::start(&data).await;
    let port = demo.cluster();
    let reference = demo.granted("db-quick", "2m").await;
    demo.kill().await;
    silent(port).await;

    // Killed with what keeps the cluster: that runs on, until the next start finds it.
    let demo = Demo::start(&data).await;
    still_there(&demo, &reference).await;
    for keeper in children(demo.id()) {
        // As root, what runs as PostgreSQL's user is a child of what changed the user.
        for process in children(keeper).into_iter().chain([keeper]) {
            signal(process, "KILL");
        }
    }
    demo.kill().await;
    assert!(answers(port), "nobody is left to end it");
    let demo = Demo::start(&data).await;
    still_there(&demo, &reference).await;
    demo.stop("TERM").await;
    assert!(!answers(port));
}
