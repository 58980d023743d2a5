//! The server: configuration → adapters → broker → HTTP and reconcilers. The binary is a thin shell around this.
pub mod commands;
pub mod compose;
pub mod config;
pub mod demo;
pub mod logging;
