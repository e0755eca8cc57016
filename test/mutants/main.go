// Command mutants seeds the pure core with bugs, one at a time, and says which of them its tests find.
//
// Run it from the root of the repository (make mutants). Files are replaced in an overlay, so that the tree stays as it
// is. The last line can be read by a script: "mutants: N killed, M alive". It fails where one is alive, where a mutation
// does not fit the code any more, and where it does not compile: each would let a missing test go unseen.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// core is the package that is mutated, relative to the root of the repository.
const core = "internal/promotion"

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries every mutant, or those whose names contain one of the given words.
func run(out io.Writer, words []string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if output, err := test("", "./"+core+"/..."); err != nil {
		return fmt.Errorf("the tests fail without any mutation, so that they would find everything: %w\n%s", err, output)
	}
	selected := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !wanted(m.name, words) })
	var failures []error
	killed, alive := 0, 0
	for i, outcome := range tryAll(dir, selected) {
		name, found := selected[i].name, <-outcome
		switch {
		case found.err != nil:
			failures = append(failures, fmt.Errorf("mutant %q: %w", name, found.err))
		case found.by == "":
			alive++
			failures = append(failures, fmt.Errorf("no test finds %q", name))
			_, _ = fmt.Fprintf(out, "ALIVE  %s\n", name)
		default:
			killed++
			_, _ = fmt.Fprintf(out, "killed %s, by %s\n", name, found.by)
		}
	}
	_, _ = fmt.Fprintf(out, "mutants: %d killed, %d alive\n", killed, alive)
	return errors.Join(failures...)
}

// outcome is what became of one mutant: the test that found it, or why it could not be tried.
type outcome struct {
	by  string
	err error
}

// tryAll tries as many mutants at once as there are processors, and returns a channel for the outcome of each, in order.
func tryAll(dir string, selected []mutant) []chan outcome {
	outcomes := make([]chan outcome, len(selected))
	for i := range outcomes {
		outcomes[i] = make(chan outcome, 1)
	}
	slots := make(chan struct{}, runtime.NumCPU())
	go func() {
		for i, m := range selected {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				by, err := try(filepath.Join(dir, strconv.Itoa(i)), m)
				outcomes[i] <- outcome{by, err}
			}()
		}
	}()
	return outcomes
}

func wanted(name string, words []string) bool {
	for _, word := range words {
		if strings.Contains(name, word) {
			return true
		}
	}
	return len(words) == 0
}

// try returns the test that found the mutant; empty where none did.
func try(dir string, m mutant) (string, error) {
	overlay, err := mutate(dir, m)
	if err != nil {
		return "", err
	}
	output, err := test(overlay, packages(m))
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &failed):
		return "", err
	}
	if strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]") {
		return "", errors.New("it does not compile:\n" + output)
	}
	return finder(output), nil
}

// mutate writes the mutated file, and the overlay that puts it in the place of the original, into a directory of its own.
func mutate(dir string, m mutant) (string, error) {
	original, err := filepath.Abs(filepath.Join(core, m.file))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(original) //nolint:gosec // a file of the core, named in mutants.go.
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s has %d places like this, want 1; write the mutation anew:\n%s", m.file, n, m.old)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.mutated, 1)), 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	encoded, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, encoded, 0o600)
}

// packages are those whose tests may find a mutant: what is below the core does not depend on it.
func packages(m mutant) string {
	if filepath.Dir(m.file) == "." {
		return "./" + core
	}
	return "./" + core + "/..."
}

func test(overlay, packages string) (string, error) {
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=10m"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.Command("go", append(args, packages)...) //nolint:gosec,noctx // the tests of this repository, with a time limit of their own.
	cmd.Env = append(os.Environ(), "GOGC=400")           // memory for time: compiler, linker and tests live for seconds.
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

// finder is the first test that failed, the innermost one where tests are nested.
func finder(output string) string {
	found := "a panic"
	for line := range strings.Lines(output) {
		_, name, failed := strings.Cut(line, "--- FAIL: ")
		name, _, _ = strings.Cut(name, " (")
		switch {
		case failed && found == "a panic", failed && strings.HasPrefix(name, found+"/"):
			found = name
		case failed:
			return found
		}
	}
	return found
}
