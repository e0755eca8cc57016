package simulation

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	teamNamespace = "shop"
	pipelineName  = "checkout"
	apiRepository = registryHost + "/shop/api"
	webRepository = registryHost + "/shop/web"
	testImage     = registryHost + "/tests/suite:v1"
)

// podFate is what becomes of a pod.
type podFate int

const (
	goesWell podFate = iota
	neverReady
	neverStarts
)

// gateFate is what becomes of the attempt of a gate.
type gateFate int

const (
	gatePasses gateFate = iota
	gateFails
	gateCannotStart
	gateHangs
)

// plan is what a seed decides beforehand: how the environments look, what fails, and how rough it gets.
type plan struct {
	seed uint64
	// images of the pipeline.
	images []v1alpha1.PipelineImage
	steps  []step
	// failing per cent of pods and of gates.
	failing, failingPods int
	// faults per mille of writes, before faults stop.
	faults int
	// people is how often a person acts, per mille of steps.
	people int
	// promotions at most.
	promotions int
	// steps of the first part, with faults.
	length int
	queue  v1alpha1.Queue
	// slowness of API servers to hear of a Namespace: 1 is at once.
	slowness int
	// rough says that people do what they should not.
	rough bool
}

// step is one environment of the pipeline.
type step struct {
	name, namespace string
	tier            v1alpha1.Tier
	after           []string
	onFailure       v1alpha1.FailureAction
	gates           []v1alpha1.Gate
	teamGates       []v1alpha1.Gate
	requires        *v1alpha1.Requirements
	concurrency     v1alpha1.Concurrency
	replicas        int32
	queue           v1alpha1.Queue
	freezes         []v1alpha1.Freeze
}

func newPlan(seed uint64, rng *rand.Rand) *plan {
	p := &plan{
		seed: seed, failing: pick(rng, 0, 10, 30), failingPods: pick(rng, 0, 0, 10), faults: pick(rng, 0, 30, 80),
		people: pick(rng, 20, 60), rough: rng.IntN(2) == 0, slowness: pick(rng, 1, 1, 4, 30), promotions: 1 + rng.IntN(4), length: 300 + rng.IntN(500),
		queue: pick(rng, v1alpha1.QueueNewest, v1alpha1.QueueNewest, v1alpha1.QueueInOrder),
	}
	p.images = []v1alpha1.PipelineImage{{Name: "api", Repository: apiRepository}}
	if rng.IntN(2) == 0 {
		p.images = append(p.images, v1alpha1.PipelineImage{Name: "web", Repository: webRepository, Workloads: pick(rng, v1alpha1.WorkloadsRequired, v1alpha1.WorkloadsOptional)})
	}
	p.steps = []step{
		{name: "dev", namespace: "shop-dev", tier: v1alpha1.TierDevelopment},
		{name: "test", namespace: "shop-test", tier: v1alpha1.TierTest},
		{name: "prod", namespace: "shop-prod", tier: v1alpha1.TierProduction},
	}
	if rng.IntN(3) == 0 {
		second := step{name: "prod-us", namespace: "shop-prod-us", tier: v1alpha1.TierProduction, after: []string{pick(rng, "prod", "test")}}
		p.steps = append(p.steps, second)
	}
	for i := range p.steps {
		p.fill(&p.steps[i], rng)
		p.freeze(&p.steps[i])
	}
	return p
}

// fill draws what an environment demands and runs.
func (p *plan) fill(s *step, rng *rand.Rand) {
	s.replicas = int32(1 + rng.IntN(2)) //nolint:gosec // 1 or 2.
	s.onFailure = pick(rng, v1alpha1.RollbackOnFailure, v1alpha1.RollbackOnFailure, v1alpha1.HoldOnFailure)
	s.queue = p.queue
	s.concurrency = pick(rng, v1alpha1.ConcurrencyPerPipeline, v1alpha1.ConcurrencyExclusive)
	switch s.tier {
	case v1alpha1.TierDevelopment:
		if rng.IntN(2) == 0 {
			s.teamGates = append(s.teamGates, jobGate("unit", v1alpha1.PurposeFunctional, rng))
		}
	case v1alpha1.TierTest:
		s.gates = append(s.gates, jobGate("functional", v1alpha1.PurposeFunctional, rng))
		if rng.IntN(8) > 0 {
			s.gates = append(s.gates, jobGate("stress", v1alpha1.PurposeStress, rng))
		}
	case v1alpha1.TierProduction:
		if rng.IntN(2) == 0 {
			s.gates = append(s.gates, jobGate("smoke", v1alpha1.PurposeFunctional, rng))
		}
		s.requires = &v1alpha1.Requirements{Approvals: approvals(rng)}
		if rng.IntN(3) == 0 {
			one := int32(1)
			s.requires.Rollback = &v1alpha1.RollbackRequirement{Approvals: &one}
		}
	}
	if rng.IntN(4) == 0 {
		s.gates = append(s.gates, v1alpha1.Gate{Name: "soak", Purpose: v1alpha1.PurposeOther, Soak: v1alpha1.SoakGate{DurationSeconds: int32(5 + rng.IntN(60))}}) //nolint:gosec // small.
	}
}

// freeze is there once, from the middle of the schedule on, for some of the environments.
func (p *plan) freeze(s *step) {
	n := p.chance("freeze", s.name)
	if n >= 20 {
		return
	}
	from := metav1.NewTime(begin.Add(time.Duration(n) * time.Second))
	to := metav1.NewTime(from.Add(time.Duration(1+p.chance("thaw", s.name)) * 10 * time.Second))
	s.freezes = []v1alpha1.Freeze{{Name: "audit", FromTime: &from, ToTime: &to}}
}

func jobGate(name string, purpose v1alpha1.GatePurpose, rng *rand.Rand) v1alpha1.Gate {
	retries := int32(rng.IntN(2)) //nolint:gosec // 0 or 1.
	return v1alpha1.Gate{
		Name: name, Purpose: purpose, TimeoutSeconds: pick[int32](rng, 60, 300), Retries: &retries,
		Job: v1alpha1.JobGate{Image: testImage},
	}
}

func approvals(rng *rand.Rand) *v1alpha1.ApprovalRequirement {
	needed := &v1alpha1.ApprovalRequirement{Count: int32(1 + rng.IntN(2)), MaxAgeSeconds: pick[int32](rng, 0, 3600)} //nolint:gosec // 1 or 2.
	if rng.IntN(2) == 0 {
		needed.From = []v1alpha1.ApprovalQuota{{Kind: v1alpha1.QuotaGroup, Name: "release-managers", Count: 1}}
	}
	return needed
}

// chance draws from what identifies a thing, so that it does not depend on when it is asked.
func (p *plan) chance(parts ...string) int {
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, p.seed, parts)
	return int(h.Sum64() % 100) //nolint:gosec // below 100.
}

// podFate of a pod depends on where it runs and on what: a bad release is bad in each of its pods.
func (p *plan) podFate(pod *corev1.Pod) podFate {
	for _, c := range pod.Spec.Containers {
		if len(c.Image) < 20 || c.Image[len(c.Image)-3:] == ":v0" || c.Image == apiRepository+"@"+digestOf("api v0") || c.Image == webRepository+"@"+digestOf("web v0") {
			continue
		}
		if n := p.chance("pod", pod.Namespace, c.Image); n < p.failingPods {
			return pick2(n%2 == 0, neverReady, neverStarts)
		}
	}
	return goesWell
}

// gateFate of an attempt.
func (p *plan) gateFate(job *batchv1.Job) gateFate {
	if job == nil {
		return gateHangs
	}
	n := p.chance("gate", job.Namespace, job.Name)
	switch {
	case n >= p.failing:
		return gatePasses
	case n%4 == 0:
		return gateHangs
	case n%4 == 1:
		return gateCannotStart
	}
	return gateFails
}

// environment returns the Environment of a step.
func (s step) environment() *v1alpha1.Environment {
	env := &v1alpha1.Environment{}
	env.Namespace, env.Name = s.namespace, v1alpha1.EnvironmentName
	env.Spec = v1alpha1.EnvironmentSpec{
		Tier: s.tier, Requires: s.requires, Gates: s.gates, Concurrency: s.concurrency, Queue: s.queue, Freezes: s.freezes,
		Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: teamNamespace, Name: pipelineName, Repositories: []string{registryHost + "/shop/"}}},
	}
	return env
}

// pipeline returns the DeliveryPipeline of the plan.
func (p *plan) pipeline() *v1alpha1.DeliveryPipeline {
	pipeline := &v1alpha1.DeliveryPipeline{}
	pipeline.Namespace, pipeline.Name = teamNamespace, pipelineName
	pipeline.Spec.Images = p.images
	for _, s := range p.steps {
		pipeline.Spec.Environments = append(pipeline.Spec.Environments, v1alpha1.PipelineEnvironment{
			Name: s.name, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: s.namespace},
			After: s.after, Gates: s.teamGates, OnFailure: s.onFailure, RolloutTimeoutSeconds: 300,
		})
	}
	return pipeline
}

// pick draws one of some values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

func pick2[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
