package admission_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// BenchmarkPodCreate measures what lock and pin cost a pod: go test -run=NONE -bench=PodCreate ./test/admission
func BenchmarkPodCreate(b *testing.B) {
	references := make([]string, 1000)
	for n := range references {
		references[n] = fmt.Sprintf("registry.example.com/team/service-%03d@sha256:%064x", n, n)
	}
	thousand := MakeNamespace("bench-thousand", v1alpha1.LockEnforce).
		Note(v1alpha1.ImagesAnnotation, strings.Join(references, " ")).
		Note(v1alpha1.PinsAnnotation, strings.Join(references[:300], " "))
	for _, c := range []struct {
		name      string
		namespace *corev1.Namespace
		image     string
	}{
		{"no lock", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "bench-none"}}, api + ":v5"},
		{"lock", MakeNamespace("bench-lock", v1alpha1.LockEnforce).Obj(), api + "@" + current},
		{"lock and pin", MakeNamespace("bench-pin", v1alpha1.LockEnforce).Obj(), api + ":v5"},
		{"lock of 1000 references", thousand.Obj(), references[999]},
	} {
		b.Run(c.name, func(b *testing.B) {
			namespace := c.namespace.DeepCopy()
			namespace.Name = fmt.Sprintf("%s-%d", namespace.Name, b.N)
			if err := admin.Create(b.Context(), namespace); err != nil {
				b.Fatal(err)
			}
			dave, made := person("dave"), 0
			for b.Loop() {
				made++
				if err := dave.Create(b.Context(), MakePod(c.image).Pod(namespace.Name, fmt.Sprintf("p%d", made))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
