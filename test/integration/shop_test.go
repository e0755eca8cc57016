package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// shop is a team with a pipeline of one image through dev, test and prod, in namespaces of its own.
type shop struct {
	t     *testing.T
	admin client.Client
	// name of the team's namespace, and prefix of the others.
	name       string
	repository string
	// adopted is the digest of the tag v1, which runs before Sluice comes.
	adopted string
}

// digest makes a digest that differs for each n.
func digest(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// gate is a Job gate that the simulated nodes end with an exit code. It is short, as most tests are.
func testGate(name string, purpose v1alpha1.GatePurpose) v1alpha1.Gate {
	return v1alpha1.Gate{
		Name: name, Purpose: purpose, TimeoutSeconds: 60,
		Job: v1alpha1.JobGate{Image: "registry.example.com/tests/" + name + ":1"},
	}
}

func newShop(t *testing.T, team string) *shop {
	t.Helper()
	s := &shop{t: t, admin: as(t, ""), name: team, repository: registryHost() + "/" + team + "/api"}
	s.adopted = s.push("v1")
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}})
	for _, tier := range []v1alpha1.Tier{v1alpha1.TierDevelopment, v1alpha1.TierTest, v1alpha1.TierProduction} {
		s.createEnvironment(tier)
	}
	return s
}

// push makes an image under a tag, and returns its digest.
func (s *shop) push(tag string) string {
	s.t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	reference, err := name.NewTag(s.repository+":"+tag, name.Insecure)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remote.Write(reference, image, remote.WithContext(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
	pushed, err := image.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	return pushed.String()
}

func (s *shop) namespace(environment string) string { return s.name + "-" + environment }

func (s *shop) environmentOf(tier v1alpha1.Tier) string {
	return map[v1alpha1.Tier]string{v1alpha1.TierDevelopment: "dev", v1alpha1.TierTest: "test", v1alpha1.TierProduction: "prod"}[tier]
}

func (s *shop) create(object client.Object) {
	s.t.Helper()
	if err := s.admin.Create(s.t.Context(), object); err != nil {
		s.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

func (s *shop) createEnvironment(tier v1alpha1.Tier) {
	s.t.Helper()
	namespace := s.namespace(s.environmentOf(tier))
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "sluice-system", Name: "sluice"}},
	})
	s.createDeployment(namespace, ":v1")
	s.create(&v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.EnvironmentName},
		Spec: v1alpha1.EnvironmentSpec{
			Tier:      tier,
			Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: s.name, Name: "checkout", Repositories: []string{s.repository}}},
			Gates:     []v1alpha1.Gate{testGate("functional", v1alpha1.PurposeFunctional), testGate("stress", v1alpha1.PurposeStress)},
		},
	})
}

func (s *shop) createDeployment(namespace, tag string) {
	s.t.Helper()
	labels := map[string]string{"app": "api"}
	s.create(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{
					"test.sluice.dev/image-ids": fmt.Sprintf("{%q: %q}", s.repository+":v1", s.adopted),
				}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: s.repository + tag}}},
			},
		},
	})
}

func (s *shop) createPipeline() {
	s.t.Helper()
	pipeline := &v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "checkout"},
		Spec:       v1alpha1.DeliveryPipelineSpec{Images: []v1alpha1.PipelineImage{{Name: "api", Repository: s.repository}}},
	}
	for _, environment := range []string{"dev", "test", "prod"} {
		pipeline.Spec.Environments = append(pipeline.Spec.Environments, v1alpha1.PipelineEnvironment{
			Name: environment, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: s.namespace(environment)},
		})
	}
	s.create(pipeline)
}

// awaitReady waits until promotions may begin in an environment.
func (s *shop) awaitReady(environment string) {
	s.t.Helper()
	eventually(s.t, environment+" is ready", func() error {
		env := s.environment(environment)
		for _, c := range env.Status.Conditions {
			if c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("conditions: %+v", env.Status.Conditions)
	})
}

func (s *shop) environment(name string) *v1alpha1.Environment {
	s.t.Helper()
	env := &v1alpha1.Environment{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace(name), Name: v1alpha1.EnvironmentName}, env); err != nil {
		s.t.Fatal(err)
	}
	return env
}

// promote creates a Promotion as a developer, who is bound to the role of developers in the team's namespace.
func (s *shop) promote(name, digest string) {
	s.t.Helper()
	s.bind(s.name, "sluice-developer", "dave")
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api", Digest: digest}},
			Reason:      "refunds are rounded to cents",
		},
	}
	// A mutating policy on a CRD that was just made answers 503 for a moment, and RBAC is some milliseconds late.
	eventually(s.t, "dave may promote", func() error { return as(s.t, "dave").Create(s.t.Context(), p.DeepCopy()) })
}

// bind gives somebody a role in a namespace, once.
func (s *shop) bind(namespace, role, user string) {
	s.t.Helper()
	err := s.admin.Create(s.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role + "-" + user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
	})
	if client.IgnoreAlreadyExists(err) != nil {
		s.t.Fatal(err)
	}
}

// sign creates an Approval as somebody, of what the environment awaits for a Promotion.
func (s *shop) sign(user, name, environment string, decision v1alpha1.ApprovalDecision) error {
	s.t.Helper()
	namespace := s.namespace(environment)
	s.bind(namespace, "sluice-approver", user)
	for _, awaited := range s.environment(environment).Status.Awaiting {
		if awaited.PromotionRef.Name == name {
			return as(s.t, user).Create(s.t.Context(), &v1alpha1.Approval{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: name + "-"},
				Spec: v1alpha1.ApprovalSpec{
					PromotionRef: awaited.PromotionRef, ReleaseHash: awaited.ReleaseHash, EvidenceHash: awaited.EvidenceHash, Decision: decision,
				},
			})
		}
	}
	return errors.New("the environment does not await " + name)
}

func (s *shop) promotion(ctx context.Context, name string) *v1alpha1.Promotion {
	s.t.Helper()
	p := &v1alpha1.Promotion{}
	if err := s.admin.Get(ctx, client.ObjectKey{Namespace: s.name, Name: name}, p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// awaitOutcome waits for the end of a Promotion.
func (s *shop) awaitOutcome(name string, outcome v1alpha1.PromotionOutcome) *v1alpha1.Promotion {
	s.t.Helper()
	var p *v1alpha1.Promotion
	eventually(s.t, name+" ends as "+string(outcome), func() error {
		if p = s.promotion(s.t.Context(), name); p.Status.Outcome == "" {
			return errors.New(p.Status.Message)
		}
		return nil
	})
	if p.Status.Outcome != outcome {
		s.t.Fatalf("%s ended as %s instead of %s: %s", name, p.Status.Outcome, outcome, p.Status.Message)
	}
	return p
}

// awaitReason waits until an environment of a Promotion gives a reason.
func (s *shop) awaitReason(name, environment, reason string) {
	s.t.Helper()
	eventually(s.t, name+" waits in "+environment+" for "+reason, func() error {
		p := s.promotion(s.t.Context(), name)
		for _, progress := range p.Status.Environments {
			for _, r := range progress.Reasons {
				if progress.Name == environment && r.Type == reason {
					return nil
				}
			}
		}
		return fmt.Errorf("status: %s %+v", p.Status.Message, p.Status.Environments)
	})
}

// templateImage is what the Deployment of an environment names.
func (s *shop) templateImage(environment string) string {
	s.t.Helper()
	d := &appsv1.Deployment{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace(environment), Name: "api"}, d); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(d.Spec.Template.Spec.Containers[0].Image, s.repository)
}
