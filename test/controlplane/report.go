package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reportedLines is how much of the log of each process a report holds.
const reportedLines = 20

// namespaceReports are what a person asks for where a test of a namespace failed.
var namespaceReports = [][]string{
	{"get", "deployments,statefulsets,daemonsets", "-o", columns(
		"KIND:.kind", "NAME:.metadata.name", "GENERATION:.metadata.generation", "OBSERVED:.status.observedGeneration",
		"DESIRED:.spec.replicas", "REPLICAS:.status.replicas", "UPDATED:.status.updatedReplicas", "READY:.status.readyReplicas",
		"AVAILABLE:.status.availableReplicas", `RELEASE:.metadata.annotations.sluice\.dev/release`, "IMAGES:.spec.template.spec.containers[*].image")},
	{"get", "replicasets,jobs", "-o", "wide"},
	{"get", "pods", "-o", columns(
		"NAME:.metadata.name", "NODE:.spec.nodeName", "CREATED:.metadata.creationTimestamp", "DELETED:.metadata.deletionTimestamp", "PHASE:.status.phase",
		`READY:.status.conditions[?(@.type=="Ready")].status`, `SINCE:.status.conditions[?(@.type=="Ready")].lastTransitionTime`,
		"WAITING:.status.containerStatuses[*].state.waiting.reason", "IMAGES:.spec.containers[*].image", "IDS:.status.containerStatuses[*].imageID")},
	{"events"},
	{"get", "promotions,deliverypipelines,environments,approvals,releaserecords", "-o", "yaml"},
}

func columns(names ...string) string { return "custom-columns=" + strings.Join(names, ",") }

// Report tells the state of some namespaces, of the nodes, and what the processes logged last: where a test failed, it
// says why. What cannot be asked for is told too.
func (p *ControlPlane) Report(ctx context.Context, namespaces ...string) string {
	var report strings.Builder
	ask := func(args ...string) {
		output, err := p.Kubectl(ctx, args...)
		if err != nil {
			output = err.Error()
		}
		fmt.Fprintf(&report, "--- kubectl %s\n%s\n", strings.Join(args, " "), strings.TrimSpace(output))
	}
	for _, namespace := range namespaces {
		ask("get", "namespace", namespace, "-o", "yaml")
		for _, args := range namespaceReports {
			ask(append(slices.Clone(args), "-n", namespace)...)
		}
	}
	ask("get", "gatetemplates", "-o", "yaml")
	ask("get", "nodes", "-o", columns("NAME:.metadata.name", `READY:.status.conditions[?(@.type=="Ready")].status`,
		`SINCE:.status.conditions[?(@.type=="Ready")].lastTransitionTime`, "TAINTS:.spec.taints[*].key"))
	ask("events", "-n", "default")
	logs, err := filepath.Glob(filepath.Join(p.Dir, "logs", "*.log"))
	if err != nil {
		fmt.Fprintln(&report, err)
	}
	for _, path := range logs {
		fmt.Fprintf(&report, "--- the end of %s\n%s\n", filepath.Base(path), lastLines(path))
	}
	return report.String()
}

func lastLines(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-reportedLines):], []byte("\n"))
}
