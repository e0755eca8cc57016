package gate

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func service(name string, selector map[string]string, ports ...int32) corev1.Service {
	s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop-test"}, Spec: corev1.ServiceSpec{Selector: selector}}
	for _, port := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Port: port})
	}
	return s
}

func TestServiceVariables(t *testing.T) {
	api, worker := v1alpha1.Image{Name: "api", Repository: "r.example.com/api", Digest: digestA}, v1alpha1.Image{Name: "batch-worker", Repository: "r.example.com/worker", Digest: digestB}
	pod := func(app string, references ...string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app, "pod-template-hash": "1"}}}
		for _, reference := range references {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Image: reference})
		}
		return p
	}
	app := func(name string) map[string]string { return map[string]string{"app": name} }
	udp := service("dns", app("api"), 53)
	udp.Spec.Ports[0].Protocol = corev1.ProtocolUDP
	elsewhere := service("elsewhere", app("api"), 80)
	elsewhere.Spec.Type = corev1.ServiceTypeExternalName
	many := service("many", app("api"))
	for port := range int32(20) {
		many.Spec.Ports = append(many.Spec.Ports, corev1.ServicePort{Port: 1000 + port})
	}
	pods := []corev1.Pod{pod("api", "r.example.com/proxy:v1", api.Reference()), pod("worker", "r.example.com/worker:v2@"+digestB), pod("old", "r.example.com/api@"+digestB)}
	for name, c := range map[string]struct {
		services []corev1.Service
		want     map[string]string
	}{
		"one each": {[]corev1.Service{service("api", app("api"), 80), service("worker", app("worker"), 8080)},
			map[string]string{"SLUICE_SERVICE_API": "api.shop-test.svc:80", "SLUICE_SERVICE_BATCH_WORKER": "worker.shop-test.svc:8080"}},
		"several, by name, and each port": {[]corev1.Service{service("public", app("api"), 443), service("internal", app("api"), 80, 9090)},
			map[string]string{"SLUICE_SERVICE_API": "internal.shop-test.svc:80,internal.shop-test.svc:9090,public.shop-test.svc:443"}},
		"none":                              {nil, map[string]string{}},
		"of what is no part of the release": {[]corev1.Service{service("old", app("old"), 80)}, map[string]string{}},
		"that selects nothing, or all":      {[]corev1.Service{service("manual", nil, 80), service("mistaken", map[string]string{"app": "api", "tier": "web"}, 80)}, map[string]string{}},
		"not TCP, not here":                 {[]corev1.Service{udp, elsewhere}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, variable := range serviceVariables([]v1alpha1.Image{api, worker}, c.services, pods) {
				got[variable.Name] = variable.Value
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if got := serviceVariables([]v1alpha1.Image{api}, []corev1.Service{many}, pods); len(strings.Split(got[0].Value, ",")) != 16 {
		t.Errorf("%d addresses: %s", len(strings.Split(got[0].Value, ",")), got[0].Value)
	}
}
