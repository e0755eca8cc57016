//go:build !linux

package main

import (
	"context"
	"errors"
)

// runForward needs network namespaces, and so does the node.
func runForward(context.Context, []string) error {
	return errors.New("forward: there are no network namespaces here; CLUSTER=node runs on Linux only")
}
