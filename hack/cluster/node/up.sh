#!/usr/bin/env bash
# Start a real node on this machine: see README.md. Called by ../up.sh with CLUSTER=node; down.sh ends it.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=cgroups.sh
source "$cluster_dir/node/cgroups.sh"

check() {
  [[ $(uname -s) == Linux ]] || die 'CLUSTER=node needs Linux: it is made of namespaces and cgroups' 'use CLUSTER=kind with a Docker engine, or CLUSTER=kwok'
  [[ $EUID -eq 0 ]] || die 'CLUSTER=node needs root: it makes namespaces, mounts and cgroups' \
    'run it with sudo -E, use CLUSTER=kind with a Docker engine, or CLUSTER=kwok, which needs neither and simulates containers'
  unshare --mount --net --pid --fork true 2>/dev/null || die 'this machine does not let root make namespaces' \
    'in a container, start it with --privileged; else use CLUSTER=kwok'
  require_port "$api_port" API_PORT 'the API server'
  require_port "$registry_port" REGISTRY_PORT 'the registry'
  require_space "$state" 2000 'the node'
}

# containerd and runc: those that are named, else the system's, else containerd from source.
find_containerd() {
  bin_containerd=${CONTAINERD:-$(command -v containerd || true)}
  if [[ -z $bin_containerd ]]; then
    "$cluster_dir/binaries.sh" containerd
    bin_containerd=$(binary_path containerd)
  fi
  "$bin_containerd" --version >/dev/null 2>&1 || die "there is no containerd at $bin_containerd, or it does not run here" \
    'install one (hack/cluster/install-packages.sh), or set CONTAINERD to the path of another'
  runc=${RUNC:-$(command -v runc || true)}
  [[ -n $runc ]] || die 'there is no runc' 'install it (hack/cluster/install-packages.sh), or set RUNC to its path'
  containerd_major=1
  if [[ $("$bin_containerd" --version) =~ [[:space:]]v?2\. ]]; then containerd_major=2; fi
}

build_tools() {
  (cd "$cluster_dir" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$state/bin/" ./tool ./pause ../images) ||
    die 'the tools of the node (hack/cluster/tool, hack/cluster/pause, hack/images) do not build' 'the compiler says why, above'
}

# render SOURCE TARGET fills in a configuration file.
render() {
  sed -e "s|@STATE@|$state|g" -e "s|@CGROUP@|$cgroup|g" -e "s|@RUNC@|$runc|g" "$cluster_dir/node/conf/$1" >"$state/$2"
}

configure() {
  local file
  mkdir -p "$state"/{bin,cni,cni-addresses,log,pid,pod-logs} "$state/certs.d/$registry_name"
  for file in audit.yaml bootstrap.yaml Corefile kubelet.yaml kube-proxy.yaml; do render "$file" "$file"; done
  render "containerd-$containerd_major.toml" containerd.toml
  render bridge.conflist cni/bridge.conflist
  render hosts.toml "certs.d/$registry_name/hosts.toml"
  "$state/bin/tool" certificates -directory "$state/pki" -server https://10.99.0.1:6443 -node node1 -addresses 10.99.0.1,10.96.0.1
  # The host reaches the API server through a forward.
  sed "s|https://10.99.0.1:6443|https://127.0.0.1:$api_port|" "$state/pki/admin.kubeconfig" >"$state/kubeconfig"
  chmod 0600 "$state/kubeconfig"
}

first_child() { tr -d ' ' <"/proc/$1/task/$1/children"; }
has_child() { [[ -n $(first_child "$1") ]]; }
settled() { [[ -e $state/ready || -e $state/failed ]] || ! running "$state/node.pid"; }

start() {
  local parent
  make_cgroups "$cgroup"
  SLUICE_STATE=$state CONTAINERD=$bin_containerd setsid unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc --propagation private \
    bash "$cluster_dir/node/init.sh" >"$state/log/init.log" 2>&1 </dev/null &
  parent=$!
  await 'the namespaces of the node' 10 has_child "$parent"
  remember "$state/node.pid" "$(first_child "$parent")"
  await 'the node' 150 settled
  [[ -e $state/ready ]] || die "the node did not start: $(cat "$state/failed" "$state/log/init.log" 2>/dev/null)" "its logs are in $state/log"
  setsid "$state/bin/tool" forward -pid "$(recorded_pid "$state/node.pid")" \
    "127.0.0.1:$api_port=10.99.0.1:6443" "127.0.0.1:$registry_port=10.99.0.1:5000" >"$state/log/forward.log" 2>&1 </dev/null &
  remember "$state/forward.pid" $!
  await "the forwards to ports $api_port and $registry_port" 10 eval 'port_taken "$api_port" && port_taken "$registry_port"'
}

# A start that fails leaves no process and no cgroup; its logs stay until the next one.
undo() {
  local code=$?
  [[ $code -eq 0 ]] || KEEP_STATE=1 "$cluster_dir/node/down.sh" || true
  exit "$code"
}

main() {
  check
  cgroup=$(cluster_name)
  "$cluster_dir/install-packages.sh"
  find_containerd
  "$cluster_dir/binaries.sh" node
  mkdir -p "$state/bin"
  build_tools
  trap undo EXIT
  configure
  start
  say 'the node is up:' "$(tail -n 1 "$state/timing")"
}

main
