//! Laws of the `int` dialect, seen from outside.

mod attention;
mod exact;
mod extremes;
mod format;
mod hostile;
mod maker;
mod spoilt;
mod vectors;
