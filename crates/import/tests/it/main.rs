//! Black-box tests of the importer.

mod again;
mod gguf;
mod hostile;
mod make;
mod models;
mod real;
mod safetensors;
mod sweep;
mod web;
