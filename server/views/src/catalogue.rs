//! The catalogue of roles.

use hallpass_broker::views::catalogue::CatalogueView;

screen!(
    /// `GET /catalogue`: the roles that one may request.
    index,
    Index,
    CatalogueView,
    "pages/catalogue/index.html"
);
