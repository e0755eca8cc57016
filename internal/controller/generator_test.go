package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-dev/sluice/internal/promotion"
)

func TestGenerator(t *testing.T) {
	const index, platform = "sha256:1111111111111111111111111111111111111111111111111111111111111111", "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	own := types.NamespacedName{Namespace: "sluice-system", Name: "sluice-0"}
	pod := func(asked, reported string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: own.Namespace, Name: own.Name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "operator", Image: asked}}},
			Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "operator", ImageID: reported}}},
		}
	}
	for name, c := range map[string]struct {
		own  OwnImage
		pod  *corev1.Pod
		want promotion.Generator
	}{
		"outside a cluster": {OwnImage{}, nil, promotion.Generator{}},
		"as somebody says":  {OwnImage{Reference: "r/s@" + index}, nil, promotion.Generator{Image: "r/s@" + index}},
		"the pod by digest": {OwnImage{Pod: own}, pod("r/s@"+index, "r/s@"+index), promotion.Generator{Image: "r/s@" + index, Reported: "r/s@" + index}},
		"the kubelet reports the platform's digest": {OwnImage{Pod: own}, pod("r.io:5000/s:v1@"+index, "docker-pullable://r.io:5000/s@"+platform),
			promotion.Generator{Image: "r.io:5000/s@" + index, Reported: "r.io:5000/s@" + platform}},
		"the pod by tag":                      {OwnImage{Pod: own}, pod("r/s:v1", "r/s@"+index), promotion.Generator{Image: "r/s@" + index, Reported: "r/s@" + index}},
		"somebody's word comes first":         {OwnImage{Reference: "m/s@" + index, Pod: own}, pod("r/s:v1", "r/s@"+platform), promotion.Generator{Image: "m/s@" + index, Reported: "r/s@" + platform}},
		"an image that no registry knows":     {OwnImage{Pod: own}, pod("s:v1", index), promotion.Generator{}},
		"a pod that has not been reported":    {OwnImage{Pod: own}, pod("s:v1", ""), promotion.Generator{}},
		"a pod that is not seen in the cache": {OwnImage{Pod: own}, nil, promotion.Generator{}},
	} {
		t.Run(name, func(t *testing.T) {
			builder := fake.NewClientBuilder().WithScheme(Scheme())
			if c.pod != nil {
				builder = builder.WithObjects(c.pod)
			}
			g := Gatherer{Reader: builder.Build(), Own: c.own}
			got, err := g.generator(t.Context())
			if err != nil || got != c.want {
				t.Errorf("%+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}
