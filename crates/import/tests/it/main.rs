//! Black-box tests of the importer.

mod gguf;
mod hostile;
mod make;
mod models;
mod real;
mod safetensors;
mod web;
