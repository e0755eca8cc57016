#!/usr/bin/env bash
# Print the figures that the shape of the code is held to, and fail where one is missed. The linter holds them too;
# this says how far away they are.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

production() { git ls-files --cached --others --exclude-standard '*.go' | grep -vE '_test\.go$|zz_generated|^api/applyconfiguration/|^test/'; }

longest_file=$(production | xargs wc -l | grep -v ' total$' | sort -rn | awk 'NR == 1 { print $1, $2 }')
longest_function=$(production | xargs awk '
  FNR == 1 { start = 0 }
  /^func / { start = FNR; name = $0 }
  /^}/ { if (start && FNR - start + 1 > most) { most = FNR - start + 1; where = FILENAME; what = name } start = 0 }
  END { sub(/\{.*/, "", what); print most, where, what }')
exemptions=$({ production | xargs grep -n 'nolint' || true; } | wc -l)
impure=$({ git ls-files --cached --others --exclude-standard 'internal/promotion/*.go' | grep -v _test.go | xargs grep -nE '"context"|client-go|controller-runtime|logr|time\.Now' || true; } | wc -l)

echo "longest file: $longest_file (limit 400)"
echo "longest function: $longest_function (limit 60)"
echo "linter exemptions in production code: $exemptions (limit 0)"
echo "lines of the core that reach outside it: $impure (limit 0)"
[[ ${longest_file%% *} -le 400 && ${longest_function%% *} -le 60 && $exemptions -eq 0 && $impure -eq 0 ]]
