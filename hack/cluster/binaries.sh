#!/usr/bin/env bash
# Provide the binaries of etcd, Kubernetes, kwok and CoreDNS in the project's cache.
#
#   hack/cluster/binaries.sh [integration|node|all|NAME...]
#
#   integration   what integration tests and CLUSTER=kwok need (the default)
#   node          what CLUSTER=node needs
#   NAME          etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl kwok coredns
#                 containerd kind
#
# Each binary comes from the first of these that has it:
#   the cache     ${XDG_CACHE_HOME:-$HOME/.cache}/sluice/<project>-<version>/bin (SLUICE_BIN_DIR names a directory instead)
#   a download    with its published checksum, where the network allows
#   a build       from its Go module, whose checksums are in go.sum beside this script
# BINARIES_FROM=download or BINARIES_FROM=build takes only that one.
# KUBERNETES_MIRROR and GITHUB_MIRROR stand in for https://dl.k8s.io and https://github.com.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

from=${BINARIES_FROM:-auto}
kubernetes_mirror=${KUBERNETES_MIRROR:-https://dl.k8s.io}
github_mirror=${GITHUB_MIRROR:-https://github.com}
platform_os=$(uname -s | tr '[:upper:]' '[:lower:]')
case $(uname -m) in
  x86_64) platform_arch=amd64 ;;
  aarch64 | arm64) platform_arch=arm64 ;;
  *) platform_arch=$(uname -m) ;;
esac

integration=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)
node=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns)

work= # a directory for what is not finished yet; removed at the end, however it comes
cleanup() {
  [[ -z $work ]] || rm -rf -- "$work"
}
trap cleanup EXIT

# reachable URL says whether a server answers, and remembers it: asking a network that drops packets takes seconds.
unreachable=
reachable() {
  local server
  server=$(cut -d/ -f1-3 <<<"$1")
  if [[ " $unreachable " == *" $server "* ]]; then return 1; fi
  if curl -fsSL --connect-timeout 3 --max-time 10 -o /dev/null "$1" 2>/dev/null; then return 0; fi
  unreachable+=" $server"
  return 1
}

# asset NAME prints "URL CHECKSUM-URL MEMBER", MEMBER being the file's name in the archive or "-"; nothing where the
# project publishes no checksum with its releases, as kwok: a build from the module is then the safe way.
asset() {
  local version
  case $1 in
    kube*)
      version=$kubernetes_mirror/$KUBERNETES_VERSION/bin/$platform_os/$platform_arch/$1
      echo "$version $version.sha256 -"
      ;;
    etcd)
      version=$github_mirror/etcd-io/etcd/releases/download/$ETCD_VERSION
      [[ $platform_os == linux ]] || return 0 # elsewhere it is a zip
      echo "$version/etcd-$ETCD_VERSION-linux-$platform_arch.tar.gz $version/SHA256SUMS etcd-$ETCD_VERSION-linux-$platform_arch/etcd"
      ;;
    coredns)
      version=$github_mirror/coredns/coredns/releases/download/$COREDNS_VERSION/coredns_${COREDNS_VERSION#v}_${platform_os}_$platform_arch.tgz
      echo "$version $version.sha256 coredns"
      ;;
  esac
}

# download NAME TARGET returns 1 where there is nothing to download or no way to it, and ends the program where what
# came is not what was published.
download() {
  local url sums member want got file
  read -r url sums member <<<"$(asset "$1")" || true
  [[ -n $url ]] && reachable "$sums" || return 1
  say "$1: downloading $url"
  file=$work/${url##*/}
  curl -fsSL --connect-timeout 5 --retry 2 -o "$file" "$url" || return 1
  # Either a list of "SUM  FILE", or a lone sum.
  want=$(curl -fsSL --connect-timeout 5 "$sums" | awk -v file="${url##*/}" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }')
  got=$(sha256sum "$file" 2>/dev/null || shasum -a 256 "$file")
  got=${got%% *}
  [[ -n $want && $got == "$want" ]] || die "the checksum of $url is $got, and $sums says '$want'" \
    'the download was damaged or replaced on its way: try again; if it stays, BINARIES_FROM=build makes it from source'
  if [[ $member != - ]]; then
    tar -xzf "$file" -C "$work" "$member" || die "$url has no $member" 'the layout of its releases has changed: BINARIES_FROM=build'
    file=$work/$member
  fi
  install_binary "$file" "$2"
}

# install_binary FILE TARGET: the rename makes it appear whole or not at all.
install_binary() {
  mkdir -p "$(dirname "$2")"
  cp -- "$1" "$2.$$"
  chmod 0755 "$2.$$"
  mv -f -- "$2.$$" "$2"
}

# module NAME prints "DIRECTORY PACKAGE MINUTES", the minutes being those of two cores with an empty build cache.
module() {
  case $1 in
    etcd) echo "kubernetes go.etcd.io/etcd/server/v3 1" ;;
    kwok) echo "kubernetes sigs.k8s.io/kwok/cmd/kwok 3" ;;
    kube-apiserver) echo "kubernetes k8s.io/kubernetes/cmd/$1 8" ;;
    kube*) echo "kubernetes k8s.io/kubernetes/cmd/$1 2" ;;
    coredns) echo "coredns . 1" ;;
    containerd | containerd-shim-runc-v2 | ctr) echo "containerd github.com/containerd/containerd/v2/cmd/$1 1" ;;
    kind) echo "kind sigs.k8s.io/kind 1" ;;
  esac
}

# link_flags NAME: the version that the binary reports; Kubernetes' components refuse to work with an empty one.
link_flags() {
  local package=k8s.io/component-base/version minor=${KUBERNETES_VERSION#v1.}
  case $1 in
    kube*) echo "-s -w -X $package.gitVersion=$KUBERNETES_VERSION -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" ;;
    containerd*) echo "-s -w -X github.com/containerd/containerd/v2/version.Version=$CONTAINERD_VERSION" ;;
    *) echo "-s -w" ;;
  esac
}

# tick says every minute that NAME is still being built, until it is killed, and its sleep with it.
tick() {
  local minutes=0
  trap 'kill $!; exit 0' TERM
  while
    sleep 60 &
    wait $!
  do
    say "$1: still building ($((++minutes)) min)"
  done
}

build() {
  local directory package minutes log=$work/$1.log begin=$SECONDS ticker failed=0
  command -v go >/dev/null || die "$1 has to be built, and there is no go" 'install Go (https://go.dev/dl), or put the binaries into SLUICE_BIN_DIR'
  read -r directory package minutes <<<"$(module "$1")"
  require_space "$cache" 1000 "building $1"
  say "$1: building from its Go module, about $minutes minute(s) on 2 cores without a build cache ..."
  tick "$1" &
  ticker=$!
  # Tags: file systems that need headers of C libraries; the other modules have no such tags.
  (cd "$cluster_dir/$directory" && env -u GOOS -u GOARCH GOFLAGS='' GOWORK=off CGO_ENABLED=0 \
    go build -trimpath -tags no_btrfs,no_devmapper,no_zfs,no_aufs -ldflags "$(link_flags "$1")" \
    -o "$work/$1" "$package") >"$log" 2>&1 || failed=1
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if [[ $failed == 1 ]]; then
    tail -n 20 "$log" >&2
    if grep -q 'no space left on device' "$log"; then die "the disk filled up while $1 was built" 'free some space: `go clean -cache` gives back what builds left'; fi
    die "building $1 failed; the end of its log is above" "by hand: cd $cluster_dir/$directory && go build -o /dev/null $package" \
      'it needs the Go module proxy (GOPROXY) for the modules that are not in the module cache'
  fi
  install_binary "$work/$1" "$2"
  say "$1: built in $((SECONDS - begin)) s"
}

provide() {
  local target
  target=$(binary_path "$1")
  if [[ -x $target ]]; then
    say "$1: in the cache, $target"
    return
  fi
  [[ -z ${SLUICE_BIN_DIR:-} ]] || die "$target is missing, and SLUICE_BIN_DIR says that it is there" 'unset SLUICE_BIN_DIR to use the cache'
  case $from in
    auto) download "$1" "$target" || build "$1" "$target" ;;
    download) download "$1" "$target" || die "$1 cannot be downloaded from here" "what was tried: $(asset "$1")" 'BINARIES_FROM=build makes it from source' ;;
    build) build "$1" "$target" ;;
    *) die "BINARIES_FROM=$from is not known" 'it is download, build, or not set for both' ;;
  esac
}

main() {
  local names=() name
  for name in "${@:-integration}"; do
    case $name in
      -h | --help)
        sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
        return
        ;;
      integration) names+=("${integration[@]}") ;;
      node) names+=("${node[@]}") ;;
      all) names+=("${integration[@]}" "${node[@]}") ;;
      containerd) names+=(containerd containerd-shim-runc-v2 ctr) ;; # of use only together
      *) names+=("$name") ;;
    esac
  done
  for name in "${names[@]}"; do binary_path "$name" >/dev/null; done # unknown names fail before anything is built
  mkdir -p "$cache" || die "cannot make the cache $cache" 'set XDG_CACHE_HOME to a directory that can be written'
  # Two of these at once would build the same thing twice.
  if command -v flock >/dev/null; then
    exec 9>"$cache/.binaries.lock"
    flock 9
  fi
  work=$(mktemp -d "$cache/.work.XXXXXX")
  for name in "${names[@]}"; do provide "$name"; done
}

main "$@"
