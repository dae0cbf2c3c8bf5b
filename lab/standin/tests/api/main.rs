//! The API against a real PostgreSQL.

mod faults;
mod peers;
mod postgres;
mod service;
mod shape;
mod upstream;
mod vectors;
mod world;
