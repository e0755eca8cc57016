# shellcheck shell=bash
# What the scripts of this directory share. Source it; it runs nothing.

cluster_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions/versions.env
source "$cluster_dir/versions/versions.env"

# shellcheck disable=SC2034 # all of these are used by those who source this
{
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice
state=${SLUICE_STATE:-$cache/run}
api_port=${API_PORT:-6443}
registry_port=${REGISTRY_PORT:-5000}
# The one name under which pods, the container runtime and people know the cluster's registry. `.test` is
# reserved (RFC 6761): it can never be a name on the internet.
registry_name=registry.sluice.test:5000
}

say() { printf '%s\n' "$*" >&2; }

# die WHAT-HAPPENED WHAT-TO-DO...
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  if [[ $# -gt 0 ]]; then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# binary_path NAME prints where a binary is or will be. Each project's version has a directory of its own:
# checkouts of two releases can share the cache, and an upgrade never runs half old, half new.
# test/controlplane/binaries.go follows the same layout.
binary_path() {
  if [[ -n ${SLUICE_BIN_DIR:-} ]]; then
    echo "$SLUICE_BIN_DIR/$1"
    return
  fi
  case $1 in
    kube*) echo "$cache/kubernetes-$KUBERNETES_VERSION/bin/$1" ;;
    etcd) echo "$cache/etcd-$ETCD_VERSION/bin/$1" ;;
    kwok) echo "$cache/kwok-$KWOK_VERSION/bin/$1" ;;
    coredns) echo "$cache/coredns-$COREDNS_VERSION/bin/$1" ;;
    containerd | containerd-shim-runc-v2 | ctr) echo "$cache/containerd-$CONTAINERD_VERSION/bin/$1" ;;
    kind) echo "$cache/kind-$KIND_VERSION/bin/$1" ;;
    *) die "no binary is called '$1'" "see $cluster_dir/binaries.sh --help" ;;
  esac
}

# require_space DIRECTORY MEGABYTES PURPOSE fails early, where a full disk would fail late and obscurely.
require_space() {
  local free
  mkdir -p "$1" || die "cannot make the directory $1" 'set XDG_CACHE_HOME or SLUICE_STATE to a directory that can be written'
  free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
  [[ $free -ge $2 ]] || die "$3 needs $2 MB in $1, and $free MB are free" \
    'free some space (`go clean -cache` gives back what builds left), or set XDG_CACHE_HOME and SLUICE_STATE to another disk'
}

# port_taken PORT says whether anything answers on that port of 127.0.0.1.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# require_port PORT VARIABLE WHAT-FOR
require_port() {
  [[ $1 =~ ^[0-9]+$ && $1 -ge 1 && $1 -le 65535 ]] || die "$2=$1 is not a port" "$2 takes a number from 1 to 65535"
  if port_taken "$1"; then
    die "port $1 of 127.0.0.1, meant for $3, is taken" "choose another: $2=$(($1 + 1)) make cluster" \
      "or see who has it: ss -ltnp 'sport = :$1'"
  fi
}

# A process file holds "PID START-TIME": a number alone may be another process by the time it is read.
# A zombie has ended, even where nobody collects it (the first process of many containers does not).
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# remember FILE PID
remember() { echo "$2 $(start_time "$2")" >"$1"; }

# running FILE says whether the remembered process still runs.
running() {
  local pid when
  [[ -s $1 ]] && read -r pid when <"$1" && [[ -n $when && $(start_time "$pid") == "$when" ]]
}

# recorded_pid FILE prints the remembered number.
recorded_pid() { cut -d' ' -f1 "$1"; }

# stop FILE [SIGNAL] signals the remembered process and waits until it is gone.
stop() {
  if running "$1"; then
    kill "-${2:-TERM}" "$(recorded_pid "$1")" 2>/dev/null || true
    await "the end of process $(recorded_pid "$1") ($(basename "$1" .pid))" 30 not_running "$1"
  fi
}

not_running() { ! running "$1"; }

# await WHAT SECONDS COMMAND... returns when COMMAND succeeds. A shell can only look again and again.
await() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $deadline ]] || die "waited in vain for $what" "what was tried: $*"
    sleep 0.05
  done
}

# cluster_name is one for each state directory, so that two clusters may run at once.
cluster_name() { echo "sluice-$(cksum <<<"$state" | cut -d' ' -f1)"; }

# docker_answers says whether a Docker engine can be used, not only whether its client is installed.
docker_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
