package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

// runOwn runs a program of a gate with a file for its result, as the kubelet makes one, and returns what it leaves there.
func runOwn(t *testing.T, command *cobra.Command, args ...string) (left, printed string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(file, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SilenceUsage = true
	command.SetArgs(append(args, "--result", file))
	err = command.ExecuteContext(t.Context())
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), out.String(), err
}
