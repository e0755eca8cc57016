#!/usr/bin/env bash
# Start a cluster for the demo and the end-to-end tests; its last line is KUBECONFIG=<path>.
#
#   CLUSTER=kind       a kind cluster, where a Docker engine answers
#   CLUSTER=node       a real node on this machine: Linux, as root, without Docker
#   CLUSTER=kwok       a real control plane with simulated nodes: no containers run
#   CLUSTER=existing   the cluster of your kubeconfig
#
# Not set, it is kind where Docker answers, else node on Linux as root. existing and kwok are never chosen by themselves:
# one is somebody's cluster, and the other shows less than it seems to.
#
#   API_PORT=6443 REGISTRY_PORT=5000   ports on 127.0.0.1
#   SLUICE_STATE                       where the cluster's files go (${XDG_CACHE_HOME:-$HOME/.cache}/sluice/run); one
#                                      cluster for each directory
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

choose() {
  if docker_answers; then
    echo kind
  elif [[ $(uname -s) == Linux && $EUID -eq 0 ]]; then
    echo node
  else
    die 'no cluster can be started here: no Docker engine answers (for kind), and this is not Linux as root (for a node)' \
      'start Docker, or run this with sudo -E on Linux' \
      'or see most of it without containers: CLUSTER=kwok make cluster' \
      'or use a cluster that you have: CLUSTER=existing make cluster'
  fi
}

# up is what is said of a cluster that runs already.
up_already() {
  [[ -z ${CLUSTER:-} || $CLUSTER == "$1" ]] || die "a cluster of the kind '$1' is up, and '$CLUSTER' was asked for" \
    'end it first: make down' 'or have both: SLUICE_STATE=<another directory>, API_PORT and REGISTRY_PORT'
  say "already up: $1"
}

main() {
  local kind=${CLUSTER:-}
  case $kind in
    '' | kind | node | kwok | existing) ;;
    *) die "CLUSTER=$kind is not known" 'it is kind, node, kwok, existing, or not set to choose by itself' ;;
  esac
  if [[ -s $state/kind ]] && "$cluster_dir/$(<"$state/kind")/alive.sh"; then
    up_already "$(<"$state/kind")"
  else
    [[ -n $kind ]] || kind=$(choose)
    # What an earlier start left, after it failed or the machine was restarted.
    if [[ -s $state/kind ]]; then "$cluster_dir/$(<"$state/kind")/down.sh"; fi
    mkdir -p "$state" || die "cannot make $state" 'set SLUICE_STATE to a directory that can be written'
    echo "$kind" >"$state/kind"
    "$cluster_dir/$kind/up.sh"
  fi
  echo "KUBECONFIG=$state/kubeconfig"
}

main
