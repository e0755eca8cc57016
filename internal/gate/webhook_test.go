package gate

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// answered is what a pod of a webhook gate leaves that was told the release fails.
func answered(t *testing.T) string {
	t.Helper()
	encoded, err := result.Encode(&v1alpha1.WebhookFigures{
		Answer: v1alpha1.AnswerFailed, Message: "2 critical", URL: "https://scanner.example.com/runs/7", Receiver: "scanner.example.com", Requests: ptr[int32](3),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// Whatever the answer is: what the pod left is read, and the core judges.
func TestObserveWebhook(t *testing.T) {
	passed, inconclusive, running := promotion.RunPassed, promotion.RunInconclusive, promotion.RunRunning
	ended := func(code int32, text string) *podBuilder {
		return makePod("webhook").Terminated(code, "", text).Image(operatorImage)
	}
	for name, c := range map[string]struct {
		job   *jobBuilder
		pods  []*podBuilder
		state promotion.RunState
		text  string
	}{
		"an answer":                       {makeWebhookJob().Complete(), []*podBuilder{ended(0, answered(t))}, passed, "measured"},
		"the pod is gone":                 {makeWebhookJob().Complete(), nil, inconclusive, "its pod was deleted before the result was read"},
		"a pod of another Job":            {makeWebhookJob().Complete(), []*podBuilder{ended(0, answered(t)).Of("job-2")}, inconclusive, "its pod was deleted before the result was read"},
		"no result":                       {makeWebhookJob().Complete(), []*podBuilder{ended(0, "")}, inconclusive, "what pod webhook left cannot be read"},
		"what the receiver wrote":         {makeWebhookJob().Complete(), []*podBuilder{ended(0, `{"result": "passed"}`)}, inconclusive, `the answer is ""`},
		"an answer that nobody asked for": {makeWebhookJob().Complete(), []*podBuilder{ended(0, strings.Replace(answered(t), `"requests":3`, `"requests":0`, 1))}, inconclusive, "an answer without a request"},
		"the key is none": {makeWebhookJob().Failed(), []*podBuilder{ended(1, "signingKey: the Secret holds no key there")},
			inconclusive, "the receiver could not be asked: exit code 1: signingKey: the Secret holds no key there"},
		"an answer of a Job that failed": {makeWebhookJob().Failed(), []*podBuilder{ended(1, answered(t))}, inconclusive, "the receiver could not be asked"},
		"it did not end in time":         {makeWebhookJob().Overdue(), []*podBuilder{makePod("webhook").Running()}, inconclusive, "did not end within 720 s"},
		"it runs":                        {makeWebhookJob(), []*podBuilder{makePod("webhook").Running()}, running, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run := observed(t, c.job, c.pods, c.state, c.text)
			if (run.Webhook != nil) != (c.state == passed) || run.Load != nil || run.Metric != nil {
				t.Errorf("the figures are %+v", run.Webhook)
			}
			if run.Webhook != nil && (run.Webhook.Answer != v1alpha1.AnswerFailed || run.Image != operatorImage) {
				t.Errorf("got %+v of %s", run.Webhook, run.Image)
			}
		})
	}
}

func TestRenderWebhook(t *testing.T) {
	start := makeStart().Timeout(90).Webhook(func(g *v1alpha1.WebhookGate) {
		g.Headers = []v1alpha1.LoadHeader{{Name: "X-Team", Value: ptr("$(SLUICE_PIPELINE)")}, {Name: "Authorization", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: "token"}}}
	}).Obj()
	start.WebhookNetworks = []string{"10.20.0.0/16"}
	job := Render(start)
	pod := job.Spec.Template.Spec
	if *job.Spec.Completions != 1 || *job.Spec.BackoffLimit != 0 || *pod.ActiveDeadlineSeconds != 90+120 {
		t.Errorf("want one pod, once, for 210 s: %+v", job.Spec)
	}
	if *pod.AutomountServiceAccountToken || len(pod.Volumes) > 0 || len(pod.Containers) != 1 {
		t.Errorf("the pod has more than it needs: %+v", pod)
	}
	container := pod.Containers[0]
	if container.Name != "webhook" || container.Image != operatorImage || len(container.Command) != 0 || !reflect.DeepEqual(container.Args, []string{"webhook"}) {
		t.Errorf("the container %s runs %s %v %v", container.Name, container.Image, container.Command, container.Args)
	}
	secrets, text := map[string]string{}, ""
	for _, variable := range container.Env {
		switch {
		case variable.ValueFrom != nil:
			secrets[variable.Name] = variable.ValueFrom.SecretKeyRef.Name + "/" + variable.ValueFrom.SecretKeyRef.Key
		case variable.Name == "SLUICE_WEBHOOK":
			text = variable.Value
		}
	}
	if want := map[string]string{
		"WEBHOOK_SIGNING_KEY": "sluice-gate.shop.checkout/signing-key", "WEBHOOK_HEADER_1": "sluice-gate.shop.checkout/token",
	}; !reflect.DeepEqual(secrets, want) {
		t.Errorf("it gets %v", secrets)
	}
	if strings.Contains(strings.ReplaceAll(text, "$$", ""), "$") {
		t.Errorf("a dollar is not doubled: %s", text)
	}
	var task result.Task
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "$$", "$")), &task); err != nil {
		t.Fatal(err)
	}
	want := result.Task{
		ID: "sl-0123456789abcdef0123", Gate: start.Gate.Webhook, TimeoutSeconds: 90, Networks: []string{"10.20.0.0/16"},
		Data: result.Data{
			Promotion: "shop/checkout-1.4.2", Pipeline: "shop/checkout", Environment: "test", Namespace: "shop-test", ReleaseHash: "7f3a", Gate: "contract", Attempt: 2,
			Images: []result.Image{{Name: "api", Repository: "r.example.com/api", Digest: digestB}, {Name: "batch-worker", Repository: "r.example.com/worker", Digest: digestB}},
		},
	}
	if !reflect.DeepEqual(task, want) {
		t.Errorf("the program reads %+v\nwant %+v", task, want)
	}
}

func TestCheckWebhook(t *testing.T) {
	if err := Check(makeStart().Webhook().Obj().Gate, "shop/checkout"); err != nil {
		t.Error(err)
	}
	foreign := v1alpha1.SecretKeyReference{Name: "database", Key: "password"}
	for what, c := range map[string]struct {
		change func(*v1alpha1.WebhookGate)
		field  string
	}{
		"signingKey": {func(g *v1alpha1.WebhookGate) { g.SigningKey = foreign }, "signingKey"},
		"header Authorization": {func(g *v1alpha1.WebhookGate) {
			g.Headers = []v1alpha1.LoadHeader{{Name: "Authorization", SecretKeyRef: foreign}}
		}, "secretKeyRef"},
	} {
		want := `takes ` + what + ` from the Secret "database"`
		err := Check(makeStart().Webhook(c.change).Obj().Gate, "shop/checkout")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.field+": {name: sluice-gate.shop.checkout, key: password}") {
			t.Errorf("%v, want %q and what to write", err, want)
		}
	}
}
