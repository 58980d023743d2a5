//! `hallpassd backup` of a PostgreSQL database, with the program that makes it, and a server that starts on it.
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hallpass_tests::pg::{Cluster, PASSWORD as SUPERUSERS, programs};
use hallpass_tests::wait::eventually_within;

use crate::operators::{Installed, PASSWORD};
use crate::parts::SOON;

/// An installation on a database of a cluster; its checkpoints are in `checkpoints.txt`.
pub(crate) fn on(cluster: &Cluster, database: &str) -> Installed {
    let mut new = Installed::new();
    point(&mut new, cluster, database);
    new
}

fn point(new: &mut Installed, cluster: &Cluster, database: &str) {
    new.database = Some(format!("{}?sslmode=disable", cluster.url(database)));
    let (points, journal) = (new.path("checkpoints.txt"), new.path("journal"));
    new.configure(&format!("[audit]\ncheckpoint_file = \"{}\"\n", points.display()));
    let text = std::fs::read_to_string(new.path("hallpassd.toml")).expect("the configuration");
    let text = text.replacen("[keys]", &format!("journal_file = \"{}\"\n[keys]", journal.display()), 1);
    std::fs::write(new.path("hallpassd.toml"), text).expect("written");
}

/// Made while the server runs, for its owner alone; put back as a database of its own, it is known as what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_is_put_back() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster");
    cluster.databases(&["hallpass", "restored"]).await;
    let mut new = on(&cluster, "hallpass");
    new.init().await;
    let server = new.serve().await;
    let copy = new.path("copy.dump");
    let to = copy.display().to_string();
    new.ok(&["backup", &to]).await;
    assert_eq!(std::fs::metadata(&copy).expect("the copy").permissions().mode() & 0o777, 0o600);
    assert!(!new.path("copy.dump.part").exists());
    let why = new.refused(&["backup", &to]).await;
    assert!(why.contains("exists already"), "{why}");

    // What is published after it is how a server knows that it stands on an older database.
    let published = || std::fs::metadata(new.path("checkpoints.txt")).map_or(0, |m| m.len());
    let before = published();
    assert!(new.signs_in(PASSWORD).await);
    eventually_within(SOON, "a newer checkpoint", || async { (published() > before).then_some(()) }).await;
    server.stop().await;
    let restore = Command::new(programs().join("pg_restore"))
        .args(["--exit-on-error", "--no-owner", "-h", "127.0.0.1", "-U", "postgres", "-d", "restored"])
        .args(["-p", &cluster.port().to_string(), &to])
        .env("PGPASSWORD", SUPERUSERS)
        .output()
        .expect("it runs");
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    point(&mut new, &cluster, "restored");
    let server = new.serve().await;
    assert!(new.signs_in(PASSWORD).await);
    let said = new.ok(&["restored", "status"]).await;
    assert!(said.contains("checkpoints.txt") && said.contains("hallpassd restored confirm"), "{said}");
    assert!(new.ok(&["restored", "confirm"]).await.starts_with("Confirmed."));
    server.stop().await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.expect("its end");
}

/// Without the program, with an older one, and where the database does not answer: said in words, with nothing left behind
/// and no password told. The older program is a stand-in that says what such a one says: there is one version here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_there_is_no_dump() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster");
    let mut new = on(&cluster, "missing");
    let to = new.path("copy.dump").display().to_string();
    let folder = new.path("programs");
    std::fs::create_dir(&folder).expect("a folder");
    let mut whys = vec![(new.refused(&["backup", &to]).await, "does not exist")];
    new.search = Some(folder.clone());
    whys.push((new.refused(&["backup", &to]).await, "apt-get install postgresql-client"));
    let stand_in = folder.join("pg_dump");
    let script = "#!/bin/sh\necho \"$0 $*\" >&2\necho 'pg_dump: error: aborting because of server version mismatch' >&2\necho 'pg_dump: detail: server version: 18.0; pg_dump version: 15.9' >&2\nexit 1\n";
    std::fs::write(&stand_in, script).expect("a script");
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    whys.push((new.refused(&["backup", &to]).await, "older than the database's server"));
    for (why, part) in whys {
        assert!(why.contains(part), "{why}");
        assert!(!why.contains(SUPERUSERS), "{why}");
    }
    for name in ["copy.dump", "copy.dump.part"] {
        assert!(!new.path(name).exists(), "{name}");
    }
    tokio::task::spawn_blocking(move || drop(cluster)).await.expect("its end");
}
