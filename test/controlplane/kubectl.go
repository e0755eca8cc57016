package controlplane

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// kubectl is the binary that people have.
const kubectl = "kubectl"

// KubectlPath is where the kubectl of the cluster's version is.
func KubectlPath() (string, error) {
	paths, err := findBinaries(kubectl)
	return paths[kubectl], err
}

// Kubectl runs the kubectl of the cluster's version as the administrator, and returns what it printed.
func (p *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	path, err := KubectlPath()
	if err != nil {
		return "", err
	}
	return RunKubectl(ctx, path, append([]string{"--kubeconfig", p.Kubeconfig}, args...)...)
}

// RunKubectl runs a kubectl, and returns what it printed; an error holds that too.
func RunKubectl(ctx context.Context, path string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

// Install does what config/default/kustomization.yaml tells a user to do. The path leads to config. Folders of it are
// applied in order, the CRDs established before what comes after them; without any, all that Sluice is made of.
func (p *ControlPlane) Install(ctx context.Context, config string, folders ...string) error {
	const definitions = "crd"
	if len(folders) == 0 {
		folders = []string{definitions, "default"}
	}
	for _, folder := range folders {
		if _, err := p.Kubectl(ctx, "apply", "-k", filepath.Join(config, folder)); err != nil {
			return err
		}
		if folder != definitions {
			continue
		}
		_, err := p.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", "app.kubernetes.io/part-of=sluice")
		if err != nil {
			return err
		}
	}
	return nil
}
