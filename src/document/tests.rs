//! Tables of what is documented, and laws over generated documents.

mod access;
mod edit;
mod evaluate;
mod generated;
mod normal;
mod parse;
mod samples;
