package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// badInput is one thing that keeps a Promotion from going on until somebody mends it.
type badInput struct {
	reason string
	// says is what the message tells people to do.
	says   string
	recipe recipe
	// prepare breaks what the recipe did not.
	prepare func(s *shop)
	// promote creates the Promotion; nil means of digest 1.
	promote func(s *shop)
	mend    func(s *shop)
}

func bare(change func(*v1alpha1.Environment)) recipe {
	return recipe{environments: []string{"dev"}, bare: true, environment: func(_ string, e *v1alpha1.Environment) {
		if change != nil {
			change(e)
		}
	}}
}

// unresolved inputs keep a Promotion from knowing its release.
var unresolved = map[string]badInput{
	"no-pipeline": {
		reason: v1alpha1.ReasonPipelineNotFound, says: "create it", recipe: bare(nil),
		mend: (*shop).createPipeline,
	},
	"cycle": {
		reason: v1alpha1.ReasonPipelineNotAccepted, says: "after",
		recipe: recipe{environments: []string{"dev", "dev2"}, bare: true, pipeline: func(p *v1alpha1.DeliveryPipeline) {
			p.Spec.Environments[0].After = []string{"dev2"}
		}},
		prepare: func(s *shop) {
			s.createPipeline()
			s.awaitCondition("pipeline", s.pipelineConditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonCycleInEnvironments)
		},
		mend: func(s *shop) {
			s.changePipeline(func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments[0].After = nil })
		},
	},
	"unlisted-image": {
		reason: v1alpha1.ReasonImageNotListed, says: "add the image to the pipeline", recipe: bare(nil),
		prepare: (*shop).createPipeline,
		promote: func(s *shop) {
			s.promote("first", digest(1), func(p *v1alpha1.Promotion) {
				p.Spec.Images = append(p.Spec.Images, v1alpha1.PromotedImage{Name: "worker", Digest: digest(2)})
			})
		},
		mend: func(s *shop) {
			s.changePipeline(func(p *v1alpha1.DeliveryPipeline) {
				p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{
					Name: "worker", Repository: strings.TrimSuffix(s.repository, "api") + "worker", Workloads: v1alpha1.WorkloadsOptional,
				})
			})
		},
	},
	"unknown-tag": {
		reason: v1alpha1.ReasonTagNotFound, says: "v2", recipe: bare(nil),
		prepare: (*shop).createPipeline,
		promote: func(s *shop) { s.promoteTag("first", "v2") },
		mend:    func(s *shop) { s.push("v2") },
	},
	"no-registry": {
		reason: v1alpha1.ReasonRegistryUnavailable, says: "v2", recipe: bare(nil),
		prepare: func(s *shop) {
			s.push("v2")
			s.createPipeline()
			s.awaitReady("dev")
			closeRegistry(s.name)
		},
		promote: func(s *shop) { s.promoteTag("first", "v2") },
		mend:    func(s *shop) { closedTo.Delete(s.name) },
	},
}

func TestUnresolvedInputWaitsUntilItIsMended(t *testing.T) {
	t.Parallel()
	for name, input := range unresolved {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := input.begin(t, name)
			conditions := func() []metav1.Condition { return s.promotion(t.Context(), "first").Status.Conditions }
			s.awaitCondition("first", conditions, v1alpha1.ConditionResolved, metav1.ConditionFalse, input.reason)
			p := s.promotion(t.Context(), "first")
			if !strings.Contains(p.Status.Message, input.says) || p.Status.Outcome != "" {
				t.Errorf("outcome %q, message %q, want none and one that says %q", p.Status.Outcome, p.Status.Message, input.says)
			}
			input.mend(s)
			s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
		})
	}
}

func (input badInput) begin(t *testing.T, name string) *shop {
	s := newShop(t, name, input.recipe)
	if input.prepare != nil {
		input.prepare(s)
	}
	if input.promote == nil {
		s.promote("first", digest(1))
		return s
	}
	input.promote(s)
	return s
}

// notEntered inputs keep a Promotion out of an environment.
var notEntered = map[string]badInput{
	"no-environment": {
		reason: v1alpha1.ReasonEnvironmentNotFound, says: "its owner creates one", recipe: bare(nil),
		prepare: func(s *shop) {
			s.delete(s.makeEnvironment("dev"))
			s.createPipeline()
		},
		mend: func(s *shop) { s.create(s.makeEnvironment("dev")) },
	},
	"not-admitted": {
		reason: v1alpha1.ReasonNotAdmitted, says: "adds {namespace: not-admitted, name: checkout",
		recipe:  bare(func(e *v1alpha1.Environment) { e.Spec.Pipelines[0].Name = "other" }),
		prepare: (*shop).createPipeline,
		mend: func(s *shop) {
			s.changeEnvironment("dev", func(e *v1alpha1.Environment) { e.Spec.Pipelines[0].Name = "checkout" })
		},
	},
	"foreign-repository": {
		reason: v1alpha1.ReasonRepositoryNotAdmitted, says: "its owner adds it",
		recipe:  bare(func(e *v1alpha1.Environment) { e.Spec.Pipelines[0].Repositories = []string{"registry.example.com/x/"} }),
		prepare: (*shop).createPipeline,
		mend: func(s *shop) {
			s.changeEnvironment("dev", func(e *v1alpha1.Environment) { e.Spec.Pipelines[0].Repositories = []string{s.repository} })
		},
	},
	"no-consent": {
		reason: v1alpha1.ReasonPermissionMissing, says: "kubectl create rolebinding sluice -n no-consent-dev", recipe: bare(nil),
		prepare: func(s *shop) {
			s.delete(s.consent("dev"))
			s.createPipeline()
		},
		mend: func(s *shop) { s.create(s.consent("dev")) },
	},
	"no-workload": {
		reason: v1alpha1.ReasonWorkloadsMissing, says: "apply its manifests",
		recipe: recipe{environments: []string{"dev"}, bare: true,
			deployment: func(string, *appsv1.Deployment) *appsv1.Deployment { return nil }},
		prepare: (*shop).createPipeline,
		mend:    func(s *shop) { s.create(s.makeDeployment("dev")) },
	},
	"mid-rollout": {
		reason: v1alpha1.ReasonWorkloadRollingOut, says: "kubectl rollout status deployment/api",
		recipe: recipe{environments: []string{"dev"}, bare: true, deployment: func(_ string, d *appsv1.Deployment) *appsv1.Deployment {
			d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{Name: "proxy", Image: "registry.example.com/proxy:1"})
			return d
		}},
		prepare: func(s *shop) {
			s.createPipeline()
			s.awaitReady("dev")
			s.changeDeployment("dev", func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Containers[1].Image = "registry.example.com/proxy:2"
				d.Spec.Template.Annotations["test.sluice.dev/ready"] = "false"
			})
			s.awaitPods("dev", 3)
		},
		mend: func(s *shop) {
			s.changeDeployment("dev", func(d *appsv1.Deployment) { delete(d.Spec.Template.Annotations, "test.sluice.dev/ready") })
		},
	},
}

func TestInputThatBarsAnEnvironmentWaitsUntilItIsMended(t *testing.T) {
	t.Parallel()
	for name, input := range notEntered {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := input.begin(t, name)
			s.awaitMessage("first", "dev", input.reason, input.says)
			if state := s.progress("first", "dev").State; state != v1alpha1.StateWaiting {
				t.Errorf("it is %s, want Waiting", state)
			}
			input.mend(s)
			s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
			if got := s.templateImage("dev"); got != "@"+digest(1) {
				t.Errorf("dev runs %s", got)
			}
		})
	}
}

// awaitPods waits for a number of pods of the application.
func (s *shop) awaitPods(environment string, count int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d pods", count), func() error {
		if n := len(s.pods(environment, "app", "api")); n != count {
			return fmt.Errorf("%d pods", n)
		}
		return nil
	})
}

// makeNamespaceAgain makes a namespace that is being deleted. An API server may know the old one for a moment longer, and
// the ServiceAccount controller may take the default account of the old one for that of the new one.
func (s *shop) makeNamespaceAgain(environment string) {
	s.t.Helper()
	namespace := s.namespace(environment)
	eventually(s.t, "the namespace can be made again", func() error {
		return s.admin.Create(s.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	})
	eventually(s.t, "the namespace takes content again", func() error {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
		return client.IgnoreAlreadyExists(s.admin.Create(s.t.Context(), account))
	})
}

func TestANamespaceThatIsDeletedAndMadeAgainIsWaitedFor(t *testing.T) {
	t.Parallel()
	const hold = "test.sluice.dev/hold"
	s := openShop(t, "terminating", bare(func(e *v1alpha1.Environment) { e.Finalizers = []string{hold} }))
	s.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("dev")}})
	eventually(t, "the Environment is being deleted", func() error {
		if s.environment("dev").DeletionTimestamp == nil {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	s.promote("first", digest(1))
	s.awaitMessage("first", "dev", v1alpha1.ReasonEnvironmentTerminating, "create them again")
	s.changeEnvironment("dev", func(e *v1alpha1.Environment) {
		e.Finalizers = slices.DeleteFunc(e.Finalizers, func(f string) bool { return f == hold })
	})
	s.awaitMessage("first", "dev", v1alpha1.ReasonEnvironmentNotFound, "its owner creates one")
	s.makeNamespaceAgain("dev")
	s.recipe.environment = nil
	s.create(s.consent("dev"))
	s.createDeployment("dev")
	s.create(s.makeEnvironment("dev"))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}
