#!/usr/bin/env bash
# End the node: the forward, the first process (and with it, by the kernel, every other), and the cgroups.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=cgroups.sh
source "$cluster_dir/node/cgroups.sh"

stop "$state/forward.pid"
stop "$state/node.pid" KILL
await "the end of the node's cgroups" 30 remove_cgroups "$(cluster_name)"
# --one-file-system: should a mount have survived, what it shows is not ours to delete.
[[ ${KEEP_STATE:-} == 1 ]] || rm -rf --one-file-system -- "$state"
