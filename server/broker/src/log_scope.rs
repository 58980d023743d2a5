//! For which request something is done, so that every line of the log that is written meanwhile names it. A value of the task
//! and no span: to make a span, write its fields down and enter it at each poll took a quarter of a warm introspection.
use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static REQUEST: Option<Arc<str>>;
}

/// Work with the request that it is done for.
pub type Scoped<F> = TaskLocalFuture<Option<Arc<str>>, F>;

/// `work`, done for the request with this id.
pub fn of_request<F: Future>(id: Arc<str>, work: F) -> Scoped<F> {
    REQUEST.scope(Some(id), work)
}

/// `work` for the same request as here, wherever it goes on: for what is done in a task of its own.
pub fn carried<F: Future>(work: F) -> Scoped<F> {
    REQUEST.scope(request(), work)
}

/// The request for which this task works.
pub fn request() -> Option<Arc<str>> {
    REQUEST.try_with(Clone::clone).ok().flatten()
}
