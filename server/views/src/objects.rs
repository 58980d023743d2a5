//! The catalogue's objects, to read.

use hallpass_broker::views::objects::{
    GroupRow, ObjectsView, PersonRow, RoleRow, TargetRow, WorkflowRow, WorkloadRow,
};

screen!(
    /// `GET /catalogue/targets`.
    targets,
    Targets,
    ObjectsView<TargetRow>,
    "pages/catalogue/targets.html"
);
screen!(
    /// `GET /catalogue/roles`.
    roles,
    Roles,
    ObjectsView<RoleRow>,
    "pages/catalogue/roles.html"
);
screen!(
    /// `GET /catalogue/workflows`.
    workflows,
    Workflows,
    ObjectsView<WorkflowRow>,
    "pages/catalogue/workflows.html"
);
screen!(
    /// `GET /catalogue/groups`.
    groups,
    Groups,
    ObjectsView<GroupRow>,
    "pages/catalogue/groups.html"
);
screen!(
    /// `GET /catalogue/people`.
    people,
    People,
    ObjectsView<PersonRow>,
    "pages/catalogue/people.html"
);
screen!(
    /// `GET /catalogue/workloads`.
    workloads,
    Workloads,
    ObjectsView<WorkloadRow>,
    "pages/catalogue/workloads.html"
);
