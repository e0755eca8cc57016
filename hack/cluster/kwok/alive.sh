#!/usr/bin/env bash
# Succeed if the control plane runs.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
running "$state/cluster.pid"
