#!/usr/bin/env bash
# The first process of the node. up.sh starts it in mount, network, PID, UTS and IPC namespaces of its own: what it
# binds or mounts is invisible outside, and when it is killed the kernel ends everything in it, containers included.
# SLUICE_STATE is the state directory, with all that up.sh prepared; CONTAINERD the containerd to run.
set -Eeuo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

address=10.99.0.1
pki=$state/pki
begin=$(date +%s%N)
mark() { echo "$((($(date +%s%N) - begin) / 1000000)) ms  $*" >>"$state/timing"; }

# give_up leaves the reason where up.sh finds it.
give_up() {
  printf '%s\n' "$*" >"$state/failed"
  exit 1
}
trap 'give_up "line $LINENO of ${BASH_SOURCE[0]} failed: $BASH_COMMAND"' ERR

# run NAME COMMAND... starts a process of the node.
run() {
  local name=$1
  shift
  "$@" >"$state/log/$name.log" 2>&1 &
  echo $! >"$state/pid/$name"
}

# need WHAT COMMAND... returns when COMMAND succeeds, and gives up when a process of the node dies meanwhile.
need() {
  local what=$1 deadline=$((SECONDS + 120)) file
  shift
  until "$@" >/dev/null 2>&1; do
    for file in "$state"/pid/*; do
      kill -0 "$(<"$file")" 2>/dev/null || give_up "$(basename "$file") ended while the node waited for $what; its log ends with:
$(tail -n 5 "$state/log/$(basename "$file").log")"
    done
    [[ $SECONDS -lt $deadline ]] || give_up "the node waited in vain for $what"
    sleep 0.05
  done
}

# The kubelet sets six sysctls that belong to the whole machine and not to a namespace. It is shown files that have the
# values which it wants already, so that the machine stays as it was.
hide_sysctl() {
  echo "$2" >"$state/sysctl-${1//\//-}"
  mount --bind "$state/sysctl-${1//\//-}" "/proc/sys/$1"
}

isolate() {
  local directory
  hostname node1
  mount --make-rshared / # the kubelet shares mounts with pods; nothing leaves this namespace
  hide_sysctl vm/overcommit_memory 1
  hide_sysctl vm/panic_on_oom 0
  hide_sysctl kernel/panic 10
  hide_sysctl kernel/panic_on_oops 1
  hide_sysctl kernel/keys/root_maxkeys 1000000
  hide_sysctl kernel/keys/root_maxbytes 25000000
  # Paths that kubelet, shims, runc and CNI plugins have compiled in: the node's own, gone with it. The empty directories
  # below stay on the host: removing one would detach the file system that another node has mounted there.
  for directory in /var/log/containers /var/log/pods /run/netns /run/containerd /var/lib/kubelet /var/lib/cni /usr/libexec/kubernetes; do
    mkdir -p "$directory"
    mount -t tmpfs none "$directory"
  done
  printf '127.0.0.1 localhost\n%s node1 registry.sluice.test\n' "$address" >"$state/hosts"
  mount --bind "$state/hosts" /etc/hosts
  ip link set lo up
  ip link add pods0 type bridge
  ip address add "$address/24" dev pods0
  ip link set pods0 up
  ip route add default via "$address" dev pods0 # an address of a Service needs some route, or the kernel drops it early
  sysctl -qw net.ipv4.ip_forward=1              # of this network namespace
  mark isolated
}

start_etcd() {
  # Without fsync: the data ends with the cluster.
  run etcd "$(binary_path etcd)" --data-dir "$state/etcd" --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
    --quota-backend-bytes 4294967296 --log-level warn --unsafe-no-fsync
}

start_apiserver() {
  run kube-apiserver "$(binary_path kube-apiserver)" --etcd-servers http://127.0.0.1:2379 \
    --bind-address "$address" --advertise-address "$address" --secure-port 6443 \
    --service-cluster-ip-range 10.96.0.0/16 --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
    --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- --enable-aggregator-routing \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key" \
    --audit-policy-file "$state/audit.yaml" --audit-log-path "$state/audit.log" --audit-log-maxsize 10000 \
    --audit-log-mode blocking --profiling=false --shutdown-delay-duration 0s
}

start_controllers() {
  run kube-controller-manager "$(binary_path kube-controller-manager)" --kubeconfig "$pki/controller-manager.kubeconfig" \
    --authentication-kubeconfig "$pki/controller-manager.kubeconfig" \
    --authorization-kubeconfig "$pki/controller-manager.kubeconfig" --bind-address 127.0.0.1 \
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" --use-service-account-credentials \
    --kube-api-qps 500 --kube-api-burst 1000 --leader-elect=false
  run kube-scheduler "$(binary_path kube-scheduler)" --kubeconfig "$pki/scheduler.kubeconfig" \
    --authentication-kubeconfig "$pki/scheduler.kubeconfig" --authorization-kubeconfig "$pki/scheduler.kubeconfig" \
    --bind-address 127.0.0.1 --leader-elect=false
}

start_node() {
  run kubelet "$(binary_path kubelet)" --config "$state/kubelet.yaml" --kubeconfig "$pki/kubelet.kubeconfig" \
    --root-dir "$state/kubelet" --cert-dir "$state/kubelet-pki" --hostname-override node1 --node-ip "$address"
  run kube-proxy "$(binary_path kube-proxy)" --config "$state/kube-proxy.yaml"
  run coredns "$(binary_path coredns)" -conf "$state/Corefile"
}

kubectl() { "$(binary_path kubectl)" --kubeconfig "$pki/admin.kubeconfig" "$@"; }

node_is_ready() {
  [[ $(kubectl get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# Killed by down.sh; until then it reaps what containers leave behind, as the first process must.
reap() {
  trap 'exit 0' TERM
  while :; do
    wait -n || true
    sleep 1 & # there may be nothing to wait for
    wait $! || true
  done
}

main() {
  : >"$state/timing"
  isolate
  start_etcd
  start_apiserver
  run registry "$state/bin/tool" registry -listen "$address:5000" -directory "$state/registry"
  run containerd env PATH="$(dirname "$CONTAINERD"):$PATH" "$CONTAINERD" -c "$state/containerd.toml"
  need 'the registry' "$state/bin/images" push -binary "$state/bin/pause" -to registry.sluice.test:5000/sluice/pause:1
  need containerd test -S "$state/containerd.sock"
  mark registry and containerd
  need 'the API server' curl -sf --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://$address:6443/readyz"
  mark API server
  start_controllers
  start_node
  kubectl apply -f "$state/bootstrap.yaml" >/dev/null
  need 'the node to be Ready' node_is_ready
  mark node
  need 'the default ServiceAccount' kubectl get serviceaccount default -n default
  need CoreDNS curl -sf http://127.0.0.1:8181/ready
  mark default ServiceAccount and DNS
  touch "$state/ready"
  trap - ERR
  reap
}

main
