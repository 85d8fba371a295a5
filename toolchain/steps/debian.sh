# Libraries from Debian, unpacked next to the system's.

# ---- libLLVM for sbpf-linker, with the libc it needs, which the anchor command also uses on older systems ------
debian_libs_present() { real_sbf >/dev/null && { anchor_present || anchor_runs; }; }
debian_libs_about() { echo "LLVM ${LLVM_SONAME%.*} and a current libc (200 MB, about 10 s)"; }
debian_libs_inputs() { echo "$STORE" "$LLVM_PKG $LLVM_SONAME $LLVM_SUITE"; declare -f debian_libs_make; }
debian_libs_make() {
  local dir=$1 d=$BUILD/debian-libs p lib=$1/usr/lib/x86_64-linux-gnu
  need_debian "LLVM ${LLVM_SONAME%.*}" "Or install Anza's tools: https://docs.anza.xyz/cli/install"
  deb_update "$LLVM_SUITE"
  p=$(deb_closure "$LLVM_SUITE" "$LLVM_PKG" libstdc++6 libssl3t64)
  p=$(grep -vE '^(debconf|cdebconf|perl|dpkg|tar|openssl|gcc-[0-9]|.*-(common|base|data|l10n|i18n|terminfo|provider.*)$)' <<< "$p")
  rm -rf "$d"
  # shellcheck disable=SC2086 # a list
  deb_get "$LLVM_SUITE" "$d" $p
  for p in "$d"/*.deb; do dpkg-deb -x "$p" "$d/x"; done
  mkdir -p "$lib" "$dir/llvm"; cp -a "$d"/x/usr/lib/x86_64-linux-gnu/*.so* "$lib/"
  [ -e "$lib/libLLVM.so.$LLVM_SONAME" ] || die "$LLVM_PKG in $LLVM_SUITE does not contain libLLVM.so.$LLVM_SONAME: see toolchain/versions.sh"
  ln -s "$lib/libLLVM.so.$LLVM_SONAME" "$dir/llvm/"
}
debian_libs_use() { :; }

# ---- OpenSSL for openssl-sys: the system's, Debian's static libraries, or built from source by openssl-sys ------
openssl_present() {
  if have pkg-config && pkg-config --exists openssl; then export_var OPENSSL_NO_VENDOR 1; return 0; fi
  if debian_ready && [ -n "$(debian_codename)" ]; then return 1; fi
  have make && have perl && perl -MFindBin -MIPC::Cmd -e1 2>/dev/null \
    || die "the OpenSSL headers are missing: install libssl-dev and pkg-config (or perl and make, to build OpenSSL from source)"
}
debian_codename() { (. /etc/os-release 2>/dev/null; [ "${ID:-}" != debian ] || echo "${VERSION_CODENAME:-}"); }
openssl_about() { echo "OpenSSL's headers and static library (3 MB, about 5 s)"; }
openssl_inputs() { debian_codename; declare -f openssl_make; }
openssl_make() {
  local d=$BUILD/openssl suite; suite=$(debian_codename)
  deb_update "$suite"
  rm -rf "$d"; deb_get "$suite" "$d" libssl-dev
  dpkg-deb -x "$d"/libssl-dev_*.deb "$d/x"
  mkdir -p "$1/include" "$1/lib"
  cp -a "$d"/x/usr/include/openssl "$1/include/"
  cp -a "$d"/x/usr/include/x86_64-linux-gnu/openssl/. "$1/include/openssl/"
  cp -a "$d"/x/usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.a "$1/lib/"
}
openssl_use() {
  export_var OPENSSL_NO_VENDOR 1; export_var OPENSSL_STATIC 1
  export_var OPENSSL_INCLUDE_DIR "$1/include"; export_var OPENSSL_LIB_DIR "$1/lib"
}
