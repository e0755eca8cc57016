#!/usr/bin/env bash
# Forget the cluster. Nothing in it is touched: it is somebody's.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
rm -f -- "$state/kubeconfig" "$state/kind"
rmdir -- "$state" 2>/dev/null || true # it may hold what is not ours
