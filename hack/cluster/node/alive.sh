#!/usr/bin/env bash
# Succeed if the node runs and can be reached.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
running "$state/node.pid" && running "$state/forward.pid"
