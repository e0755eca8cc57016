package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// maxAddresses bounds the value of one variable: more Services than that select nothing in common that a test could name.
const maxAddresses = 16

// serviceVariables tell a test where the release answers: for each image the TCP ports of the Services that select a pod
// which runs it, as name.namespace.svc:port, by name and port, with commas between. An image without such a Service has
// no variable.
func serviceVariables(images []v1alpha1.Image, services []corev1.Service, pods []corev1.Pod) []corev1.EnvVar {
	services = slices.SortedFunc(slices.Values(services), func(a, b corev1.Service) int { return cmp.Compare(a.Name, b.Name) })
	var variables []corev1.EnvVar
	for _, image := range images {
		running := slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool { return !containsImage(p, image) })
		var addresses []string
		for _, service := range services {
			if selectsAny(service, running) {
				addresses = append(addresses, addressesOf(service)...)
			}
		}
		if len(addresses) > 0 {
			value := strings.Join(addresses[:min(len(addresses), maxAddresses)], ",")
			variables = append(variables, corev1.EnvVar{Name: "SLUICE_SERVICE_" + variableName(image.Name), Value: value})
		}
	}
	return variables
}

// variableName is the name of an image as part of a variable's.
func variableName(image string) string { return strings.ReplaceAll(strings.ToUpper(image), "-", "_") }

// containsImage says whether a pod runs an image, whatever tag stands before its digest.
func containsImage(pod corev1.Pod, image v1alpha1.Image) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		name, digest, _ := strings.Cut(c.Image, "@")
		return digest == image.Digest && (name == image.Repository || strings.HasPrefix(name, image.Repository+":"))
	})
}

func selectsAny(service corev1.Service, pods []corev1.Pod) bool {
	if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	selector := labels.SelectorFromValidatedSet(service.Spec.Selector)
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) })
}

func addressesOf(service corev1.Service) []string {
	var addresses []string
	for _, port := range service.Spec.Ports {
		if cmp.Or(port.Protocol, corev1.ProtocolTCP) == corev1.ProtocolTCP {
			addresses = append(addresses, fmt.Sprintf("%s.%s.svc:%d", service.Name, service.Namespace, port.Port))
		}
	}
	return addresses
}
