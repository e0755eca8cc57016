#!/usr/bin/env bash
# Use the cluster of the user's kubeconfig. Called by ../up.sh with CLUSTER=existing, never by default.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

kubectl=$(command -v kubectl || binary_path kubectl)
[[ -x $kubectl ]] || die 'there is no kubectl' 'install one, or: hack/cluster/binaries.sh kubectl'
context=$("$kubectl" config current-context 2>/dev/null) || die 'the kubeconfig has no current context' \
  'kubectl config use-context <name>, or set KUBECONFIG'
version=$("$kubectl" get --raw /version 2>/dev/null) || die "the cluster of the context '$context' does not answer" \
  'kubectl cluster-info says more'
minor=$(grep -o '"minor": *"[0-9]*' <<<"$version" | grep -o '[0-9]*$')
[[ $minor -ge 36 ]] || die "the cluster of the context '$context' runs Kubernetes 1.$minor, and Sluice needs 1.36 or newer" \
  'before 1.36 the API server does not serve MutatingAdmissionPolicy v1, on which everything stands'
umask 077
"$kubectl" config view --minify --flatten --raw >"$state/kubeconfig"
say "using the cluster of the context '$context' (Kubernetes 1.$minor)"
say "images: it must reach a registry of yours; $registry_name is there only in clusters that this script starts"
