package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-dev/sluice/test/controlplane"
)

// page is a page of the documentation whose commands are run as they stand.
type page struct {
	t *testing.T
	// sections are the blocks of commands below each heading, joined.
	sections map[string]string
	// folder that commands run in, with kubectl and its plugin.
	folder string
}

// openPage reads a page, and provides what its commands call.
func openPage(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, sections: map[string]string{}, folder: t.TempDir()}
	heading, inside := "", false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "## ") && !inside:
			heading = strings.TrimSpace(line[3:])
		case line == "```bash\n":
			inside = true
		case line == "```\n":
			inside = false
		case inside:
			p.sections[heading] += line
		}
	}
	binary, err := controlplane.KubectlPath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(p.folder, "kubectl")); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(p.folder, "kubectl-sluice"), "../../cmd/kubectl-sluice")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, output)
	}
	return p
}

// part returns the commands below a heading from one text up to another, which may be empty.
func (p *page) part(heading, from, to string) string {
	p.t.Helper()
	commands, found := p.sections[heading]
	if !found {
		p.t.Fatalf("the page has no commands below %q", heading)
	}
	start, end := 0, len(commands)
	if from != "" {
		start = strings.Index(commands, from)
	}
	if to != "" {
		end = strings.Index(commands, to)
	}
	if start < 0 || end < start {
		p.t.Fatalf("the commands below %q do not go from %q to %q:\n%s", heading, from, to, commands)
	}
	return commands[start:end]
}

// run runs commands as somebody, with other values for the variables that the page sets.
func (p *page) run(user string, groups []string, commands string, values map[string]string) {
	p.t.Helper()
	script := commands
	for name, value := range values {
		assignment := regexp.MustCompile(`(?m)^` + name + `=.*$`)
		if !assignment.MatchString(script) {
			script = name + "='" + value + "'\n" + script
			continue
		}
		script = assignment.ReplaceAllLiteralString(script, name+"='"+value+"'")
	}
	command := exec.CommandContext(p.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir = p.folder
	command.Env = append(os.Environ(), "PATH="+p.folder+":"+os.Getenv("PATH"), "KUBECONFIG="+p.kubeconfig(user, groups))
	if output, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("as %s: %v\n%s\n%s", user, err, script, output)
	}
}

// kubeconfig makes one for somebody.
func (p *page) kubeconfig(user string, groups []string) string {
	p.t.Helper()
	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, identity := range config.AuthInfos {
		if user != "" {
			identity.Impersonate, identity.ImpersonateGroups = user, slices.Concat(groups, []string{"system:authenticated"})
		}
	}
	path := filepath.Join(p.folder, fmt.Sprintf("%s.kubeconfig", user))
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		p.t.Fatal(err)
	}
	return path
}
