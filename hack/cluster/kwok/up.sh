#!/usr/bin/env bash
# Start a control plane with simulated nodes. Called by ../up.sh with CLUSTER=kwok; down.sh ends it. NODES=3 says how many.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

say 'CLUSTER=kwok: containers are simulated. Pods are only said to run; no image is pulled, no test is executed, no traffic flows.'
require_port "$api_port" API_PORT 'the API server'
require_port "$registry_port" REGISTRY_PORT 'the registry'
require_space "$state" 500 'the control plane'
"$cluster_dir/binaries.sh" integration
mkdir -p "$state/bin"
(cd "$cluster_dir" && CGO_ENABLED=0 go build -trimpath -o "$state/bin/kwok-cluster" ./kwok) ||
  die 'hack/cluster/kwok does not build' 'the compiler says why, above'

settled() { [[ -e $state/ready ]] || ! running "$state/cluster.pid"; }

begin=$SECONDS
# setsid: a Ctrl-C in this terminal is not meant for the cluster.
setsid "$state/bin/kwok-cluster" -directory "$state" -nodes "${NODES:-3}" -api-port "$api_port" \
  -registry "127.0.0.1:$registry_port" >"$state/cluster.log" 2>&1 </dev/null &
remember "$state/cluster.pid" $!
await 'the control plane' 150 settled
if [[ ! -e $state/ready ]]; then
  # The processes' own logs stay, too.
  die "the control plane did not start: $(cat "$state/cluster.log")" "its logs are in $state/logs"
fi
say "the control plane is up after $((SECONDS - begin)) s, with ${NODES:-3} simulated nodes"
