#!/usr/bin/env bash
# End the control plane with simulated nodes. Its processes end with the one that started them.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
stop "$state/cluster.pid"
rm -rf -- "$state"
