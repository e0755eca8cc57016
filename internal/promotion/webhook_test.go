package promotion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// Only an answer that says so passes.
func TestJudgeWebhook(t *testing.T) {
	for name, c := range map[string]struct {
		figures v1alpha1.WebhookFigures
		want    promotion.RunState
		message string
	}{
		"passed":            {WebhookFigures(), promotion.RunPassed, "scanner.example.com says passed: 214 checks"},
		"passed, no words":  {v1alpha1.WebhookFigures{Answer: v1alpha1.AnswerPassed}, promotion.RunPassed, "the receiver says passed"},
		"failed":            {v1alpha1.WebhookFigures{Answer: v1alpha1.AnswerFailed, Receiver: "board", Message: "2 critical"}, promotion.RunFailed, "board says failed: 2 critical"},
		"failed, a report":  {v1alpha1.WebhookFigures{Answer: v1alpha1.AnswerFailed, URL: "https://board/7"}, promotion.RunFailed, "the receiver says failed (https://board/7)"},
		"no answer":         {v1alpha1.WebhookFigures{Answer: v1alpha1.AnswerNone, Message: "it answered 503"}, promotion.RunInconclusive, "the receiver gave no answer that counts: it answered 503"},
		"nothing at all":    {v1alpha1.WebhookFigures{}, promotion.RunInconclusive, "the receiver gave no answer that counts"},
		"an unknown answer": {v1alpha1.WebhookFigures{Answer: "Perhaps"}, promotion.RunInconclusive, "the receiver gave no answer that counts"},
	} {
		t.Run(name, func(t *testing.T) {
			if state, message := promotion.JudgeWebhook(c.figures); state != c.want || message != c.message {
				t.Errorf("%s: %s\nwant %s: %s", state, message, c.want, c.message)
			}
		})
	}
}

func TestWebhookSeconds(t *testing.T) {
	gate := WebhookGate("scan")
	if answer, all := promotion.WebhookSeconds(gate), promotion.GateTimeout(gate); answer != 600 || all != 720 {
		t.Errorf("by default the answer may take %d s, and all %d s", answer, all)
	}
	gate.TimeoutSeconds = 90
	if answer, all := promotion.WebhookSeconds(gate), promotion.GateTimeout(gate); answer != 90 || all != 210 {
		t.Errorf("the answer may take %d s, and all %d s", answer, all)
	}
}

// asked is a world whose one environment has a webhook gate, which is told WebhookFigures unless told otherwise.
func asked(t *testing.T, gate v1alpha1.Gate, change func(*promotion.Run)) *world {
	return loaded(t, gate, func(run *promotion.Run) {
		*run = WebhookRun(*run, WebhookFigures())
		change(run)
	})
}

func refuses(run *promotion.Run) {
	run.Webhook.Answer, run.Webhook.Message = v1alpha1.AnswerFailed, "2 critical"
}

func silent(run *promotion.Run) {
	run.Webhook.Answer, run.Webhook.Message = v1alpha1.AnswerNone, "no answer within 10m0s: it answered 503 Service Unavailable"
}

func TestWebhookGates(t *testing.T) {
	gate := WebhookGate("scan")
	const inconclusive, why = v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive
	for name, c := range map[string]struct {
		gate    v1alpha1.Gate
		answers func(*promotion.Run)
		state   v1alpha1.GateState
		cause   v1alpha1.EnvironmentCause
		message string
	}{
		"passed":          {gate, asMeasured, v1alpha1.GatePassed, "", "scanner.example.com says passed: 214 checks"},
		"failed":          {gate, refuses, v1alpha1.GateFailed, v1alpha1.CauseGateFailed, "scanner.example.com says failed: 2 critical (https://scanner.example.com/runs/7)"},
		"a dead receiver": {gate, silent, inconclusive, why, "no answer within 10m0s"},
		"no result":       {gate, func(r *promotion.Run) { r.Webhook = nil }, inconclusive, why, "without a result"},
		"figures of another kind": {gate, func(r *promotion.Run) { r.Webhook, r.Metric = nil, new(MetricFigures()) },
			inconclusive, why, "without a result"},
		"another image ran": {gate, func(r *promotion.Run) { r.Image = "registry.example.com/sluice@" + Digest("forged") },
			inconclusive, why, "only results of the operator's own image count"},
		"another image was asked for": {gate, func(r *promotion.Run) { r.Asked = "registry.example.com/sluice@" + Digest("forged") },
			inconclusive, why, "its pod was made to run"},
		"silent at first": {retried(gate, 1), func(r *promotion.Run) {
			if r.Attempt == 1 {
				silent(r)
			}
		}, v1alpha1.GatePassed, "", "says passed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := asked(t, c.gate, c.answers)
			status := wantGate(t, w.run().at("checkout-v2", "test"), c.state, c.cause, c.message)
			recorded := w.records[len(w.records)-1].Spec.Gates[0]
			if c.state == v1alpha1.GatePassed && (recorded.Webhook.URL != WebhookFigures().URL || status.Webhook.EventID == "") {
				t.Errorf("the status has %+v, the record %+v", status.Webhook, recorded.Webhook)
			}
			if name == "another image was asked for" && recorded.Webhook.Requests != nil {
				t.Errorf("what does not count was recorded: %+v", recorded.Webhook)
			}
		})
	}
}

// What webhooks may call is part of what was asked: another list asks anew, and the same in another order does not.
func TestWebhookNetworksAreAskedWith(t *testing.T) {
	w := asked(t, WebhookGate("scan"), asMeasured)
	w.hanging["test/scan"] = true
	for i, c := range []struct {
		networks []string
		starts   int
	}{
		{[]string{"10.20.0.0/16", "10.1.0.0/16"}, 1},
		{[]string{"10.1.0.0/16", "10.20.0.0/16"}, 1},
		{[]string{"10.20.0.0/16"}, 2},
	} {
		w.sites["shop-test"].Environment.Spec.WebhookNetworks = c.networks
		w.run()
		if len(w.started) != c.starts {
			t.Errorf("%d: it was asked %d times, want %d", i, len(w.started), c.starts)
		}
	}
	w.hanging = nil
	if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("test is %s: %s", got.State, got.Message)
	}
}

func TestAWebhookIsToldItsNetworks(t *testing.T) {
	w := asked(t, WebhookGate("scan"), asMeasured)
	w.sites["shop-test"].Environment.Spec.WebhookNetworks = []string{"10.20.0.0/16", "10.1.0.0/16"}
	var start promotion.StartGate
	w.runUntil(func() bool {
		for _, effect := range promotion.Decide(w.snapshot(w.get("checkout-v2"))).Effects {
			if found, is := effect.(promotion.StartGate); is {
				start = found
			}
		}
		return start.Job != ""
	})
	if !slices.Equal(start.WebhookNetworks, []string{"10.1.0.0/16", "10.20.0.0/16"}) {
		t.Errorf("it may call %v", start.WebhookNetworks)
	}
}

func TestWithoutItsOwnImageTheOperatorAsksNobody(t *testing.T) {
	w := asked(t, WebhookGate("scan"), asMeasured)
	w.operator = ""
	got := w.run().at("checkout-v2", "test")
	if got.Gates[0].State != v1alpha1.GateErrored || !strings.Contains(got.Message, "--image") {
		t.Errorf("the gate is %s: %s", got.Gates[0].State, got.Message)
	}
}

// The schema saw another pollSeconds than the one that a parameter sets.
func TestWebhookTemplates(t *testing.T) {
	gate := WebhookGate("scan")
	gate.Webhook.PollSeconds, gate.TimeoutSeconds = 30, 600
	template := MakeTemplate("scan", gate).Parameter(v1alpha1.TemplateParameter{
		Name: "within", Type: v1alpha1.IntegerParameter, Sets: []v1alpha1.TemplateField{"timeoutSeconds"},
	}).Obj()
	for within, want := range map[string]string{"31": "", "30": "the answer is asked for every 30 s, and timeoutSeconds is 30 with these parameters"} {
		use := TemplateGate("scan", gate.Purpose, "scan", "within", within)
		_, err := promotion.FromTemplate(template, use, v1alpha1.DeclaredByPlatform, v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("within %s s: %v, want %q", within, err, want)
		}
	}
}
