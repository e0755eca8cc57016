#!/usr/bin/env bash
# Install Sluice into the cluster of KUBECONFIG (or of the current context), with an image built from this checkout.
#
#   IMAGE=registry.example.com/sluice@sha256:...   use this image and build none
#   PUSH_TO=host:port/repository                   where to push the image (default: the registry of hack/cluster)
#   PULL_FROM=host:port/repository                 the same repository as the cluster knows it
#   OPERATOR_FLAGS="--insecure-registries=..."     more flags for the operator, separated by spaces
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
kubectl=${KUBECTL:-kubectl}
push_to=${PUSH_TO:-127.0.0.1:${REGISTRY_PORT:-5000}/sluice}
pull_from=${PULL_FROM:-registry.sluice.test:5000/sluice}

# build_image prints the image's reference. ko needs a base image: distroless where the internet is there, and else one
# made of this machine's certificates and two directories, which is all that a static binary wants.
build_image() {
  local ko base digest
  ko=$(hack/tools/build.sh ko)
  base=gcr.io/distroless/static:nonroot
  if ! curl -fsS --connect-timeout 3 --max-time 10 -o /dev/null https://gcr.io/v2/ 2>/dev/null; then
    base=$(go run ./hack/images base -to "${push_to%/*}/base:1" | tail -n 1)
  fi
  digest=$(KO_DOCKER_REPO=$push_to KO_DEFAULTBASEIMAGE=$base GOFLAGS='-trimpath' "$ko" build --bare --insecure-registry \
    --sbom=none --platform="linux/$(go env GOARCH)" ./cmd/sluice 2>"$work/ko.log") || {
    cat "$work/ko.log" >&2
    echo "error: the image could not be built or pushed to $push_to; PUSH_TO names another registry, IMAGE an image that is there" >&2
    exit 1
  }
  echo "$pull_from@${digest##*@}"
}

# overlay writes a kustomization upon config/default that names the image, and the flags of this cluster.
overlay() { # DIRECTORY IMAGE
  local flag registry registries='' patches='' ports=''
  for flag in ${OPERATOR_FLAGS:-}; do
    patches+="    - {op: add, path: /spec/template/spec/containers/0/args/-, value: '$flag'}"$'\n'
    [[ $flag != --insecure-registries=* ]] || registries=${flag#*=}
  done
  for registry in ${registries//,/ }; do # on a port of its own, which the NetworkPolicy does not know
    [[ $registry == *:* ]] || registry+=:80
    ports+="    - {op: add, path: /spec/egress/1/ports/-, value: {protocol: TCP, port: ${registry##*:}}}"$'\n'
  done
  {
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s]\n' "$(realpath --relative-to="$1" config/default)"
    printf 'images:\n- {name: sluice, newName: %s, digest: %s}\n' "${2%@*}" "${2#*@}"
    [[ -z $patches$ports ]] || printf 'patches:\n'
    [[ -z $patches ]] || printf -- '- target: {kind: Deployment, name: sluice}\n  patch: |-\n%s' "$patches"
    [[ -z $ports ]] || printf -- '- target: {kind: NetworkPolicy, name: sluice}\n  patch: |-\n%s' "$ports"
  } >"$1/kustomization.yaml"
}

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
if [[ -n ${IMAGE:-} ]]; then
  image=$IMAGE
  [[ $image == *@sha256:* ]] || {
    echo "error: IMAGE=$image names no digest, and a tag may be another image tomorrow; write $image@sha256:... (the registry shows it)" >&2
    exit 1
  }
  repository=${image%@*} # kustomize takes a digest, or a tag
  [[ ${repository##*/} != *:* ]] || image=${repository%:*}@${image#*@}
else
  echo "building the operator's image"
  image=$(build_image)
fi
echo "installing $image"
overlay "$work" "$image"
"$kubectl" apply -k config/crd
"$kubectl" wait --for=condition=Established --timeout=60s crd -l app.kubernetes.io/part-of=sluice
"$kubectl" apply -k "$work"
"$kubectl" rollout status deployment/sluice -n sluice-system --timeout=180s
