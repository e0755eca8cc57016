package simulation

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

var (
	approvers  = []string{"erin", "frank", "grace", "heidi", "dave"}
	developers = []string{"dave", "carol", "system:serviceaccount:shop:ci"}
)

// groupsOf a person, as the API server authenticates them.
func groupsOf(person string) []string {
	switch person {
	case "erin", "grace":
		return []string{"release-managers", "staff"}
	}
	return []string{"staff"}
}

// deed is what a person may do, and how likely it is.
type deed struct {
	weight int
	what   string
	do     func()
}

// deeds of a schedule: in a calm one people do what they should, in a rough one also what they should not.
func (s *simulation) deeds() []deed {
	deeds := []deed{
		{25, "promotes", s.promote}, {5, "promotes, and somebody else too", func() { s.promote(); s.promote() }}, {30, "signs", s.signSomething}, {6, "applies manifests again", s.applyManifests},
		{1, "cancels", s.cancel}, {10, "mends what is broken", s.mend},
	}
	if s.plan.rough {
		deeds = append(deeds,
			deed{2, "cancels", s.cancel}, deed{2, "deletes a Promotion", s.deletePromotion}, deed{4, "sets an image", s.setImage},
			deed{3, "edits the pipeline", s.editPipeline}, deed{3, "edits an Environment", s.editEnvironment},
			deed{2, "deletes a Job", s.deleteJob}, deed{2, "deletes a pod", s.deletePod},
			deed{2, "pauses or resumes", s.pause}, deed{2, "scales", s.scaleSomething},
			deed{2, "grants or withdraws the operator's right", s.changeRight}, deed{3, "disturbs the registry", s.disturbRegistry},
			deed{1, "deletes an Environment or a namespace", s.deleteEnvironment}, deed{1, "takes a policy's binding away, or brings it back", s.changePolicies},
		)
	}
	return deeds
}

// mend undoes what somebody did to workloads, rights, policies and the registry.
func (s *simulation) mend() {
	s.registry.down, s.registry.deaf = false, false
	if s.api.Get(policy.ValidatingBinding, memapi.Key{Name: "sluice-lock"}) == nil {
		s.changePolicies()
	}
	for _, st := range s.plan.steps {
		if s.api.Get("RoleBinding", memapi.Key{Namespace: st.namespace, Name: "sluice"}) == nil {
			s.try(s.as("admin").Create(context.Background(), roleBinding(st.namespace)))
		}
		for _, image := range s.plan.images {
			d, ok := s.api.Get("Deployment", memapi.Key{Namespace: st.namespace, Name: image.Name}).(*appsv1.Deployment)
			if ok && (d.Spec.Paused || *d.Spec.Replicas == 0) {
				mended := d.DeepCopy()
				mended.Spec.Paused, mended.Spec.Replicas = false, &st.replicas
				s.try(s.as("dave").Update(context.Background(), mended))
			}
		}
	}
}

// personActs draws one deed among those that make sense now.
func (s *simulation) personActs() {
	deeds := s.deeds()
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	n := s.rng.IntN(total)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			s.note("somebody " + d.what)
			d.do()
			return
		}
	}
}

func (s *simulation) as(person string) *memapi.Client { return s.api.ClientFor(person, s.api.Live()) }

func (s *simulation) try(err error) {
	if err != nil {
		s.note("  refused: " + err.Error())
	}
}

// promote creates a Promotion: of a new version, by digest or by tag, or back to an old one.
func (s *simulation) promote() {
	if s.promoted >= s.plan.promotions {
		return
	}
	s.promoted++
	p := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Namespace: teamNamespace, Name: fmt.Sprintf("%s-%d", pipelineName, s.promoted)}}
	p.Spec = v1alpha1.PromotionSpec{
		PipelineRef: v1alpha1.LocalPipelineReference{Name: pipelineName}, Intent: v1alpha1.IntentPromote,
		Lifecycle: v1alpha1.LifecycleActive, Reason: "because",
	}
	version := 1 + s.rng.IntN(5)
	for _, image := range s.plan.images {
		promoted := v1alpha1.PromotedImage{Name: image.Name}
		switch s.rng.IntN(3) {
		case 0:
			promoted.Tag = fmt.Sprintf("v%d", version)
		default:
			promoted.Digest = digestOf(fmt.Sprintf("%s v%d", image.Name, version))
		}
		if len(p.Spec.Images) == 0 || s.rng.IntN(4) > 0 {
			p.Spec.Images = append(p.Spec.Images, promoted)
		}
	}
	if s.rng.IntN(4) == 0 {
		p.Spec.ActiveDeadlineSeconds = int32(60 + s.rng.IntN(3600)) //nolint:gosec // small.
	}
	s.narrow(p)
	requester := pick(s.rng, developers...)
	if requester == developers[2] && s.rng.IntN(4) > 0 {
		p.Spec.OnBehalfOf = []string{"dave"}
	}
	s.note(fmt.Sprintf("  %s creates %s: %s v%d %v", requester, p.Name, p.Spec.Intent, version, p.Spec.Environments))
	s.try(s.as(requester).Create(context.Background(), p))
}

// narrow makes some Promotions rollbacks, and some go through a part of the environments only.
func (s *simulation) narrow(p *v1alpha1.Promotion) {
	st := pick(s.rng, s.plan.steps...)
	switch n := s.rng.IntN(8); {
	case n == 0:
		p.Spec.Environments = []string{st.name}
	case n < 3:
		var hashes []string
		for _, obj := range s.api.All("ReleaseRecord") {
			if obj.GetNamespace() == st.namespace {
				hashes = append(hashes, obj.(*v1alpha1.ReleaseRecord).Spec.ReleaseHash)
			}
		}
		if len(hashes) > 0 {
			p.Spec.Intent, p.Spec.Images, p.Spec.Environments = v1alpha1.IntentRollback, nil, []string{st.name}
			p.Spec.ReleaseHash = pick(s.rng, hashes...)
		}
	}
}

// signSomething has an approver sign, or reject, what some inbox shows.
func (s *simulation) signSomething() {
	for _, obj := range s.api.All("Environment") {
		env := obj.(*v1alpha1.Environment)
		for _, waiting := range env.Status.Awaiting {
			if s.rng.IntN(2) == 0 {
				continue
			}
			approval := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace, GenerateName: "sign-"}}
			approval.Spec = v1alpha1.ApprovalSpec{
				PromotionRef: waiting.PromotionRef, ReleaseHash: waiting.ReleaseHash, EvidenceHash: waiting.EvidenceHash,
				Decision: v1alpha1.DecisionApproved,
			}
			if s.rng.IntN(15) == 0 {
				approval.Spec.Decision = v1alpha1.DecisionRejected
			}
			person := pick(s.rng, approvers...)
			s.note(fmt.Sprintf("  %s: %s of %s in %s", person, approval.Spec.Decision, waiting.PromotionRef.Name, env.Namespace))
			s.try(s.as(person).Create(context.Background(), approval))
		}
	}
}

// some draws an object of a kind; nil where there is none.
func (s *simulation) some(kind string) client.Object {
	all := s.api.All(kind)
	if len(all) == 0 {
		return nil
	}
	return pick(s.rng, all...)
}

// change updates some object of a kind.
func change[T client.Object](s *simulation, kind string, do func(T)) {
	obj := s.some(kind)
	if obj == nil {
		return
	}
	changed := obj.DeepCopyObject().(T)
	do(changed)
	s.note("  " + kind + " " + changed.GetNamespace() + "/" + changed.GetName())
	s.try(s.as("dave").Update(context.Background(), changed))
}

func (s *simulation) cancel() {
	change(s, "Promotion", func(p *v1alpha1.Promotion) { p.Spec.Lifecycle = v1alpha1.LifecycleCancelled })
}

func (s *simulation) deletePromotion() { s.deleteSome("Promotion") }

func (s *simulation) deleteJob() { s.deleteSome("Job") }

func (s *simulation) deletePod() { s.deleteSome("Pod") }

func (s *simulation) deleteSome(kind string) {
	if obj := s.some(kind); obj != nil {
		s.note("  " + obj.GetNamespace() + "/" + obj.GetName())
		s.try(s.as("dave").Delete(context.Background(), obj.DeepCopyObject().(client.Object)))
	}
}

// setImage asks for another image, as kubectl set image does: where the lock is off and nothing pins, it is drift.
func (s *simulation) setImage() {
	change(s, "Deployment", func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		version := fmt.Sprintf("%s v%d", d.Name, 1+s.rng.IntN(5))
		c.Image = repository(c.Image) + "@" + digestOf(version)
	})
}

// applyManifests applies what Git says, as a GitOps tool does: a tag.
func (s *simulation) applyManifests() {
	change(s, "Deployment", func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Image = repository(c.Image) + pick(s.rng, ":v0", ":v9")
	})
}

func (s *simulation) editPipeline() {
	change(s, "DeliveryPipeline", func(p *v1alpha1.DeliveryPipeline) {
		e := &p.Spec.Environments[s.rng.IntN(len(p.Spec.Environments))]
		switch s.rng.IntN(4) {
		case 0:
			e.OnFailure = pick(s.rng, v1alpha1.HoldOnFailure, v1alpha1.RollbackOnFailure)
		case 1:
			e.Gates = []v1alpha1.Gate{jobGate("extra", v1alpha1.PurposeOther, s.rng)}
		case 2:
			e.Gates = nil
		case 3:
			if len(p.Spec.Environments) > 3 {
				p.Spec.Environments = slices.Clone(p.Spec.Environments[:3])
			}
		}
	})
}

func (s *simulation) editEnvironment() {
	change(s, "Environment", func(env *v1alpha1.Environment) {
		switch s.rng.IntN(4) {
		case 0:
			env.Spec.Concurrency = pick(s.rng, v1alpha1.ConcurrencyExclusive, v1alpha1.ConcurrencyPerPipeline)
		case 1:
			env.Spec.Queue = pick(s.rng, v1alpha1.QueueNewest, v1alpha1.QueueInOrder)
		case 2:
			if len(env.Spec.Gates) > 0 {
				env.Spec.Gates[0].TimeoutSeconds = int32(60 + s.rng.IntN(100)) //nolint:gosec // small.
			}
		case 3:
			if env.Spec.Requires != nil {
				env.Spec.Requires.Approvals = approvals(s.rng)
			}
		}
	})
}

func (s *simulation) pause() {
	change(s, "Deployment", func(d *appsv1.Deployment) { d.Spec.Paused = !d.Spec.Paused })
}

func (s *simulation) scaleSomething() {
	change(s, "Deployment", func(d *appsv1.Deployment) {
		n := int32(s.rng.IntN(3)) //nolint:gosec // small.
		d.Spec.Replicas = &n
	})
}

func (s *simulation) changeRight() {
	st := pick(s.rng, s.plan.steps...)
	if obj := s.api.Get("RoleBinding", memapi.Key{Namespace: st.namespace, Name: "sluice"}); obj != nil {
		s.try(s.as("admin").Delete(context.Background(), obj.DeepCopyObject().(*rbacv1.RoleBinding)))
		return
	}
	s.try(s.as("admin").Create(context.Background(), roleBinding(st.namespace)))
}

// changePolicies takes the binding of the lock away, or brings it back.
func (s *simulation) changePolicies() {
	for _, object := range policy.Shipped().Objects() {
		if kind := s.api.Kind(object); kind != policy.ValidatingBinding || object.GetName() != "sluice-lock" {
			continue
		}
		binding := object.DeepCopyObject().(client.Object)
		if s.api.Get(policy.ValidatingBinding, memapi.Key{Name: binding.GetName()}) != nil {
			s.try(s.as("admin").Delete(context.Background(), binding))
			return
		}
		s.try(s.as("admin").Create(context.Background(), binding))
	}
}

func (s *simulation) disturbRegistry() {
	if s.rng.IntN(3) == 0 {
		s.registry.deaf = !s.registry.deaf
		return
	}
	if s.rng.IntN(2) == 0 {
		s.registry.down = !s.registry.down
		return
	}
	image := pick(s.rng, s.plan.images...)
	s.registry.push(image.Repository, fmt.Sprintf("v%d", 1+s.rng.IntN(5)), fmt.Sprintf("%s v%d", image.Name, 1+s.rng.IntN(5)))
}

func (s *simulation) deleteEnvironment() {
	if s.rng.IntN(4) > 0 {
		return
	}
	st := pick(s.rng, s.plan.steps...)
	if s.rng.IntN(2) == 0 {
		s.try(s.as("admin").Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: st.namespace}}))
		return
	}
	if s.api.Get("Environment", memapi.Key{Namespace: st.namespace, Name: v1alpha1.EnvironmentName}) == nil {
		s.try(s.as("admin").Create(context.Background(), st.environment()))
		return
	}
	s.try(s.as("admin").Delete(context.Background(), st.environment()))
}
