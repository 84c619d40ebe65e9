//! Whole runs on clusters of real processes, compared with the embedded driver.

mod runs;
mod sql;
mod world;
