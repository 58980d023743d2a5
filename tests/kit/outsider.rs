//! Looks at a server's store by a program that is not Hallpass: PostgreSQL's driver, or Python's SQLite. Values are text.
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// One statement a line as JSON, one answer a line: rows, or an object with the error.
const LITE: &str = r#"
import json, sqlite3, sys
def text(v): return None if v is None else v.hex() if isinstance(v, bytes) else str(v)
db = None
for line in sys.stdin:
    try:
        if db is None: db = sqlite3.connect(f'file:{sys.argv[1]}?mode=rw', uri=True, timeout=5, isolation_level=None)
        out = [[text(v) for v in row] for row in db.execute(json.loads(line))]
    except sqlite3.Error as e:
        out = {"error": str(e)}
    print(json.dumps(out), flush=True)
"#;

/// A row: text, or nothing for NULL.
pub type Row = Vec<Option<String>>;

/// A connection of somebody else to a store.
pub enum Outsider {
    /// To an SQLite file.
    Lite(Box<Lite>),
    /// To a PostgreSQL database.
    Pg(tokio_postgres::Client),
}

/// Python with the file open.
pub struct Lite {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Outsider {
    /// Connects to a store by its address, `sqlite:…` or `postgres://…`.
    pub async fn connect(database: &str) -> Self {
        match database.strip_prefix("sqlite:") {
            Some(path) => Self::Lite(Box::new(Lite::open(Command::new("/usr/bin/python3"), Path::new(path)))),
            None => {
                // How many connections Hallpass makes is said to Hallpass alone.
                let plain = database.split("&connections=").next().unwrap_or(database);
                let (client, connection) =
                    tokio_postgres::connect(plain, NoTls).await.expect("the store's cluster");
                tokio::spawn(connection);
                Self::Pg(client)
            }
        }
    }

    /// Opens an SQLite file that only a process in other name spaces sees.
    pub fn within(process: u32, path: &Path) -> Self {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &process.to_string(),
            "--user",
            "--preserve-credentials",
            "--mount",
            "/usr/bin/python3",
        ]);
        Self::Lite(Box::new(Lite::open(command, path)))
    }

    /// Rows of a statement, or why there are none.
    pub async fn try_sql(&mut self, sql: &str) -> Result<Vec<Row>, String> {
        match self {
            Self::Lite(lite) => lite.sql(sql).await,
            Self::Pg(client) => {
                let messages = client.simple_query(sql).await.map_err(|e| e.to_string())?;
                let rows = messages.into_iter().filter_map(|m| match m {
                    SimpleQueryMessage::Row(row) => {
                        Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect())
                    }
                    _ => None,
                });
                Ok(rows.collect())
            }
        }
    }

    /// Rows of a statement.
    ///
    /// # Panics
    /// Where the store refuses it.
    pub async fn sql(&mut self, sql: &str) -> Vec<Row> {
        self.try_sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The one number that a statement answers.
    pub async fn number(&mut self, sql: &str) -> i64 {
        let rows = self.sql(sql).await;
        rows.first()
            .and_then(|r| r.first())
            .and_then(|v| v.as_deref())
            .and_then(|v| v.parse().ok())
            .expect("a number")
    }

    /// The first value of the first row.
    pub async fn text(&mut self, sql: &str) -> Option<String> {
        self.sql(sql).await.into_iter().next().and_then(|r| r.into_iter().next()).flatten()
    }
}

impl Lite {
    fn open(mut python: Command, path: &Path) -> Self {
        let mut child = python
            .args(["-c", LITE])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3");
        let input = child.stdin.take().expect("stdin");
        let output = BufReader::new(child.stdout.take().expect("stdout")).lines();
        Self { _child: child, input, output }
    }

    async fn sql(&mut self, sql: &str) -> Result<Vec<Row>, String> {
        let line = serde_json::to_string(sql).map_err(|e| e.to_string())? + "\n";
        self.input.write_all(line.as_bytes()).await.map_err(|e| e.to_string())?;
        let answer = self.output.next_line().await.map_err(|e| e.to_string())?.ok_or("python ended")?;
        let value: serde_json::Value = serde_json::from_str(&answer).map_err(|e| e.to_string())?;
        match value.get("error") {
            Some(error) => Err(error.to_string()),
            None => serde_json::from_value(value).map_err(|e| e.to_string()),
        }
    }
}
