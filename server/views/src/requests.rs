//! Asking, and following what one asked.

use hallpass_broker::views::request::{RequestView, RequestsView};
use hallpass_broker::views::request_form::RequestFormView;

screen!(
    /// `GET` and `POST /request`: the form with its dry run.
    form,
    Form,
    RequestFormView,
    "pages/requests/form.html"
);
screen!(
    /// `GET /requests`: one's own requests.
    list,
    List,
    RequestsView,
    "pages/requests/list.html"
);
screen!(
    /// `GET /requests/{reference}`: one request with its stages, history and mail.
    detail,
    Detail,
    RequestView,
    "pages/requests/detail.html"
);
