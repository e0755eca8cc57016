#!/usr/bin/env bash
# Delete the kind cluster and its registry.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
docker_answers || die 'the Docker engine that runs the cluster does not answer' 'start Docker and try again'
kind=$(command -v kind || binary_path kind)
"$kind" delete cluster --name "$(cluster_name)" --kubeconfig "$state/kubeconfig" >&2
docker rm --force --volumes "$(cluster_name)-registry" >/dev/null 2>&1 || true # it may not have been started
rm -rf --one-file-system -- "$state"
