# shellcheck shell=bash
# The cgroup under which the kubelet puts all pods, on hosts of either version. Source it.

cgroup_root=/sys/fs/cgroup
# The hierarchies of version 1 that the kubelet and runc write to, where the host has them.
cgroup_v1=(cpu cpuacct cpuset memory devices freezer blkio pids hugetlb systemd)
# The controllers of version 2 that the kubelet needs.
cgroup_v2=(cpu cpuset memory pids)

cgroup_version() {
  case $(stat -fc %T "$cgroup_root") in
    cgroup2fs) echo 2 ;;
    tmpfs) echo 1 ;; # also a hybrid: its controllers are those of version 1
    *) die "$cgroup_root is neither cgroup version 1 nor 2" 'in a container, start it with a writable /sys/fs/cgroup (docker run --privileged)' ;;
  esac
}

# make_cgroups NAME
make_cgroups() {
  local version
  version=$(cgroup_version)
  "make_cgroups_v$version" "$1"
}

make_cgroups_v1() {
  local controller file
  for controller in "${cgroup_v1[@]}"; do
    [[ -d $cgroup_root/$controller ]] || continue
    mkdir -p "$cgroup_root/$controller/$1" || die "cannot make a cgroup in $cgroup_root/$controller" \
      'in a container, start it with a writable /sys/fs/cgroup (docker run --privileged)'
  done
  for controller in cpu cpuset memory pids devices freezer; do
    [[ -d $cgroup_root/$controller/$1 ]] || die "this host has no cgroup controller $controller, and the kubelet needs it" \
      "mount it: mount -t cgroup -o $controller cgroup $cgroup_root/$controller"
  done
  # A new cpuset is empty, and no process can enter it before it is told what its parent has.
  for file in cpus mems; do
    cat "$cgroup_root/cpuset/cpuset.$file" >"$cgroup_root/cpuset/$1/cpuset.$file"
  done
}

make_cgroups_v2() {
  local controller
  for controller in "${cgroup_v2[@]}"; do
    grep -qw "$controller" "$cgroup_root/cgroup.controllers" || die "this host does not offer the cgroup controller $controller" \
      'in a container, start it with --privileged and --cgroupns=host'
    # Also what the children of ours may use; in the root of a container's own cgroup namespace, which is no real
    # root, the kernel refuses it as long as processes are there.
    echo "+$controller" >"$cgroup_root/cgroup.subtree_control" 2>/dev/null || die "cannot enable the cgroup controller $controller below $cgroup_root" \
      'in a container: move its processes into a child first (mkdir /sys/fs/cgroup/init; for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo $p >/sys/fs/cgroup/init/cgroup.procs; done)'
  done
  mkdir -p "$cgroup_root/$1"
  for controller in "${cgroup_v2[@]}"; do echo "+$controller" >"$cgroup_root/$1/cgroup.subtree_control"; done
}

# remove_cgroups NAME succeeds when none is left; it fails for as long as the kernel still ends processes in one.
remove_cgroups() {
  local parent failed=0
  for parent in "$cgroup_root" "$cgroup_root"/*/; do
    [[ -d ${parent%/}/$1 ]] || continue
    find "${parent%/}/$1" -depth -type d -exec rmdir {} + 2>/dev/null || failed=1
  done
  return "$failed"
}
