//! Laws of the `int` dialect, seen from outside.

mod exact;
mod format;
mod hostile;
