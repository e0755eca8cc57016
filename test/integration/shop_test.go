package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// shop is a team with a pipeline of one image, in namespaces of its own.
type shop struct {
	t     *testing.T
	admin client.Client
	// name of the team's namespace, and prefix of the others.
	name       string
	repository string
	// adopted is the digest of the tag v1, which runs before Sluice comes.
	adopted string
	recipe  recipe
}

// recipe says how a shop differs from the usual one: dev, test and prod, each with a Deployment and two gates.
type recipe struct {
	// environments of the pipeline in order, by name; default dev, test and prod.
	environments []string
	// bare leaves the gates out, and the evidence and approvals that production demands.
	bare bool
	// private puts its images into the registry that asks for a password.
	private bool
	// before runs in the team's namespace before there is any environment.
	before func(s *shop)
	// environment, pipeline and deployment change an object before it is created; a deployment that is nil is left out.
	environment func(name string, e *v1alpha1.Environment)
	pipeline    func(p *v1alpha1.DeliveryPipeline)
	deployment  func(environment string, d *appsv1.Deployment) *appsv1.Deployment
}

// registry is the host of the images.
func (r recipe) registry() string {
	if r.private {
		return hostOf(privateImages)
	}
	return registryHost()
}

// digest makes a digest that differs for each n.
func digest(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// testGate is a Job gate that the simulated nodes end, as its arguments say. It is short, as most tests are.
func testGate(name string, purpose v1alpha1.GatePurpose, args ...string) v1alpha1.Gate {
	return v1alpha1.Gate{
		Name: name, Purpose: purpose, TimeoutSeconds: 60,
		Job: v1alpha1.JobGate{Image: "registry.example.com/tests/" + name + "@" + digest(77), Args: args},
	}
}

// functional is one functional gate, for an Environment.
func functional(args ...string) []v1alpha1.Gate {
	return []v1alpha1.Gate{testGate("functional", v1alpha1.PurposeFunctional, args...)}
}

// newShop makes the namespaces with what runs in them, and the Environments; the pipeline comes later.
func newShop(t *testing.T, team string, recipes ...recipe) *shop {
	t.Helper()
	s := &shop{t: t, admin: as(t, ""), name: team}
	for _, r := range recipes {
		s.recipe = r
	}
	s.repository = s.recipe.registry() + "/" + team + "/api"
	if s.recipe.environments == nil {
		s.recipe.environments = []string{"dev", "test", "prod"}
	}
	t.Cleanup(s.report)
	s.adopted = s.push("v1")
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}})
	if s.recipe.before != nil {
		s.recipe.before(s)
	}
	for _, environment := range s.recipe.environments {
		s.createNamespace(environment)
		s.createDeployment(environment)
		s.create(s.makeEnvironment(environment))
	}
	return s
}

// openShop makes a shop whose pipeline is there and whose environments are ready.
func openShop(t *testing.T, team string, r recipe) *shop {
	t.Helper()
	s := newShop(t, team, r)
	s.createPipeline()
	for _, environment := range s.recipe.environments {
		s.awaitReady(environment)
	}
	return s
}

// push makes an image of the shop under a tag, and returns its digest.
func (s *shop) push(tag string) string {
	s.t.Helper()
	return s.pushTo(s.repository, tag)
}

func (s *shop) pushTo(repository, tag string) string {
	s.t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remote.Write(s.tagged(repository, tag), image, s.pusher()...); err != nil {
		s.t.Fatal(err)
	}
	return s.digestOf(image)
}

func (s *shop) tagged(repository, tag string) name.Tag {
	s.t.Helper()
	reference, err := name.NewTag(repository+":"+tag, name.Insecure)
	if err != nil {
		s.t.Fatal(err)
	}
	return reference
}

func (s *shop) pusher() []remote.Option {
	options := []remote.Option{remote.WithContext(s.t.Context())}
	if s.recipe.private {
		options = append(options, remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword}))
	}
	return options
}

// digestOf returns the digest of an image, or of an index.
func (s *shop) digestOf(pushed interface{ Digest() (v1.Hash, error) }) string {
	s.t.Helper()
	hash, err := pushed.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	return hash.String()
}

func (s *shop) namespace(environment string) string { return s.name + "-" + environment }

func (s *shop) create(object client.Object) {
	s.t.Helper()
	if err := s.admin.Create(s.t.Context(), object); err != nil {
		s.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// createNamespace makes the namespace of an environment, whose owner lets the operator in.
func (s *shop) createNamespace(environment string) {
	s.t.Helper()
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace(environment)}})
	s.create(s.consent(environment))
}

func (s *shop) consent(environment string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(environment), Name: "sluice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "sluice-system", Name: "sluice"}},
	}
}

// tierOf is Test or Production for environments whose names begin with these, else Development.
func tierOf(environment string) v1alpha1.Tier {
	switch {
	case strings.HasPrefix(environment, "test"):
		return v1alpha1.TierTest
	case strings.HasPrefix(environment, "prod"):
		return v1alpha1.TierProduction
	}
	return v1alpha1.TierDevelopment
}

func (s *shop) makeEnvironment(environment string) *v1alpha1.Environment {
	e := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(environment), Name: v1alpha1.EnvironmentName},
		Spec: v1alpha1.EnvironmentSpec{
			Tier:      tierOf(environment),
			Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: s.name, Name: "checkout", Repositories: []string{strings.TrimSuffix(s.repository, "api")}}},
			Gates:     append(functional(), testGate("stress", v1alpha1.PurposeStress)),
		},
	}
	if s.recipe.bare {
		e.Spec.Gates = nil
		e.Spec.Requires = &v1alpha1.Requirements{
			EvidenceMode: v1alpha1.RequirementNone, Approvals: &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone},
		}
	}
	if s.recipe.environment != nil {
		s.recipe.environment(environment, e)
	}
	return e
}

func (s *shop) createDeployment(environment string) {
	s.t.Helper()
	d := s.makeDeployment(environment)
	if s.recipe.deployment != nil {
		d = s.recipe.deployment(environment, d)
	}
	if d != nil {
		s.create(d)
	}
}

// makeDeployment makes one of two pods that runs the tag v1.
func (s *shop) makeDeployment(environment string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(environment), Name: "api"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}},
			Template: s.template("api"),
		},
	}
}

// template of a pod that runs the tag v1, which its node knows as the adopted digest.
func (s *shop) template(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}, Annotations: map[string]string{
			"test.sluice.dev/image-ids": fmt.Sprintf("{%q: %q}", s.repository+":v1", s.adopted),
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: s.repository + ":v1"}}},
	}
}

func (s *shop) makePipeline() *v1alpha1.DeliveryPipeline {
	pipeline := &v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "checkout"},
		Spec:       v1alpha1.DeliveryPipelineSpec{Images: []v1alpha1.PipelineImage{{Name: "api", Repository: s.repository}}},
	}
	for _, environment := range s.recipe.environments {
		pipeline.Spec.Environments = append(pipeline.Spec.Environments, v1alpha1.PipelineEnvironment{
			Name: environment, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: s.namespace(environment)},
		})
	}
	if s.recipe.pipeline != nil {
		s.recipe.pipeline(pipeline)
	}
	return pipeline
}

func (s *shop) createPipeline() {
	s.t.Helper()
	s.create(s.makePipeline())
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

// promote creates a Promotion of a digest as a developer, who is bound to the role of developers in the team's namespace.
func (s *shop) promote(name, digest string, changes ...func(*v1alpha1.Promotion)) {
	s.t.Helper()
	s.promoteAs("dave", name, append([]func(*v1alpha1.Promotion){func(p *v1alpha1.Promotion) { p.Spec.Images[0].Digest = digest }}, changes...)...)
}

// promoteTag creates a Promotion of a tag.
func (s *shop) promoteTag(name, tag string) {
	s.t.Helper()
	s.promoteAs("dave", name, func(p *v1alpha1.Promotion) { p.Spec.Images[0].Tag = tag })
}

func (s *shop) promoteAs(user, name string, changes ...func(*v1alpha1.Promotion)) {
	s.t.Helper()
	s.bind(s.name, "sluice-developer", user)
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api"}},
			Reason:      "refunds are rounded to cents",
		},
	}
	for _, change := range changes {
		change(p)
	}
	// A mutating policy on a CRD that was just made answers 503 for a moment, and RBAC is some milliseconds late.
	eventually(s.t, user+" may promote", func() error { return as(s.t, user).Create(s.t.Context(), p.DeepCopy()) })
}

// only makes a Promotion go through some environments only.
func only(environments ...string) func(*v1alpha1.Promotion) {
	return func(p *v1alpha1.Promotion) { p.Spec.Environments = environments }
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
func (s *shop) sign(user, name, environment string, decision v1alpha1.ApprovalDecision, groups ...string) error {
	s.t.Helper()
	s.bind(s.namespace(environment), "sluice-approver", user)
	return s.signUnbound(user, name, environment, decision, groups...)
}

// signUnbound creates an Approval as somebody who has the right from elsewhere, or has it not.
func (s *shop) signUnbound(user, name, environment string, decision v1alpha1.ApprovalDecision, groups ...string) error {
	s.t.Helper()
	namespace := s.namespace(environment)
	for _, awaited := range s.environment(environment).Status.Awaiting {
		if awaited.PromotionRef.Name == name {
			return as(s.t, user, groups...).Create(s.t.Context(), &v1alpha1.Approval{
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
