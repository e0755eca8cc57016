package integration_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// answer ends the pod of the webhook gate scan, which leaves what a receiver said.
func (s *shop) answer(environment string, answer v1alpha1.WebhookAnswer, message string) {
	s.t.Helper()
	left, err := result.Encode(&v1alpha1.WebhookFigures{
		Answer: answer, Message: message, Receiver: "scanner.example.com", URL: "https://scanner.example.com/runs/7", Requests: new(int32(3)),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	pod := s.awaitGatePod(environment, "scan", corev1.PodRunning)
	container := pod.Spec.Containers[0]
	if container.Image != operatorImage {
		s.t.Errorf("the lock let %s run, want the operator's image", container.Image)
	}
	task := slices.IndexFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == "SLUICE_WEBHOOK" })
	if task < 0 || !strings.Contains(container.Env[task].Value, `"networks":["10.20.0.0/16"]`) {
		s.t.Errorf("the pod is not told which networks it may call: %+v", container.Env)
	}
	s.leave(pod, string(left))
}

func TestAWebhookGateIsJudgedByTheAnswer(t *testing.T) {
	t.Parallel()
	s := openShop(t, "webhook", recipe{environments: []string{"test"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.WebhookNetworks = []string{"10.20.0.0/16"}
		e.Spec.Gates = []v1alpha1.Gate{{Name: "scan", Purpose: v1alpha1.PurposeSecurity, Webhook: v1alpha1.WebhookGate{
			URL: "https://scanner.example.com/$(SLUICE_NAMESPACE)", SigningKey: v1alpha1.SecretKeyReference{Name: "sluice-gate.webhook.checkout", Key: "signing-key"},
		}}}
	}})
	s.promote("right", digest(1))
	s.answer("test", v1alpha1.AnswerPassed, "214 checks")
	right := s.awaitOutcome("right", v1alpha1.OutcomeSucceeded).Status.Environments[0].Gates[0]
	if right.Message != "scanner.example.com says passed: 214 checks" || *right.Webhook.Requests != 3 || !strings.HasSuffix(right.Image, digest(77)) {
		t.Errorf("the status shows %q, %+v of %s", right.Message, right.Webhook, right.Image)
	}
	if record := s.awaitRecord("test", v1alpha1.ResultPassed); record.Spec.Gates[0].Webhook.URL != "https://scanner.example.com/runs/7" {
		t.Errorf("the record holds %+v", record.Spec.Gates[0].Webhook)
	}
	s.promote("wrong", digest(2))
	s.answer("test", v1alpha1.AnswerFailed, "2 critical")
	wrong := s.awaitOutcome("wrong", v1alpha1.OutcomeFailed)
	if want := "gate scan (Security) failed: scanner.example.com says failed: 2 critical (https://scanner.example.com/runs/7)"; !strings.Contains(wrong.Status.Message, want) {
		t.Errorf("the Promotion says %q, want %q", wrong.Status.Message, want)
	}
	s.assertProgress("wrong", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed)
	s.promote("unanswered", digest(3))
	s.answer("test", v1alpha1.AnswerNone, "no answer within 10m0s: it answered 503 Service Unavailable")
	s.awaitOutcome("unanswered", v1alpha1.OutcomeFailed)
	s.assertProgress("unanswered", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive)
}
