//! The API against a real PostgreSQL.

mod peers;
mod postgres;
mod service;
mod shape;
mod vectors;
mod world;
