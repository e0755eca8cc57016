package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// team is a team with the sample application in three environments of its own.
type team struct {
	*cluster
	t     *testing.T
	admin client.Client
	name  string
}

func newTeam(t *testing.T, c *cluster, name string) *team {
	t.Helper()
	admin, _ := c.as(t, "")
	team := &team{cluster: c, t: t, admin: admin, name: name}
	team.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	team.bind(name, "sluice-developer", "dave")
	for _, environment := range []string{"dev", "test", "prod"} {
		namespace := team.namespace(environment)
		team.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		c.run(t, "apply", "-n", namespace, "-k", "../sample/manifests/base")
	}
	for _, environment := range []string{"dev", "test", "prod"} {
		for _, workload := range []string{"checkout-api", "checkout-worker"} {
			c.run(t, "rollout", "status", "-n", team.namespace(environment), "deployment/"+workload, "--timeout=180s")
		}
	}
	team.bind(team.namespace("prod"), "edit", "dave")
	for _, user := range []string{"alice", "bob", "dave"} {
		team.bind(team.namespace("prod"), "sluice-approver", user)
	}
	return team
}

func (s *team) namespace(environment string) string { return s.name + "-" + environment }

// create creates something, unless it is there.
func (s *team) create(object client.Object) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("create %T", object), func() error { return client.IgnoreAlreadyExists(s.admin.Create(s.t.Context(), object)) })
}

func (s *team) bind(namespace, role, user string) {
	s.t.Helper()
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role + "-" + user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
	})
}

// open creates the Environments and the pipeline, and lets the operator in.
func (s *team) open() {
	s.t.Helper()
	gates := map[string][]v1alpha1.Gate{
		"dev":  {sampleGate("functional", v1alpha1.PurposeFunctional, "smoke")},
		"test": {reportingGate(), stressGate()},
		"prod": {sampleGate("smoke", v1alpha1.PurposeFunctional, "smoke")},
	}
	tiers := map[string]v1alpha1.Tier{"dev": v1alpha1.TierDevelopment, "test": v1alpha1.TierTest, "prod": v1alpha1.TierProduction}
	pipeline := &v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "checkout"},
		Spec: v1alpha1.DeliveryPipelineSpec{Images: []v1alpha1.PipelineImage{
			{Name: "api", Repository: registry + "/shop/checkout-api"}, {Name: "worker", Repository: registry + "/shop/checkout-worker"},
		}},
	}
	for _, environment := range []string{"dev", "test", "prod"} {
		namespace := s.namespace(environment)
		s.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "sluice-system", Name: "sluice"}},
		})
		spec := v1alpha1.EnvironmentSpec{
			Tier: tiers[environment], Gates: gates[environment],
			Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: s.name, Name: "checkout", Repositories: []string{registry + "/shop/"}}},
		}
		if environment == "prod" {
			spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
		}
		s.create(&v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.EnvironmentName}, Spec: spec})
		pipeline.Spec.Environments = append(pipeline.Spec.Environments, v1alpha1.PipelineEnvironment{
			Name: environment, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: namespace},
		})
	}
	s.create(pipeline)
	for _, environment := range []string{"dev", "test", "prod"} {
		s.run(s.t, "wait", "-n", s.namespace(environment), "environment/environment", "--for=condition=Ready", "--timeout=120s")
	}
}

// stressGate asks more of the service than version 4 bears: 80 answers a second of two pods.
func stressGate() v1alpha1.Gate {
	return v1alpha1.Gate{Name: "stress", Purpose: v1alpha1.PurposeStress, Load: v1alpha1.LoadGate{
		Targets: []v1alpha1.LoadTarget{{
			URL: "http://checkout-api.$(SLUICE_NAMESPACE).svc/quote?cents=1999&quantity=3&discount=15", BodyContains: `"cents":5097`,
		}},
		RequestsPerSecond: 100, DurationSeconds: 15, RequestTimeoutSeconds: 20,
		Thresholds: v1alpha1.LoadThresholds{P99Microseconds: 500_000, SuccessBasisPoints: 9950},
	}}
}

// reportingGate leaves a report: one test may fail, and none about refunds, which version 3 gets wrong.
func reportingGate() v1alpha1.Gate {
	gate := sampleGate("functional", v1alpha1.PurposeFunctional, "-junit", "/reports/functional.xml")
	gate.Job.Command, gate.Job.Scratch, gate.Job.JUnit = []string{"/tests", "functional"}, "/reports", "*.xml"
	gate.Job.Tolerance = v1alpha1.Tolerance{MaxFailed: 1, MustPass: []string{"a refund.*"}}
	return gate
}

func sampleGate(name string, purpose v1alpha1.GatePurpose, args ...string) v1alpha1.Gate {
	return v1alpha1.Gate{Name: name, Purpose: purpose, TimeoutSeconds: 120, Job: v1alpha1.JobGate{Image: registry + "/shop/checkout-tests:v1", Args: args}}
}

// promote asks for a version as dave, by tags; of some environments, or of all.
func (s *team) promote(name, tag string, environments ...string) {
	s.t.Helper()
	dave, _ := s.as(s.t, "dave")
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api", Tag: tag}, {Name: "worker", Tag: tag}},
			Reason:      "version " + tag, Environments: environments,
		},
	}
	if err := dave.Create(s.t.Context(), p); err != nil {
		s.t.Fatal(err)
	}
	if p.Spec.RequestedBy.Username != "dave" {
		s.t.Errorf("the API server stamped %q as requester, want dave", p.Spec.RequestedBy.Username)
	}
}

// approval is what a person would sign of a Promotion that production awaits.
func (s *team) approval(name string) (*v1alpha1.Approval, error) {
	env := &v1alpha1.Environment{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace("prod"), Name: v1alpha1.EnvironmentName}, env); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(env.Status.Awaiting, func(a v1alpha1.AwaitingPromotion) bool { return a.PromotionRef.Name == name })
	if i < 0 {
		return nil, errors.New("production does not await " + name)
	}
	awaited := env.Status.Awaiting[i]
	return &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace, GenerateName: name + "-"},
		Spec: v1alpha1.ApprovalSpec{
			PromotionRef: awaited.PromotionRef, ReleaseHash: awaited.ReleaseHash, EvidenceHash: awaited.EvidenceHash, Decision: v1alpha1.DecisionApproved,
		},
	}, nil
}

// sign signs a Promotion as somebody, once production awaits it.
func (s *team) sign(user, name string) {
	s.t.Helper()
	person, _ := s.as(s.t, user)
	eventually(s.t, user+" signs "+name, func() error {
		p := &v1alpha1.Promotion{}
		if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.name, Name: name}, p); err == nil && p.Status.Outcome != "" {
			s.t.Fatalf("%s ended as %s before it could be signed: %s", name, p.Status.Outcome, p.Status.Message)
		}
		approval, err := s.approval(name)
		if err != nil {
			return fmt.Errorf("%w: %s", err, p.Status.Message)
		}
		return person.Create(s.t.Context(), approval)
	})
}

func (s *team) awaitOutcome(name string, outcome v1alpha1.PromotionOutcome) *v1alpha1.Promotion {
	s.t.Helper()
	p := &v1alpha1.Promotion{}
	eventually(s.t, name+" ends", func() error {
		if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.name, Name: name}, p); err != nil {
			return err
		}
		if p.Status.Outcome == "" {
			return errors.New(p.Status.Message)
		}
		return nil
	})
	if p.Status.Outcome != outcome {
		s.t.Fatalf("%s ended as %s, want %s: %s", name, p.Status.Outcome, outcome, p.Status.Message)
	}
	return p
}

// runs asserts that an environment runs exactly a version: in its pods, by digest, and over HTTP.
func (s *team) runs(environment, tag string) {
	s.t.Helper()
	want := registry + "/shop/checkout-api@" + s.images["checkout-api:"+tag]
	for _, pod := range s.pods(environment) {
		if got := pod.Spec.Containers[0].Image; got != want {
			s.t.Errorf("pod %s/%s runs %s, want %s", pod.Namespace, pod.Name, got, want)
		}
	}
	eventually(s.t, environment+" answers as "+tag, func() error {
		version, err := s.version(s.t.Context(), s.namespace(environment))
		if err == nil && version != tag {
			err = fmt.Errorf("it answers as %q", version)
		}
		return err
	})
}

// pods returns the live pods of the API.
func (s *team) pods(environment string) []corev1.Pod {
	s.t.Helper()
	var list corev1.PodList
	err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace(environment)), client.MatchingLabels{"app.kubernetes.io/name": "checkout-api"})
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// uids of the live pods, to see whether any was restarted.
func (s *team) uids(environment string) string {
	var uids []string
	for _, pod := range s.pods(environment) {
		uids = append(uids, string(pod.UID))
	}
	slices.Sort(uids)
	return strings.Join(uids, " ")
}
