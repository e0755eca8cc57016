#!/usr/bin/env bash
# Install what CLUSTER=node needs from the distribution, if it is missing. Debian and its relatives only; elsewhere it
# says what to install. No service is started: the node runs its own containerd.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# What is looked for, and the package that has it.
needed() {
  cat <<'LIST'
containerd containerd
runc runc
/usr/lib/cni/bridge containernetworking-plugins
iptables iptables
nft nftables
conntrack conntrack
ip iproute2
unshare util-linux
curl curl
LIST
}

missing=()
while read -r program package; do
  # A containerd that is named, or built before, is good enough.
  if [[ $program == containerd && (-n ${CONTAINERD:-} || -x $(binary_path containerd)) ]]; then continue; fi
  command -v "$program" >/dev/null || missing+=("$package")
done < <(needed)
[[ ${#missing[@]} -gt 0 ]] || exit 0

command -v apt-get >/dev/null || die "programs of these packages are missing: ${missing[*]}" \
  'install them with this distribution'"'"'s package manager (the names are those of Debian)'
[[ $EUID -eq 0 ]] || die "these packages are missing: ${missing[*]}" "sudo apt-get install ${missing[*]}"
say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Debian asks this file whether a package may start its services. It must not: one containerd is enough.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
  trap 'rm -f -- "$policy"' EXIT
fi
apt-get update -qq || die 'apt-get update failed' 'see above: usually the network, or a proxy that apt does not know'
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || die "installing ${missing[*]} failed" 'see above'
