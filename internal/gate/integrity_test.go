package gate

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/internal/promotion"
)

func TestObserveWhatThePodWasMadeWith(t *testing.T) {
	const other = "registry.example.com/green@sha256:0"
	rendered := makeJob().Obj().Spec.Template.Spec.Containers[0].Image
	for _, c := range []struct {
		reason string
		pods   []corev1.Pod
		want   string
	}{
		{"no pod is left: what the Job says", nil, rendered},
		{"the pod of the Job", []corev1.Pod{makePod("a").Runs("test", rendered).Obj()}, rendered},
		{"a sidecar that others put first is not the test", []corev1.Pod{makePod("a").Runs("mesh", other).Runs("test", rendered).Obj()}, rendered},
		{"the pod runs something else than its Job says", []corev1.Pod{makePod("a").Runs("test", other).Obj()}, other},
		{"the pod has no test", []corev1.Pod{makePod("a").Runs("mesh", rendered).Obj()}, ""},
		{"the pod is another Job's", []corev1.Pod{makePod("a").Of("job-2").Runs("test", other).Obj()}, rendered},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if got := Observe(makeJob().Complete().Obj(), c.pods, nil).Asked; got != c.want {
				t.Errorf("asked %q, want %q", got, c.want)
			}
		})
	}
}

// The Job's object says less than its pods: each worker is looked at.
func TestObserveWorkersThatWereMadeWithDifferentImages(t *testing.T) {
	job := makeLoadJob(2).Complete().Obj()
	image := job.Spec.Template.Spec.Containers[0].Image
	pods := []corev1.Pod{
		worker(t, "0", 0, message(t, 0, 2)).Runs("load", image).Obj(),
		worker(t, "1", 0, message(t, 1, 2)).Runs("load", "registry.example.com/fast@sha256:0").Obj(),
	}
	run := Observe(job, pods, nil)
	if run.State != promotion.RunInconclusive || run.Load != nil || !strings.Contains(run.Message, "made to run different images") {
		t.Errorf("got %+v", run)
	}
}
