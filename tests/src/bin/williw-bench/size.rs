//! Sizes of the build artifacts.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;

/// Size of a build artifact.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    /// Display name of the artifact.
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    /// Compressed size in bytes, for artifacts whose size limit applies to the compressed size.
    pub(crate) gzipped: Option<usize>,
}

/// Measures the program and the Worker's WebAssembly module.
pub(crate) fn measure(artifacts: &Artifacts) -> Result<Vec<Size>, HarnessError> {
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

/// Returns the size of `bytes` after gzip at the highest level. Cloudflare's size limit applies to the compressed size.
fn gzip(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
