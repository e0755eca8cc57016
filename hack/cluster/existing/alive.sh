#!/usr/bin/env bash
# Succeed if the cluster was taken up.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
[[ -s $state/kubeconfig ]]
