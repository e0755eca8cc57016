# shellcheck shell=bash
# The steps of the demo, in order. Source it; it runs nothing.

registry=registry.sluice.test:5000
api=$registry/shop/checkout-api
# Contexts of the kubeconfig: people act by impersonation, and admission sees each of them as if they had logged in.
dave=(--context dave) alice=(--context alice) bob=(--context bob) norman=(--context norman)

bring_up_cluster() {
  step 'A cluster'
  say 'Binaries come from the cache, a download, or a build; a first build takes a quarter of an hour.'
  KUBECONFIG=$(hack/cluster/up.sh | tee >(cat >&2) | sed -n 's/^KUBECONFIG=//p' | tail -n 1)
  export KUBECONFIG
  # The kubectl of the cluster's version, else the one of this machine.
  kubectl=$(bash -c 'source hack/cluster/lib.sh && binary_path kubectl')
  [[ -x $kubectl ]] || kubectl=$(command -v kubectl) || fail 'there is no kubectl; run: make binaries'
  export KUBECTL=$kubectl
  CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/kubectl-sluice
  plugin=$PWD/bin/kubectl-sluice
  go run ./hack/demo/people dave=developers alice=release-managers bob=qa norman=namespace-admins >/dev/null
  show "$kubectl" get nodes
  say 'Four versions of the sample application, and its tests, as images:'
  go run ./hack/images sample -registry "127.0.0.1:${REGISTRY_PORT:-5000}" | tee "$work/images"
}

# first_time_here ends a demo that would only meet what an earlier one left.
first_time_here() {
  if "$kubectl" get promotion checkout-2 -n shop >/dev/null 2>&1; then
    fail 'the demo was played on this cluster before: make down takes it away, and make demo begins anew'
  fi
}

# reference REPOSITORY TAG prints the exact reference of a sample image.
reference() { sed -n "s|^\($registry/shop/$1\):$2\(@sha256:.*\)|\1\2|p" "$work/images"; }

digest() { reference "$1" "$2" | cut -d@ -f2; }

install_sluice() {
  step 'Sluice, installed with kubectl apply -k'
  OPERATOR_FLAGS="--insecure-registries=$registry" hack/install.sh
}

adopt_version_1() {
  step 'Version 1 runs everywhere, and is adopted without a restart'
  local environment
  for environment in dev test prod; do
    "$kubectl" apply -k "test/sample/manifests/overlays/$environment" >/dev/null
  done
  for environment in dev test prod; do
    "$kubectl" rollout status -n "shop-$environment" deployment/checkout-api --timeout=120s
    "$kubectl" rollout status -n "shop-$environment" deployment/checkout-worker --timeout=120s
  done
  pods_of shop-prod >"$work/pods-before"
  show "$kubectl" apply -f hack/demo/manifests/shop.yaml
  for environment in dev test prod; do
    show "$kubectl" wait -n "shop-$environment" environment/environment --for=condition=Ready --timeout=60s
  done
  show "$plugin" get environments -A
  pods_of shop-prod >"$work/pods-after"
  diff "$work/pods-before" "$work/pods-after" >/dev/null || fail 'pods of production changed while version 1 was adopted'
  good 'no pod was restarted'
}

pods_of() { "$kubectl" get pods -n "$1" -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}' | sort; }

# feed_from_git applies the manifests with their tags again and again, as a GitOps tool would.
feed_from_git() {
  step 'A GitOps tool applies manifests with the tag v1 to shop-test, over and over'
  "$kubectl" kustomize test/sample/manifests/overlays/test >"$work/git.yaml"
  (
    while sleep 1; do
      "$kubectl" apply --server-side --field-manager=gitops --force-conflicts=false -f "$work/git.yaml" >>"$work/git.log" 2>&1 ||
        echo "apply failed" >>"$work/git.failed"
    done
  ) &
  background+=($!)
  say 'kubectl apply --server-side --field-manager=gitops -f manifests.yaml, once a second, until the end of the demo'
}

# promote NAME TAG REASON creates a Promotion as dave.
promote() {
  cat >"$work/$1.yaml" <<Y
apiVersion: sluice.dev/v1alpha1
kind: Promotion
metadata: {name: $1, namespace: shop}
spec:
  pipelineRef: {name: checkout}
  images:
  - {name: api, tag: $2}
  - {name: worker, tag: $2}
  reason: "$3"
Y
  cat "$work/$1.yaml"
  show "$kubectl" create -f "$work/$1.yaml" "${dave[@]}"
}

release_version_2() {
  step 'dave promotes version 2: dev, test, two signatures, production'
  promote checkout-2 v2 'SHOP-812: refunds are rounded to cents'
  sign_version_2 >"$work/signing" 2>&1 &
  background+=($!)
  show "$plugin" get promotion checkout-2 -n shop --watch "${dave[@]}" || fail 'the promotion of version 2 did not succeed'
  cat "$work/signing"
  runs shop-prod v2
  good 'version 2 runs in production, by the digest that was tested'
  show "$kubectl" get releaserecords -n shop-prod "${dave[@]}"
}

# sign_version_2 waits until production awaits signatures, then signs: alice with the plugin, bob with plain kubectl.
sign_version_2() {
  await 300 'production awaits signatures' awaited checkout-2
  show "$plugin" approve checkout-2 -n shop -e prod --yes -m 'read the reports' "${alice[@]}"
  approval checkout-2 >"$work/approval.yaml"
  show "$kubectl" create -f "$work/approval.yaml" "${bob[@]}"
}

awaited() { [[ $("$kubectl" get environment environment -n shop-prod -o "jsonpath={.status.awaiting[?(@.promotionRef.name==\"$1\")].releaseHash}") ]]; }

# approval PROMOTION prints an Approval of what production awaits, as a person would write it.
approval() {
  local entry="{.status.awaiting[?(@.promotionRef.name==\"$1\")]"
  local get=("$kubectl" get environment environment -n shop-prod -o)
  cat <<Y
apiVersion: sluice.dev/v1alpha1
kind: Approval
metadata: {generateName: $1-, namespace: shop-prod}
spec:
  promotionRef: {namespace: shop, name: $1, uid: $("${get[@]}" "jsonpath=$entry.promotionRef.uid}")}
  releaseHash: $("${get[@]}" "jsonpath=$entry.releaseHash}")
  evidenceHash: $("${get[@]}" "jsonpath=$entry.evidenceHash}")
  decision: Approved
  comment: load report read
Y
}

# runs NAMESPACE TAG checks that every pod of the API runs exactly that version. Pods that are on their way out may take
# a few seconds to go.
runs() {
  await 60 "every pod of $1 runs $2" runs_only "$1" "$(reference checkout-api "$2")"
}

runs_only() {
  local got
  got=$("$kubectl" get pods -n "$1" -l app.kubernetes.io/name=checkout-api -o 'jsonpath={range .items[*]}{.spec.containers[0].image}{"\n"}{end}' | sort -u)
  [[ $got == "$2" ]]
}

stop_version_3() {
  step 'Version 3 rounds wrong: the functional gate in test stops it, and test goes back to version 2'
  promote checkout-3 v3 'SHOP-840: faster refunds'
  if show "$plugin" get promotion checkout-3 -n shop --watch "${dave[@]}"; then
    fail 'version 3 was let through'
  fi
  [[ $("$kubectl" get promotion checkout-3 -n shop -o 'jsonpath={.status.outcome}') == Failed ]] || fail 'the promotion of version 3 is not Failed'
  say "$("$kubectl" get promotion checkout-3 -n shop -o 'jsonpath={.status.message}')"
  show "$plugin" get promotion checkout-3 -n shop
  "$kubectl" rollout status -n shop-test deployment/checkout-api --timeout=60s >/dev/null
  runs shop-test v2
  runs shop-prod v2
  good 'test is back at version 2, and production never saw version 3'
}

stop_version_4() {
  step 'Version 4 is right, and slow under load: the stress gate in test stops it'
  promote checkout-4 v4 'SHOP-851: one lock for all carts'
  if show "$plugin" get promotion checkout-4 -n shop --watch "${dave[@]}"; then
    fail 'version 4 was let through'
  fi
  figures=$(load_figures checkout-4)
  say 'What the generator measured of it, and of version 2 before:'
  printf '%s\n' "version 2: $(load_figures checkout-2)" "version 4: $figures"
  [[ $figures == *' p99 '[1-9]*' limit 500000 us' ]] || fail 'the figures of version 4 are not there'
  [[ $("$kubectl" get promotion checkout-4 -n shop -o 'jsonpath={.status.message}') == *'gate stress (Stress) failed: p99 '*', limit 500 ms'* ]] ||
    fail "the message does not say how slow it was: $("$kubectl" get promotion checkout-4 -n shop -o 'jsonpath={.status.message}')"
  show "$plugin" get promotion checkout-4 -n shop
  "$kubectl" rollout status -n shop-test deployment/checkout-api --timeout=60s >/dev/null
  runs shop-test v2
  runs shop-prod v2
  good 'test is back at version 2, and production never saw version 4'
}

# load_figures PROMOTION prints what the stress gate in test measured.
load_figures() {
  local gate='{.status.environments[?(@.name=="test")].gates[?(@.name=="stress")]'
  "$kubectl" get promotion "$1" -n shop -o "jsonpath=$gate.load.requests} requests, p50 $gate.load.p50Microseconds} us, p99 $gate.load.p99Microseconds} us, limit 500000 us"
}

try_to_cheat() {
  step 'Attempts to cheat'
  say 'dave may edit workloads in production. A pod with a digest that was not promoted there:'
  refused_pod "$(reference checkout-api v3)"
  say 'An image of another repository:'
  refused_pod "$registry/attacker/api:v3"
  say 'kubectl set image with that digest: the promoted one is stored, and he is told:'
  local answer
  answer=$(show "$kubectl" set image deployment/checkout-api -n shop-prod "api=$(reference checkout-api v3)" "${dave[@]}" 2>&1) || true
  printf '%s\n' "$answer"
  [[ $answer == *Warning:* ]] || fail 'there was no warning'
  [[ $("$kubectl" get deployment checkout-api -n shop-prod -o 'jsonpath={.spec.template.spec.containers[0].image}') == "$(reference checkout-api v2)" ]] ||
    fail 'the image of the Deployment changed'
  good 'nothing changed, and he was warned'
  cheat_with_approvals
  say 'Stripping the labels of the Namespace, as its administrator:'
  "$kubectl" create clusterrole namespace-admin --verb=get,update,patch --resource=namespaces --dry-run=client -o yaml | "$kubectl" apply -f - >/dev/null
  "$kubectl" create clusterrolebinding namespace-admin --clusterrole=namespace-admin --user=norman --dry-run=client -o yaml | "$kubectl" apply -f - >/dev/null
  refused sluice-namespaces "$kubectl" label namespace shop-prod sluice.dev/lock- "${norman[@]}"
}

# refused_pod IMAGE has dave create a Pod with it, which the lock must refuse. The Pod is as restricted as the namespace
# demands, so that it is the lock that answers.
refused_pod() {
  cat >"$work/pod.yaml" <<Y
apiVersion: v1
kind: Pod
metadata: {name: cheat, namespace: shop-prod}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: cheat
    image: $1
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
Y
  grep image: "$work/pod.yaml"
  refused sluice-lock "$kubectl" create -f "$work/pod.yaml" "${dave[@]}"
  if "$kubectl" get pod cheat -n shop-prod >/dev/null 2>&1; then fail 'the pod is there all the same'; fi
}

cheat_with_approvals() {
  say 'dave promotes version 2 once more, and approves it himself:'
  promote checkout-2-again v2 'the same again, to have something to sign' >/dev/null
  await 300 'production awaits signatures' awaited checkout-2-again
  approval checkout-2-again >"$work/own.yaml"
  refused sluice- "$kubectl" create -f "$work/own.yaml" "${dave[@]}"
  say 'He edits the status of his promotion:'
  refused sluice- "$kubectl" patch promotion checkout-2-again -n shop --subresource=status --type=merge -p '{"status":{"outcome":"Succeeded"}}'
  show "$kubectl" patch promotion checkout-2-again -n shop --type=merge -p '{"spec":{"lifecycle":"Cancelled"}}' "${dave[@]}"
  show "$kubectl" wait promotion checkout-2-again -n shop --for=jsonpath='{.status.outcome}'=Cancelled --timeout=60s
}

work_without_operator() {
  step 'The operator is gone, and the lock holds'
  show "$kubectl" scale deployment sluice -n sluice-system --replicas=0
  "$kubectl" wait pods -n sluice-system -l app.kubernetes.io/name=sluice --for=delete --timeout=60s >/dev/null
  refused_pod "$(reference checkout-api v3)"
  show "$kubectl" rollout restart deployment/checkout-api -n shop-prod "${dave[@]}"
  show "$kubectl" scale deployment/checkout-api -n shop-prod --replicas=3 "${dave[@]}"
  show "$kubectl" rollout status deployment/checkout-api -n shop-prod --timeout=120s
  runs shop-prod v2
  good 'a restart and a scale-up of the promoted release work'
  show "$kubectl" scale deployment sluice -n sluice-system --replicas=2
  "$kubectl" rollout status deployment/sluice -n sluice-system --timeout=120s >/dev/null
}

summary() {
  step 'Done'
  if [[ -s $work/git.failed ]]; then
    fail "the GitOps tool met an error: $(tail -n 3 "$work/git.log")"
  fi
  good "the GitOps tool applied its manifests $(grep -c 'checkout-api serverside-applied' "$work/git.log") times, without a conflict"
  show "$plugin" get promotions -n shop
  cat <<T

Released version 2 with two signatures, stopped versions 3 and 4 in test, refused every attempt to get around it, in $((SECONDS - started)) s.

Look around:   export KUBECONFIG=$KUBECONFIG PATH=$PWD/bin:\$PATH
               kubectl sluice get promotion checkout-2 -n shop
               kubectl get releaserecords -A
Take it down:  make down
T
}
