//! What one holds: grants, credentials, the watch, and the receipt.

use hallpass_broker::views::access::{AccessView, GrantView};
use hallpass_broker::views::credential::{IssuedView, WatchView};
use hallpass_broker::views::receipt::ReceiptView;

screen!(
    /// `GET /access`: what one holds now, with three facts for each grant.
    index,
    Index,
    AccessView,
    "pages/access/index.html"
);
screen!(
    /// `GET /grants/{id}`: one grant, and the ways to use and to end it.
    grant,
    Grant,
    GrantView,
    "pages/access/grant.html"
);
screen!(
    /// The answer to `POST /grants/{id}/credentials`: the only page that shows a secret.
    issued,
    Issued,
    IssuedView,
    "pages/access/issued.html"
);
screen!(
    /// `GET /credentials/{id}/watch`: a login's sessions as its target reports them, and the times at its end.
    watch,
    Watch,
    WatchView,
    "pages/access/watch.html"
);
screen!(
    /// `GET /grants/{id}/receipt`: one printable page of evidence.
    receipt,
    Receipt,
    ReceiptView,
    "pages/access/receipt.html"
);
