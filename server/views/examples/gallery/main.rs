//! Writes every screen in several states to a folder, with sample data, for people (and `shots.mjs`) to look at.
//!
//! `cargo run -p hallpass-views --example gallery -- OUT`

mod access;
mod admin;
mod asking;
mod credentials;
mod decisions;
mod entry;
mod mails;
mod requests;
mod sample;

use std::path::Path;
use std::{env, fs};

use hallpass_domain::ports::notifier::RenderedMail;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The pages and mails, by file name.
#[derive(Default)]
struct Gallery {
    pages: Vec<(String, String)>,
    mails: Vec<(String, RenderedMail)>,
}

impl Gallery {
    /// Takes a page, and refuses one that the Content-Security-Policy would cripple.
    fn add(&mut self, name: &str, page: Result<String, askama::Error>) -> Outcome<()> {
        let page = page?;
        for inline in [" style=", "<style", "<script>", " onclick=", " onchange=", "javascript:"] {
            if page.contains(inline) {
                return Err(format!("{name} has {inline:?} inline").into());
            }
        }
        self.pages.push((name.to_owned(), page));
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let out = env::args().nth(1).ok_or("usage: gallery OUT")?;
    let out = Path::new(&out);
    let mut gallery = Gallery::default();
    entry::add(&mut gallery)?;
    asking::add(&mut gallery)?;
    requests::add(&mut gallery)?;
    decisions::add(&mut gallery)?;
    access::add(&mut gallery)?;
    credentials::add(&mut gallery)?;
    admin::add(&mut gallery)?;
    mails::add(&mut gallery)?;

    fs::create_dir_all(out.join("assets"))?;
    for asset in hallpass_views::assets::all() {
        fs::write(out.join(asset.path.trim_start_matches('/')), asset.bytes)?;
    }
    let mut index = String::from("<!doctype html><title>Gallery</title><ul>");
    for (name, page) in &gallery.pages {
        fs::write(out.join(format!("{name}.html")), page)?;
        index.push_str(&format!("<li><a href=\"{name}.html\">{name}</a>"));
    }
    for (name, mail) in &gallery.mails {
        fs::write(out.join(format!("{name}.html")), &mail.html)?;
        fs::write(out.join(format!("{name}.txt")), format!("Subject: {}\n\n{}", mail.subject, mail.text))?;
        index.push_str(&format!("<li><a href=\"{name}.html\">{name}</a> <a href=\"{name}.txt\">text</a>"));
    }
    fs::write(out.join("index.html"), index)?;
    fs::write(out.join("mail-frame.html"), hallpass_views::demo::mail_frame(sample::MAIL_HTML))?;
    eprintln!("{} pages and {} mails in {}", gallery.pages.len(), gallery.mails.len(), out.display());
    Ok(())
}
