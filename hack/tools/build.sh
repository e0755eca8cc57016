#!/usr/bin/env bash
# Build the named development tools as pinned here, and print the path of each binary, one a line.
#
#   hack/tools/build.sh NAME...     (NAME is a directory beside this script, holding a go.mod with one `tool` line, and
#                                    perhaps a file `tags` with build tags)
#
# Each tool is a module of its own, so that none decides another's dependencies or the operator's. A binary lands in
# ${XDG_CACHE_HOME:-$HOME/.cache}/sluice/tools-<key>/NAME, the key being a hash of the pins and the Go toolchain:
# it is built when these change, and otherwise only its path is printed. Safe to run concurrently.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice

# A tool runs on this machine, whatever the caller is cross-building, and is built by its own go.mod only.
unset GOOS GOARCH GOARM64 GOAMD64
export GOFLAGS='' GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0

hash_stdin() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-16
}

build() {
  local name=$1 src=$here/$1 key dir bin tags
  tags=()
  if [[ -f $src/tags ]]; then
    tags=("$src/tags")
  fi
  key=$({ go version && cat "$src/go.mod" "$src/go.sum" ${tags[@]+"${tags[@]}"}; } | hash_stdin)
  dir=$cache/tools-$key
  bin=$dir/$name
  if [[ ! -x $bin ]]; then
    mkdir -p "$dir"
    # The lock only spares a second build of the same tool; the rename is what makes a whole binary appear.
    if command -v flock >/dev/null; then
      exec 9>"$dir/.lock"
      flock 9
    fi
    if [[ ! -x $bin ]]; then
      echo "building $name" >&2
      tmp=$(mktemp "$dir/.$name.XXXXXX")
      trap 'rm -f -- "$tmp"' EXIT # not a local: the trap runs after the function is left
      (cd "$src" && go build -mod=readonly -trimpath -buildvcs=false ${tags[@]+-tags "$(cat "${tags[@]}")"} -o "$tmp" tool) >&2
      chmod 0755 "$tmp"
      mv -f -- "$tmp" "$bin"
      trap - EXIT
    fi
    exec 9>&-
  fi
  echo "$bin"
}

if [[ $# -eq 0 ]]; then
  echo "usage: ${0##*/} NAME...; there are:" >&2
  for mod in "$here"/*/go.mod; do basename "$(dirname "$mod")"; done >&2
  exit 2
fi
for name in "$@"; do
  if [[ $name == */* || ! -f $here/$name/go.mod ]]; then
    echo "${0##*/}: no tool named '$name'" >&2
    exit 2
  fi
done
for name in "$@"; do
  build "$name"
done
