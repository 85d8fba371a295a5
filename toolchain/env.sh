# Source this in bash or zsh after running toolchain/setup.sh. It puts the prepared tools on PATH.
_toolchain=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)
_env=${WILLIW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/williw}/checkout/$(printf %s "$_toolchain" | sha256sum | cut -c1-16)/env.sh
if [ -f "$_env" ]; then
  # shellcheck source=/dev/null
  . "$_env"
  unset _toolchain _env
else
  echo "toolchain: error: the tools are not set up yet. Run $_toolchain/setup.sh first" >&2
  unset _toolchain _env
  return 1
fi
