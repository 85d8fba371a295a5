//! How large the built parts are.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;

/// A built part.
#[derive(Clone, Debug)]
pub struct Size {
    /// What it is.
    pub name: &'static str,
    /// Bytes.
    pub bytes: usize,
    /// Bytes after gzip, where that is what counts.
    pub gzipped: Option<usize>,
}

/// Measures the program and the Worker's module.
pub fn measure(artifacts: &Artifacts) -> Result<Vec<Size>, HarnessError> {
    let program = read(&artifacts.program)?;
    let module = read(&artifacts.worker.with_file_name("index_bg.wasm"))?;
    let gzipped = gzip(&module).map_err(HarnessError::io("compressing the Worker's module"))?;
    Ok(vec![
        Size { name: "program (settlement.so)", bytes: program.len(), gzipped: None },
        Size { name: "Worker (wasm)", bytes: module.len(), gzipped: Some(gzipped) },
    ])
}

fn read(path: &Path) -> Result<Vec<u8>, HarnessError> {
    std::fs::read(path).map_err(HarnessError::io(format!("reading {}", path.display())))
}

/// The length of `bytes` after gzip at its best, as Cloudflare counts a Worker's size.
fn gzip(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
