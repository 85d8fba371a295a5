# The packages of examples/ and tests/clients: TypeScript clients of the program, and what generates and checks them.
# package.json overrides the versions of some transitive dependencies: the renderer of TypeScript needs Codama's nodes in a
# version before 1.10, and one version of the codecs suffices for all.
clients_present() { false; }
clients_about() { echo "Anchor's and Codama's TypeScript clients, for the tests (170 MB, about 10 s)"; }
clients_inputs() { cat "$TOOLCHAIN/../examples/package-lock.json"; declare -f clients_make; id_of node; }
clients_make() { npm_make ../../examples "$1"; }
clients_use() { export_var WILLIW_CLIENTS "$1"; }
