package gate

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/metric/result"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// sampled is what a pod of a metric gate leaves that saw four samples.
func sampled(t *testing.T) string {
	t.Helper()
	encoded, err := result.Encode(&v1alpha1.MetricFigures{
		Samples: ptr[int32](4), Failed: ptr[int32](1), ConsecutiveFailed: ptr[int32](1), Missing: ptr[int32](0), Last: "0.002", LastFailed: "0.031",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func TestObserveMetric(t *testing.T) {
	passed, inconclusive, running := promotion.RunPassed, promotion.RunInconclusive, promotion.RunRunning
	ended := func(code int32, text string) *podBuilder {
		return makePod("metric").Terminated(code, "", text).Image(operatorImage)
	}
	for name, c := range map[string]struct {
		job   *jobBuilder
		pods  []*podBuilder
		state promotion.RunState
		text  string
	}{
		"a result": {makeMetricJob().Complete(), []*podBuilder{ended(0, sampled(t))}, passed, "measured"},
		"a pod was disrupted and replaced": {makeMetricJob().Complete(), []*podBuilder{
			makePod("lost").Terminated(137, "Error", "").Image(operatorImage), ended(0, sampled(t)).Created(after(9)),
		}, passed, "measured"},
		"the pod is seen later than the Job": {makeMetricJob().Complete(), []*podBuilder{makePod("metric").Running()}, running, ""},
		"the pod is gone":                    {makeMetricJob().Complete(), nil, inconclusive, "its pod was deleted before the result was read"},
		"a pod of another Job":               {makeMetricJob().Complete(), []*podBuilder{ended(0, sampled(t)).Of("job-2")}, inconclusive, "its pod was deleted before the result was read"},
		"the pod that is left failed":        {makeMetricJob().Complete(), []*podBuilder{ended(1, sampled(t))}, inconclusive, "its pod was deleted before the result was read"},
		"no result":                          {makeMetricJob().Complete(), []*podBuilder{ended(0, "")}, inconclusive, "what pod metric left cannot be read"},
		"a result that cannot be": {makeMetricJob().Complete(), []*podBuilder{ended(0, strings.Replace(sampled(t), `"failed":1`, `"failed":5`, 1))},
			inconclusive, "4 samples, 5 failed, 0 missing"},
		"the gate is wrong": {makeMetricJob().Failed(), []*podBuilder{ended(1, "query: SLUICE_X is not set")},
			inconclusive, "the samples could not be taken: exit code 1: query: SLUICE_X is not set"},
		"a result of a Job that failed": {makeMetricJob().Failed(), []*podBuilder{ended(1, sampled(t))}, inconclusive, "the samples could not be taken"},
		"it did not end in time":        {makeMetricJob().Overdue(), []*podBuilder{makePod("metric").Running()}, inconclusive, "did not end within 190 s"},
		"it runs":                       {makeMetricJob(), []*podBuilder{makePod("metric").Running()}, running, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run := observed(t, c.job, c.pods, c.state, c.text)
			if (run.Metric != nil) != (c.state == passed) || run.Load != nil {
				t.Errorf("the figures are %+v", run.Metric)
			}
			if run.Metric != nil && (*run.Metric.Failed != 1 || run.Image != operatorImage) {
				t.Errorf("got %+v of %s", run.Metric, run.Image)
			}
		})
	}
}

func TestRenderMetric(t *testing.T) {
	secret := func(key string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: key}
	}
	start := makeStart().Metric(func(g *v1alpha1.MetricGate) {
		g.Prometheus.BearerToken, g.Prometheus.ClientCertificate, g.Prometheus.ClientKey = secret("token"), secret("tls.crt"), secret("tls.key")
	}).Obj()
	job := Render(start)
	if job.Spec.CompletionMode != nil || *job.Spec.Completions != 1 || *job.Spec.BackoffLimit != 0 {
		t.Errorf("want one pod, once: %+v", job.Spec)
	}
	pod := job.Spec.Template.Spec
	if got := *pod.ActiveDeadlineSeconds; got != 4*15+10+120 {
		t.Errorf("the pod has %d s", got)
	}
	if *pod.AutomountServiceAccountToken || len(pod.Volumes) > 0 || len(pod.Containers) != 1 {
		t.Errorf("the pod has more than it needs: %+v", pod)
	}
	container := pod.Containers[0]
	if container.Name != "metric" || container.Image != operatorImage || len(container.Command) != 0 || !reflect.DeepEqual(container.Args, []string{"metric"}) {
		t.Errorf("the container %s runs %s %v %v", container.Name, container.Image, container.Command, container.Args)
	}
	if !*container.SecurityContext.ReadOnlyRootFilesystem || *container.SecurityContext.AllowPrivilegeEscalation {
		t.Errorf("security context %+v", container.SecurityContext)
	}
	secrets, spec := map[string]string{}, ""
	for _, variable := range container.Env {
		switch {
		case variable.ValueFrom != nil:
			secrets[variable.Name] = variable.ValueFrom.SecretKeyRef.Name + "/" + variable.ValueFrom.SecretKeyRef.Key
		case variable.Name == "SLUICE_METRIC":
			spec = variable.Value
		}
	}
	if want := map[string]string{
		"PROMETHEUS_TOKEN": "sluice-gate.shop.checkout/token", "PROMETHEUS_CERTIFICATE": "sluice-gate.shop.checkout/tls.crt", "PROMETHEUS_KEY": "sluice-gate.shop.checkout/tls.key",
	}; !reflect.DeepEqual(secrets, want) {
		t.Errorf("it gets %v", secrets)
	}
	// What the kubelet makes of the value: it replaces $(NAME) and turns $$ into $.
	if strings.Contains(strings.ReplaceAll(spec, "$$", ""), "$") {
		t.Errorf("a dollar is not doubled: %s", spec)
	}
	var gate v1alpha1.MetricGate
	if err := json.Unmarshal([]byte(strings.ReplaceAll(spec, "$$", "$")), &gate); err != nil || !reflect.DeepEqual(gate, start.Gate.Metric) {
		t.Errorf("the program reads %+v, %v", gate, err)
	}
	if plain := Render(makeStart().Metric().Obj()).Spec.Template.Spec.Containers[0].Env; len(plain) != len(container.Env)-3 {
		t.Errorf("without secrets it gets %v", plain)
	}
}

func TestCheckMetric(t *testing.T) {
	if err := Check(makeStart().Metric().Obj().Gate, "shop/checkout"); err != nil {
		t.Error(err)
	}
	foreign := v1alpha1.SecretKeyReference{Name: "database", Key: "password"}
	for field, change := range map[string]func(*v1alpha1.PrometheusServer){
		"bearerToken":       func(p *v1alpha1.PrometheusServer) { p.BearerToken = foreign },
		"clientCertificate": func(p *v1alpha1.PrometheusServer) { p.ClientCertificate = foreign },
		"clientKey":         func(p *v1alpha1.PrometheusServer) { p.ClientKey = foreign },
	} {
		gate := makeStart().Metric(func(g *v1alpha1.MetricGate) { change(&g.Prometheus) }).Obj().Gate
		want := `takes ` + field + ` from the Secret "database"`
		if err := Check(gate, "shop/checkout"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), field+": {name: sluice-gate.shop.checkout, key: password}") {
			t.Errorf("%v, want %q and what to write", err, want)
		}
	}
}
