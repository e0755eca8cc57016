// Package admission holds the admission policies of this folder, for the operator to know what it ships with.
package admission

import "embed"

// Files are the policies and bindings, as kustomization.yaml lists them, and kustomization.yaml itself.
//
//go:embed *.yaml
var Files embed.FS
