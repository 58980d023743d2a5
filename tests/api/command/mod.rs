//! The built `hallpass` command against the real server and a real database: what people and scripts get.
use hallpass_tests::command::{Running, Shell};
use hallpass_tests::database::{self, Backend};
use hallpass_tests::pg::Cluster;
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::wait::eventually;

mod admin;
mod answers;
mod environment;
mod evidence;
mod run;
mod story;
mod workload;

/// A server in real time with a PostgreSQL target, `orders-db`.
async fn server(backend: Backend) -> TestServer {
    server_with(backend, vec![("orders-db".to_owned(), database::target().await)]).await
}

/// The same with other PostgreSQL targets.
async fn server_with(backend: Backend, targets: Vec<(String, &'static Cluster)>) -> TestServer {
    let _ = tokio::task::spawn_blocking(hallpass_tests::command::program).await.unwrap();
    TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await
}

/// The shell of somebody whose token is in a file.
async fn shell(server: &TestServer, key: &str) -> Shell {
    let api = server.api(key).await;
    let shell = Shell::new(&server.base_url);
    let file = shell.file("token", &format!("{}\n", api.token()));
    shell.with("HALLPASS_TOKEN_FILE", &file)
}

/// The shell of a workload.
fn workload(server: &TestServer, client_id: &str) -> Shell {
    let shell = Shell::new(&server.base_url);
    let file = shell.file("secret", server.secret(client_id));
    shell.with("HALLPASS_CLIENT_ID", client_id).with("HALLPASS_CLIENT_SECRET_FILE", &file)
}

/// The reference in what `request` says when it has asked.
async fn reference(request: &mut Running) -> String {
    let line = request.says(" sent: ").await;
    line.split_whitespace().next().unwrap().to_owned()
}

/// Waits until nothing is left to do, and looks at what is left.
async fn stop(server: TestServer) {
    eventually("everything is over", || async {
        let left = hallpass_tests::facts::leftovers(&server).await;
        left.is_empty().then_some(())
    })
    .await;
    server.stop().await;
}
