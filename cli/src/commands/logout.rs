//! `hallpass logout`: the token is revoked at the server and forgotten here; the second also where the first fails.
use secrecy::SecretString;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::settings::path_var;
use crate::sign_in::{helper, store};

pub(super) async fn perform(ctx: &Ctx) -> Result<(), Failure> {
    let base = ctx.base()?;
    // A file that others could read must still be possible to forget.
    let stored = store::read(&ctx.settings, &base).ok().flatten();
    let kept_elsewhere = match path_var("HALLPASS_TOKEN_HELPER") {
        Some(program) => helper::get(&program, &base)?.map(|token| (program, token)),
        None => None,
    };
    let token = match (&kept_elsewhere, &stored) {
        (Some((_, token)), _) | (None, Some(store::SignIn::Person { token, .. })) => {
            Some(SecretString::from(token.as_str()))
        }
        _ => None,
    };
    let mut revoked = Ok(());
    if let Some(token) = token {
        let client = ctx.anonymous()?;
        revoked = ctx.busy(&client, client.revoke_token(&token, None)).await;
    }
    if let Some((program, _)) = &kept_elsewhere {
        helper::erase(program, &base)?;
    }
    let had = store::erase(&ctx.settings, &base)? || kept_elsewhere.is_some();
    match revoked {
        Ok(()) => ctx.say(&if had {
            format!("Signed out of {}.", base.authority())
        } else {
            format!("There was no sign-in at {}.", base.authority())
        }),
        // Expired long ago, or revoked by its owner in the portal: the end that was wanted.
        Err(failure) if failure.code == "invalid_grant" => {
            ctx.say(&format!("Signed out of {}.", base.authority()))
        }
        Err(mut failure) => {
            failure.message =
                format!("The token is forgotten here, but it could not be revoked: {}", failure.message);
            return Err(failure.next("end it in the portal under Account"));
        }
    }
    Ok(())
}
