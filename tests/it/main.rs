//! Integration tests, by subject. They need only this repository.

mod architecture;
mod cli;
mod columns;
mod concat;
mod convert;
mod damage;
mod dataset;
mod doctor;
mod examples;
mod failures;
mod hdf5;
mod inputs;
mod messages;
mod outputs;
mod reads;
mod rewrite;
mod signals;
mod source_code;
mod subset;
mod support;
mod text;
mod trees;
mod verify;
mod write;
mod zarr;
