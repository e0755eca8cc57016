#!/usr/bin/env bash
# Start a kind cluster with a registry beside it. Called by ../up.sh with CLUSTER=kind; down.sh ends it.
#
# The project's own machines have no Docker engine: what is tested of this is its command line, against stand-ins for
# docker and kind that record what they are called with (../cluster_test.go), not a cluster.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

# The distribution registry's current major version; its storage format has not changed within one.
registry_image=${REGISTRY_IMAGE:-registry:3}

docker_answers || die 'CLUSTER=kind needs a Docker engine, and none answers' 'start Docker; on Linux as root there is also CLUSTER=node'
require_port "$api_port" API_PORT 'the API server'
require_port "$registry_port" REGISTRY_PORT 'the registry'
kind=$(command -v kind || true)
if [[ -z $kind ]]; then
  "$cluster_dir/binaries.sh" kind
  kind=$(binary_path kind)
fi
name=$(cluster_name)

undo() {
  local code=$?
  [[ $code -eq 0 ]] || "$cluster_dir/kind/down.sh" || true
  exit "$code"
}
trap undo EXIT

mkdir -p "$state/audit"
cp -- "$cluster_dir/node/conf/audit.yaml" "$state/audit.yaml"
sed -e "s|@STATE@|$state|g" -e "s|@API_PORT@|$api_port|g" "$cluster_dir/kind/cluster.yaml" >"$state/kind.yaml"

say "kind: creating the cluster $name from $KIND_NODE_IMAGE"
"$kind" create cluster --name "$name" --image "$KIND_NODE_IMAGE" --config "$state/kind.yaml" \
  --kubeconfig "$state/kubeconfig" --wait 180s >&2 || die 'kind could not create the cluster' 'it says why, above'

# Nodes and pods find the registry by its alias in kind's network: the nodes ask Docker's name server, and pods ask the
# cluster's, which forwards to that of the node. The host finds it at the published port.
docker run --detach --restart unless-stopped --name "$name-registry" --publish "127.0.0.1:$registry_port:5000" \
  "$registry_image" >/dev/null || die "the registry $registry_image does not start" 'docker says why, above'
docker network connect --alias "${registry_name%:*}" kind "$name-registry"

# Without this the nodes would try HTTPS.
for node in $("$kind" get nodes --name "$name"); do
  docker exec "$node" mkdir -p "/etc/containerd/certs.d/$registry_name"
  docker exec -i "$node" cp /dev/stdin "/etc/containerd/certs.d/$registry_name/hosts.toml" <<TOML
[host."http://$registry_name"]
  capabilities = ["pull", "resolve"]
TOML
done
say 'kind: the cluster is up'
