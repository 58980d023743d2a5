//! `hallpass login`: a person by the device flow (RFC 8628), a workload by its client secret.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use clap::Args;
use hallpass_client::Client;
use hallpass_client::api::oauth::Poll;
use hallpass_client::wire::oauth::{DeviceAuthorization, TokenAnswer};
use secrecy::SecretString;

use crate::clock;
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::safe;
use crate::settings::{path_var, var};
use crate::sign_in::{self, helper, store};
use crate::term;

/// Arguments.
#[derive(Args)]
pub(crate) struct LoginArgs {
    /// Sign in as a workload: its OAuth client id [env: HALLPASS_CLIENT_ID]
    #[arg(long, value_name = "ID", requires = "client_secret_file")]
    client_id: Option<String>,
    /// The file that holds the client's secret; it is read at each use and not copied
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
}

pub(super) async fn perform(ctx: &Ctx, args: LoginArgs) -> Result<(), Failure> {
    match (args.client_id, args.client_secret_file) {
        (Some(id), Some(file)) => workload(ctx, &id, &file).await,
        _ => person(ctx).await,
    }
}

async fn workload(ctx: &Ctx, id: &str, file: &Path) -> Result<(), Failure> {
    let file =
        std::path::absolute(file).map_err(|error| Failure::local("The folder cannot be read", &error))?;
    let client = ctx.anonymous()?;
    let token = ctx.busy(&client, sign_in::workload(id, &file)?.api_token(&client)).await?;
    let path = store::write(
        &ctx.settings,
        client.base(),
        &store::SignIn::Workload { client_id: id.to_owned(), secret_file: file.clone() },
    )?;
    ctx.say(&format!("{} remembers the client id; the secret stays in {}.", path.display(), file.display()));
    done(ctx, client.with_token(token)).await
}

async fn person(ctx: &Ctx) -> Result<(), Failure> {
    let client = ctx.anonymous()?;
    let machine = machine_name();
    let device = ctx.busy(&client, client.device_authorization(&machine)).await?;
    let minutes = hallpass_domain::window::describe_seconds(device.expires_in);
    ctx.say(&format!("Open   {}\nType   {}\n\nThe code is good for {minutes}. Waiting until you allow it there; Ctrl-C stops.", device.verification_uri, device.user_code));
    open_browser(&device.verification_uri);
    let token = poll(ctx, &client, &device).await?;
    if !safe::is_plain_secret(&token.access_token) {
        return Err(Failure::new(Exit::Failed, "strange_answer", "The server's token is not one"));
    }
    let secret = SecretString::from(token.access_token.as_str());
    let client = client.with_token(secret);
    let me = ctx.busy(&client, client.me()).await?;
    let expires_at = clock::now() + TimeDelta::try_seconds(token.expires_in).unwrap_or_default();
    if let Some(program) = path_var("HALLPASS_TOKEN_HELPER") {
        helper::store(&program, client.base(), &token.access_token)?;
        ctx.say(&format!("The token is kept by {}.", program.display()));
    } else {
        let path = store::write(
            &ctx.settings,
            client.base(),
            &store::SignIn::Person { handle: me.handle.clone(), token: token.access_token, expires_at },
        )?;
        ctx.say(&format!(
            "Warning: the token is kept in the file {}, readable only by you. `hallpass logout` ends it.",
            path.display()
        ));
    }
    done(ctx, client).await
}

async fn done(ctx: &Ctx, client: Client) -> Result<(), Failure> {
    let me = ctx.busy(&client, client.me()).await?;
    if let Ok(vkey) = client.audit_vkey().await {
        store::pin_vkey(&ctx.settings, client.base(), &vkey);
    }
    ctx.say(&format!(
        "Signed in to {} as {}, until {}.",
        client.base().authority(),
        me.name,
        clock::at(me.token_expires_at)
    ));
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&super::whoami::answer(&me, client.base().as_str())) }
}

/// Asks for the token until the person has allowed or refused it.
async fn poll(ctx: &Ctx, client: &Client, device: &DeviceAuthorization) -> Result<TokenAnswer, Failure> {
    let mut interval = Duration::from_secs(device.interval.clamp(1, 60));
    let lapses =
        Instant::now() + Duration::from_secs(u64::try_from(device.expires_in).unwrap_or(0).min(3_600));
    loop {
        tokio::time::sleep(interval).await;
        match client.device_token(&device.device_code).await {
            Ok(Poll::Token(token)) => return Ok(token),
            Ok(Poll::Pending) => {}
            Ok(Poll::SlowDown) => interval += Duration::from_secs(5),
            // RFC 8628 §3.5: on a connection problem go on, more slowly.
            Err(error) if error.is_retryable() => {
                ctx.say(&format!("{error}; trying again."));
                interval = (interval * 2).min(Duration::from_secs(60));
            }
            Err(error) if error.code() == "access_denied" => {
                return Err(Failure::new(
                    Exit::Denied,
                    "access_denied",
                    "The sign-in was refused in the browser",
                ));
            }
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= lapses {
            return Err(Failure::new(Exit::Over, "expired_token", "The code lapsed before it was typed")
                .next("hallpass login"));
        }
    }
}

/// The name under which the person sees this machine.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| var("HOSTNAME"))
        .unwrap_or_default();
    let name: String = safe::line(name.trim()).chars().take(64).collect();
    if name.is_empty() { "unknown machine".to_owned() } else { name }
}

/// Opens the page in the browser that the person named, without giving it our terminal. The code is typed by hand all the same.
fn open_browser(uri: &str) {
    let web = uri.starts_with("https://") || uri.starts_with("http://");
    let Some(browser) = var("BROWSER").filter(|_| web && term::stderr_is_tty()) else { return };
    use std::process::{Command, Stdio};
    // A browser that does not start is no loss: the address stands on the screen.
    drop(
        Command::new(browser)
            .arg(uri)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn(),
    );
}
