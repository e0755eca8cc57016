package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestScenario3AdoptionRestartsNothingAndKeepsTwoTags(t *testing.T) {
	t.Parallel()
	s := newShop(t, "adoption", recipe{environments: []string{"test"}, bare: true})
	lts := s.push("v0-lts")
	d := s.makeDeployment("test")
	d.Name = "lts"
	d.Spec.Selector.MatchLabels = map[string]string{"tier": "lts"}
	d.Spec.Template.Labels = map[string]string{"tier": "lts", "app": "api"}
	d.Spec.Template.Annotations["test.sluice.dev/image-ids"] = fmt.Sprintf("{%q: %q}", s.repository+":v0-lts", lts)
	d.Spec.Template.Spec.Containers[0].Image = s.repository + ":v0-lts"
	s.create(d)
	s.awaitPods("test", 4)
	pods := s.podUIDs("test")
	s.createPipeline()
	s.awaitReady("test")
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionAdopted, metav1.ConditionTrue, v1alpha1.ReasonAdopted)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	ns := &corev1.Namespace{}
	s.get("", s.namespace("test"), ns)
	for text, digest := range map[string]string{":v1": s.adopted, ":v0-lts": lts} {
		if adopted := strings.Fields(ns.Annotations[v1alpha1.AdoptedAnnotation]); !slices.Contains(adopted, s.repository+text+"="+digest) {
			t.Errorf("adopted %v lack %s=%s", adopted, text, digest)
		}
	}
	if now := s.podUIDs("test"); !slices.Equal(pods, now) {
		t.Errorf("pods were restarted: %v, then %v", pods, now)
	}
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.get(s.namespace("test"), "lts", d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != s.repository+"@"+digest(1) || s.templateImage("test") != "@"+digest(1) {
		t.Errorf("lts runs %s, api runs %s", got, s.templateImage("test"))
	}
}

func (s *shop) environmentConditions(environment string) func() []metav1.Condition {
	return func() []metav1.Condition { return s.environment(environment).Status.Conditions }
}

func TestAdoptionWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	s := newShop(t, "unreachable", recipe{environments: []string{"test"}, bare: true, before: func(s *shop) {
		closeRegistry(s.name)
		s.createPipeline()
	}})
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonRegistryUnavailable)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionLocked, metav1.ConditionFalse, v1alpha1.ReasonNotAdopted)
	s.promote("first", digest(1))
	s.awaitReason("first", "test", v1alpha1.ReasonEnvironmentNotReady)
	closedTo.Delete(s.name)
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
}

// second makes another pipeline of the team, with a repository of its own.
func (s *shop) second(name, repository string) *v1alpha1.DeliveryPipeline {
	p := s.makePipeline()
	p.Name, p.Spec.Images[0].Repository = name, repository
	return p
}

// admitsAll lets every pipeline of the team in.
func admitsAll() recipe {
	return bare(func(e *v1alpha1.Environment) { e.Spec.Pipelines[0].Name = "*" })
}

func TestScenario1TwoPipelinesInOneNamespace(t *testing.T) {
	t.Parallel()
	s := newShop(t, "neighbours", admitsAll())
	billing := strings.TrimSuffix(s.repository, "api") + "billing"
	s.create(s.deploymentOf("billing", billing+"@"+digest(5)))
	s.createPipeline()
	s.create(s.second("billing", billing))
	// The digest of billing is not in the registry yet; nothing is adopted, and nothing is restarted, until it is.
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonDigestNotInRegistry)
	s.changeNamed("billing", func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Image = billing + "@" + s.pushTo(billing, "v1")
	})
	s.awaitReady("dev")
	s.promote("first", digest(1))
	s.promote("invoices", digest(2), func(p *v1alpha1.Promotion) { p.Spec.PipelineRef.Name = "billing" })
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitOutcome("invoices", v1alpha1.OutcomeSucceeded)
	d := &appsv1.Deployment{}
	s.get(s.namespace("dev"), "billing", d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != billing+"@"+digest(2) || s.templateImage("dev") != "@"+digest(1) {
		t.Errorf("billing runs %s, api runs %s", got, s.templateImage("dev"))
	}
	if status := s.environment("dev").Status; len(status.Pipelines) != 2 || len(status.Holders) != 0 {
		t.Errorf("status: %+v", status)
	}
}

// deploymentOf makes a Deployment of one image in dev.
func (s *shop) deploymentOf(name, image string) *appsv1.Deployment {
	d := s.makeDeployment("dev")
	d.Name, d.Spec.Selector.MatchLabels = name, map[string]string{"app": name}
	d.Spec.Template.Labels = map[string]string{"app": name}
	d.Spec.Template.Spec.Containers[0].Image = image
	return d
}

func (s *shop) changeNamed(name string, change func(*appsv1.Deployment)) {
	s.t.Helper()
	d := &appsv1.Deployment{}
	s.change(s.namespace("dev"), name, d, func() { change(d) })
}

func TestScenario2TwoPipelinesListOneRepository(t *testing.T) {
	t.Parallel()
	s := newShop(t, "shared", admitsAll())
	s.createPipeline()
	s.awaitReady("dev")
	s.awaitCondition("pipeline", s.pipelineConditions, v1alpha1.ConditionAdmitted, metav1.ConditionTrue, v1alpha1.ReasonAdmitted)
	s.create(s.second("copy", s.repository))
	conditions := func() []metav1.Condition {
		p := &v1alpha1.DeliveryPipeline{}
		s.get(s.name, "copy", p)
		return p.Status.Conditions
	}
	s.awaitCondition("copy", conditions, v1alpha1.ConditionAdmitted, metav1.ConditionFalse, v1alpha1.ReasonRepositoryOwnedByOther)
	s.promote("first", digest(1), func(p *v1alpha1.Promotion) { p.Spec.PipelineRef.Name = "copy" })
	s.awaitMessage("first", "dev", v1alpha1.ReasonRepositoryOwnedByOther, "belongs to pipeline shared/checkout")
	if got := s.templateImage("dev"); got != ":v1" {
		t.Errorf("dev runs %s", got)
	}
	p := &v1alpha1.DeliveryPipeline{}
	s.change(s.name, "copy", p, func() { p.Spec.Images[0].Repository += "-copy" })
	s.awaitCondition("copy", conditions, v1alpha1.ConditionAdmitted, metav1.ConditionTrue, v1alpha1.ReasonAdmitted)
}
