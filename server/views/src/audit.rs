//! The audit explorer.

use hallpass_broker::views::audit::AuditView;

screen!(
    /// `GET /audit`: filter on the server, older pages by cursor.
    index,
    Index,
    AuditView,
    "pages/audit/index.html"
);
