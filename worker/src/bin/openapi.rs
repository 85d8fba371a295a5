//! Writes the OpenAPI document of the routes: `cargo run -p williw-worker --bin openapi -- docs/openapi.json`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: openapi FILE");
        return ExitCode::from(2);
    };
    let document = match williw_worker::openapi_document() {
        Ok(document) => document,
        Err(error) => {
            eprintln!("openapi: cannot serialize the document: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = std::fs::write(&path, document) {
        eprintln!("openapi: cannot write {path}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
