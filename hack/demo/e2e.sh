#!/usr/bin/env bash
# The demo's path as assertions, in namespaces of its own: brings a cluster up unless one is, installs this checkout, and
# runs test/e2e. A cluster that it brought up it takes down again.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=lib.sh
source hack/demo/lib.sh
# shellcheck source=steps.sh
source hack/demo/steps.sh

work=$(mktemp -d)
was_up=no
if [[ $(hack/cluster/up.sh 2>&1 | tee >(cat >&2)) == *'already up'* ]]; then was_up=yes; fi
cleanup() {
  local status=$?
  rm -rf -- "$work"
  if [[ $was_up == no ]]; then hack/cluster/down.sh; fi
  exit "$status"
}
trap cleanup EXIT

bring_up_cluster
install_sluice
say 'A Prometheus, for gates that ask one:'
prometheus=$(hack/tools/build.sh prometheus)
go run ./hack/images push -binary "$prometheus" -to "127.0.0.1:${REGISTRY_PORT:-5000}/shop/prometheus:v1"
step 'Assertions'
export SLUICE_E2E_IMAGES=$work/images
go test ./test/e2e -count=1 -v -timeout 30m
