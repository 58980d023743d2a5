//! The demo's guide and mail viewer.

use hallpass_broker::views::demo::{DemoView, MailListView, MailView};

screen!(
    /// `GET /demo`: people, roles, and the walk.
    guide,
    Guide,
    DemoView,
    "pages/demo/guide.html"
);
screen!(
    /// `GET /demo/mail`: messages as they were sent.
    mail_list,
    MailList,
    MailListView,
    "pages/demo/mail-list.html"
);
screen!(
    /// `GET /demo/mail/{id}`: one message, as HTML in a sandbox and as text.
    mail,
    Mail,
    MailView,
    "pages/demo/mail.html"
);

/// The document for the sandboxed frame at `GET /demo/mail/{id}/html`: the HTML part of a message with one addition,
/// that its links open in the whole window (the portal's own pages refuse to be framed).
#[must_use]
pub fn mail_frame(html: &str) -> String {
    const BASE: &str = "<base target=\"_top\">";
    match html.find("<head>") {
        Some(at) => {
            let (before, after) = html.split_at(at + "<head>".len());
            format!("{before}{BASE}{after}")
        }
        None => format!("{BASE}{html}"),
    }
}

#[cfg(test)]
mod tests {
    use super::mail_frame;

    #[test]
    fn links_leave_the_frame_and_the_doctype_stays_first() {
        assert_eq!(
            mail_frame("<!doctype html><html><head><title>t</title></head></html>"),
            "<!doctype html><html><head><base target=\"_top\"><title>t</title></head></html>"
        );
        assert_eq!(mail_frame("<p>hi"), "<base target=\"_top\"><p>hi");
    }
}
