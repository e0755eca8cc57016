#!/usr/bin/env bash
# The demo: a cluster, Sluice on it, and releases that pass, fail, and are refused. Real images, real rollouts, real test
# Jobs and real HTTP requests. Every step is checked; the first that does not happen as described ends the demo.
#
#   CLUSTER=kind|node|existing   which cluster (hack/cluster/up.sh)
#   KEEP=no                      take the cluster down at the end
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=lib.sh
source hack/demo/lib.sh
# shellcheck source=steps.sh
source hack/demo/steps.sh

started=$SECONDS
background=()
cleanup() {
  local status=$? pid
  for pid in "${background[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [[ $status -ne 0 ]]; then
    say "The cluster is still there to look around in: export KUBECONFIG=${KUBECONFIG:-}; make down takes it away."
  fi
  [[ ${KEEP:-yes} != no ]] || hack/cluster/down.sh
  exit "$status"
}
trap cleanup EXIT
work=bin/demo # what is shown can be run again from here
rm -rf -- "$work"
mkdir -p "$work"

bring_up_cluster
first_time_here
install_sluice
adopt_version_1
feed_from_git
release_version_2
stop_version_3
stop_version_4
try_to_cheat
work_without_operator
summary
