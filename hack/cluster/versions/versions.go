// Package versions tells which versions of Kubernetes, etcd, kwok, CoreDNS and containerd the
// project's clusters run. Its single source is versions.env, which the shell scripts of
// hack/cluster read too.
package versions

import (
	_ "embed"
	"strings"
)

//go:embed versions.env
var env string

// Kubernetes is the version of every binary of Kubernetes, such as "v1.37.2".
func Kubernetes() string { return get("KUBERNETES_VERSION") }

// Etcd is the version of etcd.
func Etcd() string { return get("ETCD_VERSION") }

// Kwok is the version of kwok, which simulates nodes.
func Kwok() string { return get("KWOK_VERSION") }

// CoreDNS is the version of CoreDNS.
func CoreDNS() string { return get("COREDNS_VERSION") }

// Containerd is the version of containerd that is built where the system has none.
func Containerd() string { return get("CONTAINERD_VERSION") }

// Kind is the version of kind that is built where none is installed.
func Kind() string { return get("KIND_VERSION") }

// get returns the value of one line KEY=value, or "" where the file has no such key.
func get(key string) string {
	for line := range strings.Lines(env) {
		if value, found := strings.CutPrefix(line, key+"="); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
