#!/usr/bin/env bash
# Succeed if the kind cluster and its registry run.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
for container in "$(cluster_name)-control-plane" "$(cluster_name)-registry"; do
  [[ $(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null) == true ]]
done
