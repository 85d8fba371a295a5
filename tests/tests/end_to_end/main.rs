//! The whole product on real parts: the program's bytecode on a localnet, the Worker in workerd, D1. One file for each
//! promise. Each test has a network, a Worker and a ledger of its own; the localnet is shared.

mod fixture;

mod api;
mod bad_input;
mod bad_surroundings;
mod d1_conforms;
mod deploy;
mod killed_relay;
mod killed_worker;
mod lost_answers;
mod payment;
mod relay_binary;
mod repeats;
mod the_demo;
