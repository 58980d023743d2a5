//! The server: configuration → adapters → broker → HTTP and reconcilers. The binary is a thin shell around this.
pub mod commands;
pub mod compose;
pub mod config;
pub mod demo;
pub mod logging;

/// Of everything that is built on this library: the server, its tests and its benchmarks. Decision 17 says why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
