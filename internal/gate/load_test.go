package gate

import (
	"encoding/json"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/load/result"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/termination"
)

// message is what a worker of a load gate leaves that measured ten answers.
func message(t *testing.T, index, workers int32) string {
	t.Helper()
	w := result.Worker{
		Index: index, Workers: workers, StartMilliseconds: 1, MeasuredMilliseconds: 1000, Intended: 10, Sent: 10,
		MaxMicroseconds: 10_000 * int64(index+1), ThrottledMicroseconds: -1, Latencies: result.NewHistogram(),
	}
	for i := range int64(10) {
		result.Record(w.Latencies, 1000*(i+1)*int64(index+1))
	}
	encoded, err := result.Encode(&w, termination.MaxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func worker(t *testing.T, index string, code int32, text string) *podBuilder {
	t.Helper()
	return makePod("load-"+index).Worker(index).Terminated(code, "", text).Image(operatorImage)
}

func TestObserveLoad(t *testing.T) {
	passed, inconclusive, running := promotion.RunPassed, promotion.RunInconclusive, promotion.RunRunning
	for name, c := range map[string]struct {
		job   *jobBuilder
		pods  []*podBuilder
		state promotion.RunState
		text  string
		count int64
	}{
		"one worker": {makeLoadJob(1).Complete(), []*podBuilder{worker(t, "0", 0, message(t, 0, 1))}, passed, "measured", 10},
		"two workers": {makeLoadJob(2).Complete(), []*podBuilder{
			worker(t, "1", 0, message(t, 1, 2)), worker(t, "0", 0, message(t, 0, 2)),
		}, passed, "measured", 20},
		"a pod was disrupted and replaced": {makeLoadJob(1).Complete(), []*podBuilder{
			makePod("lost").Worker("0").Terminated(137, "Error", "").Image(operatorImage), worker(t, "0", 0, message(t, 0, 1)),
		}, passed, "measured", 10},
		"the pods are seen later than the Job": {makeLoadJob(2).Complete(), []*podBuilder{
			worker(t, "0", 0, message(t, 0, 2)), makePod("load-1").Worker("1").Running().Image(operatorImage),
		}, running, "", 0},
		"a worker's pod is gone": {makeLoadJob(2).Complete(), []*podBuilder{worker(t, "0", 0, message(t, 0, 2))},
			inconclusive, "there are 1, and worker 0 is one of 2", 0},
		"all pods are gone":         {makeLoadJob(1).Complete(), nil, inconclusive, "no result of any worker", 0},
		"no result":                 {makeLoadJob(1).Complete(), []*podBuilder{worker(t, "0", 0, "")}, inconclusive, "pod load-0: no result", 0},
		"a result that cannot be":   {makeLoadJob(1).Complete(), []*podBuilder{worker(t, "0", 0, strings.Replace(message(t, 0, 1), `"sent":10`, `"sent":11`, 1))}, inconclusive, "11 were sent", 0},
		"two results of one worker": {makeLoadJob(2).Complete(), []*podBuilder{worker(t, "0", 0, message(t, 0, 2)), worker(t, "1", 0, message(t, 0, 2))}, inconclusive, "two of worker 0", 0},
		"the pods ran different images": {makeLoadJob(2).Complete(), []*podBuilder{
			worker(t, "0", 0, message(t, 0, 2)), worker(t, "1", 0, message(t, 1, 2)).Image(testImage),
		}, inconclusive, "ran different images", 0},
		"a pod of another Job": {makeLoadJob(1).Complete(), []*podBuilder{worker(t, "0", 0, message(t, 0, 1)).Of("job-2")}, inconclusive, "no result of any worker", 0},
		"the generator could not run": {makeLoadJob(1).Failed(), []*podBuilder{worker(t, "0", 1, "SLUICE_X is not set")},
			inconclusive, "the load could not be sent: exit code 1: SLUICE_X is not set", 0},
		"a result of a Job that failed": {makeLoadJob(1).Failed(), []*podBuilder{worker(t, "0", 1, message(t, 0, 1))}, inconclusive, "the load could not be sent", 0},
		"it did not end in time":        {makeLoadJob(1).Overdue(), []*podBuilder{makePod("load-0").Worker("0").Running()}, inconclusive, "did not end within 205 s", 0},
		"it runs":                       {makeLoadJob(1), []*podBuilder{makePod("load-0").Worker("0").Running()}, running, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			run := observed(t, c.job, c.pods, c.state, c.text)
			if got := measuredRequests(run); got != c.count {
				t.Errorf("%d requests, want %d", got, c.count)
			}
		})
	}
}

func measuredRequests(run promotion.Run) int64 {
	if run.Load == nil {
		return 0
	}
	return *run.Load.Requests
}

func TestRenderLoad(t *testing.T) {
	token, dollars := "a$(B)$$c", "100$"
	job := Render(makeStart().Load(func(g *v1alpha1.LoadGate) {
		g.Workers = 3
		g.Targets[0].Headers = []v1alpha1.LoadHeader{
			{Name: "X-Plain", Value: &token},
			{Name: "Authorization", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: "token"}},
		}
		g.Targets[0].Body = dollars
	}).Obj())
	if *job.Spec.CompletionMode != batchv1.IndexedCompletion || *job.Spec.Completions != 3 || *job.Spec.Parallelism != 3 {
		t.Errorf("the Job does not make three workers: %+v", job.Spec)
	}
	if got := *job.Spec.Template.Spec.ActiveDeadlineSeconds; got != 5+60+20+120 {
		t.Errorf("the pod has %d s", got)
	}
	container := job.Spec.Template.Spec.Containers[0]
	if container.Image != operatorImage || len(container.Command) != 0 || container.Args[0] != "load" {
		t.Errorf("the container runs %s %v %v", container.Image, container.Command, container.Args)
	}
	if _, limited := container.Resources.Limits[corev1.ResourceCPU]; limited || container.Resources.Requests.Cpu().String() != "250m" {
		t.Errorf("resources %+v, want no limit on CPU", container.Resources)
	}
	if !*container.SecurityContext.ReadOnlyRootFilesystem || *container.SecurityContext.AllowPrivilegeEscalation {
		t.Errorf("security context %+v", container.SecurityContext)
	}
	var secret *corev1.SecretKeySelector
	var spec string
	for _, variable := range container.Env {
		switch variable.Name {
		case "SLUICE_LOAD_SECRET_0_1":
			secret = variable.ValueFrom.SecretKeyRef
		case "SLUICE_LOAD":
			spec = variable.Value
		}
	}
	if secret == nil || secret.Name != "sluice-gate.shop.checkout" || secret.Key != "token" {
		t.Errorf("the header's value comes from %+v", secret)
	}
	// What the kubelet makes of the value: it replaces $(NAME) and turns $$ into $.
	if strings.Contains(strings.ReplaceAll(spec, "$$", ""), "$") {
		t.Errorf("a dollar is not doubled: %s", spec)
	}
	var gate v1alpha1.LoadGate
	if err := json.Unmarshal([]byte(strings.ReplaceAll(spec, "$$", "$")), &gate); err != nil {
		t.Fatal(err)
	}
	headers := gate.Targets[0].Headers
	if gate.Targets[0].URL != "http://api.$(SLUICE_NAMESPACE).svc/quote" || *headers[0].Value != token || gate.Targets[0].Body != dollars ||
		*headers[1].Value != "$(SLUICE_LOAD_SECRET_0_1)" {
		t.Errorf("the generator reads %+v", gate.Targets[0])
	}
}

func TestCheckLoad(t *testing.T) {
	foreign := makeStart().Load(func(g *v1alpha1.LoadGate) {
		g.Targets[0].Headers = []v1alpha1.LoadHeader{{Name: "Authorization", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "database", Key: "password"}}}
	}).Obj()
	if err := Check(foreign.Gate, "shop/checkout"); err == nil || !strings.Contains(err.Error(), "sluice-gate.shop.checkout") {
		t.Errorf("a header from a foreign Secret: %v", err)
	}
	large := makeStart().Load(func(g *v1alpha1.LoadGate) {
		for range 30 {
			g.Targets = append(g.Targets, v1alpha1.LoadTarget{URL: "http://api", Body: strings.Repeat("x", 4096)})
		}
	}).Obj()
	if err := Check(large.Gate, "shop/checkout"); err == nil || !strings.Contains(err.Error(), "holds 100000") {
		t.Errorf("a load that no variable holds: %v", err)
	}
	if err := Check(makeStart().Load().Obj().Gate, "shop/checkout"); err != nil {
		t.Error(err)
	}
}
