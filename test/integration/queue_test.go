package integration_test

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestInOrderTheOldestGoesFirstAndNoneIsSuperseded(t *testing.T) {
	t.Parallel()
	r := waiting()
	gates := r.environment
	r.environment = func(name string, e *v1alpha1.Environment) {
		gates(name, e)
		e.Spec.Queue = v1alpha1.QueueInOrder
	}
	s := openShop(t, "inorder", r)
	names := []string{"1-first", "2-second", "3-third"}
	for i, name := range names {
		s.promote(name, digest(i+1))
		if i == 0 {
			s.awaitReason(name, "dev", v1alpha1.ReasonGateRunning)
			continue
		}
		s.awaitReason(name, "dev", v1alpha1.ReasonEnvironmentBusy)
	}
	for i, name := range names {
		s.awaitReason(name, "dev", v1alpha1.ReasonGateRunning)
		if got := s.templateImage("dev"); got != "@"+digest(i+1) {
			t.Errorf("while %s is tested, dev runs %s", name, got)
		}
		for _, later := range names[i+1:] {
			s.assertProgress(later, "dev", v1alpha1.StateWaiting, "")
		}
		s.endGate("dev", "functional", "0")
		s.awaitOutcome(name, v1alpha1.OutcomeSucceeded)
	}
}

func TestExclusiveOnePromotionWorksInANamespaceAtATime(t *testing.T) {
	t.Parallel()
	r := waiting()
	gates := r.environment
	r.environment = func(name string, e *v1alpha1.Environment) {
		gates(name, e)
		e.Spec.Pipelines[0].Name = "*"
		e.Spec.Concurrency = v1alpha1.ConcurrencyExclusive
	}
	s := newShop(t, "exclusive", r)
	billing := strings.TrimSuffix(s.repository, "api") + "billing"
	s.create(s.deploymentOf("billing", billing+"@"+s.pushTo(billing, "v1")))
	s.createPipeline()
	s.create(s.second("billing", billing))
	s.awaitReady("dev")
	s.promote("first", digest(1))
	s.awaitReason("first", "dev", v1alpha1.ReasonGateRunning)
	s.promote("invoices", digest(2), func(p *v1alpha1.Promotion) { p.Spec.PipelineRef.Name = "billing" })
	s.awaitMessage("invoices", "dev", v1alpha1.ReasonEnvironmentBusy, "promotion exclusive/first of pipeline exclusive/checkout is at work in dev")
	if holders := s.environment("dev").Status.Holders; len(holders) != 1 || holders[0].PromotionRef.Name != "first" {
		t.Errorf("holders: %+v", holders)
	}
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitReason("invoices", "dev", v1alpha1.ReasonGateRunning)
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("invoices", v1alpha1.OutcomeSucceeded)
}
