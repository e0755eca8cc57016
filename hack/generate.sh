#!/usr/bin/env bash
# Generate deep copies, CRDs, apply configurations and docs/api.md from the types in api/v1alpha1, and the static form of
# the admission policies from config/admission.
#
#   hack/generate.sh            write them
#   hack/generate.sh --verify   fail where they are not what is made of their sources, and write nothing
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

generated=(api/v1alpha1/zz_generated.deepcopy.go api/applyconfiguration config/crd/bases docs/api.md config/admission-static)

generate() { # DIRECTORY of a checkout
  local controller_gen crd_ref_docs
  controller_gen=$(hack/tools/build.sh controller-gen)
  crd_ref_docs=$(hack/tools/build.sh crd-ref-docs)
  (
    cd -- "$1"
    "$controller_gen" object applyconfiguration paths=./api/v1alpha1
    "$controller_gen" crd:generateEmbeddedObjectMeta=false paths=./api/v1alpha1 output:crd:dir=config/crd/bases
    go run ./hack/staticpolicies -to config/admission-static
    mkdir -p docs
    "$crd_ref_docs" --source-path=api/v1alpha1 --config=hack/crd-ref-docs.yaml --renderer=markdown --output-path=docs/api.md --max-depth=20 >/dev/null 2>&1
  )
}

if [[ ${1:-} != --verify ]]; then
  generate .
  exit
fi
copy=$(mktemp -d)
trap 'rm -rf -- "$copy"' EXIT
cp -r go.mod go.sum api config hack internal "$copy"
mkdir "$copy/docs"
generate "$copy"
for path in "${generated[@]}"; do
  if ! diff -r -q "$path" "$copy/$path" >/dev/null; then
    echo "error: $path is not what is made of its sources; run: make generate" >&2
    exit 1
  fi
done
