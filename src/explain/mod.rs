//! Errors and findings as reports: the script's lines, the calls that led there, and what to do next.

mod paint;
pub mod record;
pub mod render;

pub use record::{Diagnostic, Label, Severity};
pub use render::{RenderOptions, render, render_diagnostic, render_failure};
