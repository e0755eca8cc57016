package admission_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// rendered is an Environment whose kustomization has components of config/allowed-images.
func rendered(t *testing.T, namespace string, components ...string) *v1alpha1.Environment {
	t.Helper()
	folder := t.TempDir()
	environment := MakeEnvironment(namespace, v1alpha1.TierProduction).Obj()
	environment.APIVersion, environment.Kind = v1alpha1.GroupVersion.String(), "Environment"
	environment.Spec.AllowedImages = []string{"registry.example.com/mesh/"}
	manifest, err := yaml.Marshal(environment)
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [environment.yaml]\ncomponents:\n"
	for _, component := range components {
		path, err := filepath.Abs(config("allowed-images", component))
		if err == nil {
			path, err = filepath.Rel(folder, path)
		}
		if err != nil {
			t.Fatal(err)
		}
		text += "- " + path + "\n"
	}
	for name, data := range map[string][]byte{"environment.yaml": manifest, "kustomization.yaml": []byte(text)} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output, err := kubectl(t.Context(), "kustomize", folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(output), environment); err != nil {
		t.Fatal(err)
	}
	return environment
}

// What the ready lists of config/allowed-images let in: what a mesh injects and what kubectl debug attaches, and no more.
func TestAllowedImagesForMeshesAndDebugging(t *testing.T) {
	for component, images := range map[string][]string{
		"istio":         {"registry.istio.io/release/proxyv2:1.30.5", "docker.io/istio/proxyv2:1.29.1-distroless"},
		"linkerd":       {"cr.l5d.io/linkerd/proxy:edge-26.9.3", "cr.l5d.io/linkerd/proxy-init:v2.4.2"},
		"kubectl-debug": {"busybox:1.28"},
	} {
		t.Run(component, func(t *testing.T) {
			namespace := "preset-" + component
			environment := rendered(t, namespace, component)
			create(t, MakeNamespace(namespace, v1alpha1.LockEnforce).Note(v1alpha1.PrefixesAnnotation, strings.Join(environment.Spec.AllowedImages, " ")).Obj())
			create(t, environment)
			running := MakePod(api+"@"+current).Pod(namespace, "running")
			create(t, running)
			somebody := person("mallory")
			for _, image := range images {
				pod := MakePod(api+"@"+current).Sidecar("mesh", image).Init(image).Pod(namespace, "pod")
				if err := somebody.Create(t.Context(), pod, dryRun); err != nil {
					t.Errorf("%s: %v", image, err)
				}
				if err := debug(t, somebody, running, image); err != nil {
					t.Errorf("kubectl debug --image=%s: %v", image, err)
				}
				// A name that only begins alike is another's.
				host, rest, _ := strings.Cut(image, "/")
				refused(t, somebody.Create(t.Context(), MakePod("evil.example.com/"+host+"/"+rest).Pod(namespace, "pod"), dryRun), "sluice-lock", bringItIn)
			}
			refused(t, debug(t, somebody, running, "busybox"), "sluice-lock", bringItIn)
		})
	}
	if all := rendered(t, "preset-all", "istio", "linkerd", "kubectl-debug").Spec.AllowedImages; len(all) != 5 || all[0] != "registry.example.com/mesh/" {
		t.Errorf("together they make %v", all)
	}
}

// debug attaches an ephemeral container, as a dry run.
func debug(t *testing.T, c client.Client, running *corev1.Pod, image string) error {
	t.Helper()
	pod := &corev1.Pod{}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(running), pod); err != nil {
		return err
	}
	pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image},
	})
	return c.SubResource("ephemeralcontainers").Update(t.Context(), pod, client.DryRunAll)
}
