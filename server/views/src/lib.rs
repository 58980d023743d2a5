//! The portal's pages: one function for each screen, from the [`Shell`] and the screen's own model to HTML.
//!
//! Templates lie in `templates/pages/<area>/<screen>.html`. Everything works without script; the files in `web/`
//! only add ticking countdowns, live status and copy buttons. `README.md` beside this crate is the contract with
//! the handlers: paths, methods, and the fields of each form.
//!
//! Nothing here reads a clock: the time is [`Shell::now`].

/// Makes a screen: a template struct, and the function that renders it.
macro_rules! screen {
    ($(#[$doc:meta])* $name:ident, $template:ident, $model:ty, $path:tt) => {
        #[derive(askama::Template)]
        #[template(path = $path)]
        struct $template<'a> {
            p: crate::page::Page<'a>,
            m: &'a $model,
        }

        $(#[$doc])*
        ///
        /// # Errors
        /// Only if writing into the string fails.
        pub fn $name(shell: &hallpass_broker::views::Shell, model: &$model) -> Result<String, askama::Error> {
            askama::Template::render(&$template { p: crate::page::Page::new(shell), m: model })
        }
    };
}

pub mod access;
pub mod account;
pub mod assets;
pub mod audit;
pub mod catalogue;
pub mod decision;
pub mod demo;
pub mod error;
pub mod mail;
mod markup;
pub mod objects;
mod page;
mod qr;
pub mod reports;
pub mod requests;
pub mod session;
mod time;
mod words;

pub use hallpass_broker::views::Shell;
pub use markup::Html;
pub use words::duration;
