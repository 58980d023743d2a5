//! Delivery of mails: one builder makes the message, and each notifier hands it over in its way.
//!
//! | file | what changes it |
//! |---|---|
//! | `message.rs` | headers and MIME structure |
//! | `smtp/` | a mail server |
//! | `folder.rs` | a folder of `.eml` files |
//! | `mailbox.rs` | the demo's viewer, which keeps what was delivered |
//! | `tee.rs` | two of these at once |

mod files;
mod folder;
mod mailbox;
mod message;
mod smtp;
mod tee;

pub use folder::FolderNotifier;
pub use mailbox::{DemoMailbox, KeptMail};
pub use message::{MessageError, Outgoing, Sender};
pub use smtp::{SmtpConfig, SmtpConfigError, SmtpNotifier, SmtpTls};
pub use tee::Tee;
