//! What the reconcilers report.

use hallpass_broker::views::reports::ReportsView;

screen!(
    /// `GET /reports`.
    index,
    Index,
    ReportsView,
    "pages/reports/index.html"
);
