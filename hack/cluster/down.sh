#!/usr/bin/env bash
# End the cluster that up.sh started, and remove its files. SLUICE_STATE says which; see up.sh.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if [[ ! -s $state/kind ]]; then
  say "nothing to end: no cluster was started in $state"
  exit 0
fi
kind=$(<"$state/kind")
"$cluster_dir/$kind/down.sh"
say "ended: $kind"
