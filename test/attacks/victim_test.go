package attacks_test

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	gcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/controlplane"
	inprocess "github.com/sluice-dev/sluice/test/operator"
)

// running is the operator, once a test has started it; images is the registry that it asks.
var (
	running *inprocess.Operator
	images  *httptest.Server
)

// startOperator starts the operator: the scene of threats_test.go has no operator, and comes before.
func startOperator(t *testing.T) {
	t.Helper()
	images = httptest.NewServer(gcr.New(gcr.Logger(stdlog.New(io.Discard, "", 0))))
	var err error
	if running, err = inprocess.Start(t.Context(), plane.Config, inprocess.Options{Registries: []string{registryHost()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		running.Stop()
		images.Close()
	})
}

func operatorIsDown(t *testing.T) {
	t.Helper()
	if running != nil {
		t.Fatal("the operator was started before; run the tests of this package in their order")
	}
}

func registryHost() string { return strings.TrimPrefix(images.URL, "http://") }

// victim is a team with a pipeline of one image, and with namespaces of its own.
type victim struct {
	t          *testing.T
	name       string
	repository string
	// adopted is the digest of the tag v1, which runs before Sluice comes.
	adopted string

	// What differs says. lets is the pipeline that the environments let in.
	lets          string
	functional    v1alpha1.Gate
	platformGates bool
	testLock      v1alpha1.Lock
	// prodNames is the namespace whose evidence counts in production; none means the default.
	prodNames string
	approvals int32
	// mixed has the environments run the tag v0 besides, which is the digest adoptedToo.
	mixed      bool
	adoptedToo string

	// failure is what the operator did not say or do.
	failure error
}

func newVictim(t *testing.T, team string, differs func(*victim)) *victim {
	t.Helper()
	v := &victim{
		t: t, name: team, repository: registryHost() + "/" + team + "/api",
		lets: "checkout", functional: jobGate("functional", v1alpha1.PurposeFunctional), platformGates: true, approvals: 2,
	}
	if differs != nil {
		differs(v)
	}
	v.adopted, v.adoptedToo = v.push("v1"), v.push("v0")
	v.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}})
	test, prod := v.environment("test", v1alpha1.TierTest), v.environment("prod", v1alpha1.TierProduction)
	test.Spec.Lock = v.testLock
	if v.platformGates {
		test.Spec.Gates = []v1alpha1.Gate{v.functional, jobGate("stress", v1alpha1.PurposeStress)}
	}
	prod.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: v.approvals}}
	if v.approvals == 0 {
		prod.Spec.Requires.Approvals = &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone}
	}
	if v.prodNames != "" {
		from := []v1alpha1.EnvironmentReference{{Namespace: v.prodNames}}
		prod.Spec.Requires.Evidence = []v1alpha1.EvidenceRequirement{
			{Purpose: v1alpha1.PurposeFunctional, From: from}, {Purpose: v1alpha1.PurposeStress, From: from},
		}
	}
	for _, environment := range []*v1alpha1.Environment{test, prod} {
		v.settle(environment)
	}
	v.create(v.pipeline())
	if v.lets == "checkout" {
		v.awaitReady("test")
		v.awaitReady("prod")
	}
	return v
}

// jobGate is a gate that the simulated nodes end, with exit code 0 where its arguments say nothing else.
func jobGate(name string, purpose v1alpha1.GatePurpose) v1alpha1.Gate {
	return v1alpha1.Gate{
		Name: name, Purpose: purpose, TimeoutSeconds: 60, Job: v1alpha1.JobGate{Image: "registry.example.com/tests/" + name + "@" + good},
	}
}

func (v *victim) namespace(environment string) string { return v.name + "-" + environment }

func (v *victim) environment(name string, tier v1alpha1.Tier) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace(name), Name: v1alpha1.EnvironmentName},
		Spec: v1alpha1.EnvironmentSpec{Tier: tier, Pipelines: []v1alpha1.AdmittedPipeline{
			{Namespace: v.name, Name: v.lets, Repositories: []string{registryHost() + "/" + v.name + "/"}},
		}},
	}
}

// settle makes a namespace that runs the tag v1, lets the operator in, and gets an Environment.
func (v *victim) settle(environment *v1alpha1.Environment) {
	v.t.Helper()
	namespace := environment.Namespace
	v.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	v.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "sluice-system", Name: "sluice"}},
	})
	v.create(v.deployment(namespace, "api", "v1", v.adopted))
	if v.mixed {
		v.create(v.deployment(namespace, "old", "v0", v.adoptedToo))
	}
	v.create(environment)
}

// deployment runs a tag, which its node knows as a digest.
func (v *victim) deployment(namespace, name, tag, digest string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{
				"test.sluice.dev/image-ids": fmt.Sprintf("{%q: %q}", v.repository+":"+tag, digest),
			}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: v.repository + ":" + tag}}},
		},
	}}
}

func (v *victim) pipeline() *v1alpha1.DeliveryPipeline {
	return &v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: v.name, Name: "checkout"},
		Spec: v1alpha1.DeliveryPipelineSpec{
			Images: []v1alpha1.PipelineImage{{Name: "api", Repository: v.repository}},
			Environments: []v1alpha1.PipelineEnvironment{
				{Name: "test", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: v.namespace("test")}},
				{Name: "prod", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: v.namespace("prod")}},
			},
		},
	}
}

// push makes an image under a tag, and returns its digest.
func (v *victim) push(tag string) string {
	v.t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		v.t.Fatal(err)
	}
	reference, err := name.NewTag(v.repository+":"+tag, name.Insecure)
	if err != nil {
		v.t.Fatal(err)
	}
	if err := remote.Write(reference, image, remote.WithContext(v.t.Context())); err != nil {
		v.t.Fatal(err)
	}
	pushed, err := image.Digest()
	if err != nil {
		v.t.Fatal(err)
	}
	return pushed.String()
}

func (v *victim) create(object client.Object) {
	v.t.Helper()
	if err := root.Create(v.t.Context(), object); err != nil {
		v.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

func (v *victim) get(namespace, name string, object client.Object) {
	v.t.Helper()
	if err := root.Get(v.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		v.t.Fatal(err)
	}
}

// must looks again until check returns nil, which it has to: it is part of the scene.
func (v *victim) must(what string, check func() error) {
	v.t.Helper()
	controlplane.Eventually(v.t, patience, what, check, running.Failed)
}

func (v *victim) awaitReady(environment string) {
	v.t.Helper()
	v.must(environment+" to be ready", func() error {
		env := &v1alpha1.Environment{}
		v.get(v.namespace(environment), v1alpha1.EnvironmentName, env)
		for _, c := range env.Status.Conditions {
			if c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("conditions: %+v", env.Status.Conditions)
	})
}

// bind gives somebody a role in a namespace, once.
func (v *victim) bind(namespace, role, user string) {
	v.t.Helper()
	err := root.Create(v.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role + "-" + user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
	})
	if client.IgnoreAlreadyExists(err) != nil {
		v.t.Fatal(err)
	}
}

// clients by person: making one costs more than using it.
var clients sync.Map

func person(t *testing.T, name string) client.Client {
	t.Helper()
	if known, ok := clients.Load(name); ok {
		return known.(client.Client)
	}
	config := rest.CopyConfig(plane.Config)
	config.Impersonate = user(name)
	c, err := newActor(name, config)
	if err != nil {
		t.Fatal(err)
	}
	clients.Store(name, c.Client)
	return c.Client
}

// asks creates a Promotion of a digest, with the role of developers.
func (v *victim) asks(who, name, digest string, changes ...func(*v1alpha1.Promotion)) {
	v.t.Helper()
	v.promotes(who, name, append([]func(*v1alpha1.Promotion){func(p *v1alpha1.Promotion) { p.Spec.Images[0].Digest = digest }}, changes...)...)
}

func (v *victim) asksTag(who, name, tag string) {
	v.t.Helper()
	v.promotes(who, name, func(p *v1alpha1.Promotion) { p.Spec.Images[0].Tag = tag })
}

func (v *victim) rollsBack(who, name, releaseHash string) {
	v.t.Helper()
	v.promotes(who, name, func(p *v1alpha1.Promotion) {
		p.Spec.Intent, p.Spec.Images = v1alpha1.IntentRollback, nil
		p.Spec.ReleaseHash, p.Spec.Environments = releaseHash, []string{"prod"}
	})
}

func (v *victim) promotes(who, name string, changes ...func(*v1alpha1.Promotion)) {
	v.t.Helper()
	v.bind(v.name, "sluice-developer", who)
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: v.name, Name: name},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api"}},
			Reason:      "refunds are rounded to cents",
		},
	}
	for _, change := range changes {
		change(p)
	}
	v.must(who+" to ask for "+name, func() error { return person(v.t, who).Create(v.t.Context(), p.DeepCopy()) })
}

// through makes a Promotion go through some environments only.
func through(environments ...string) func(*v1alpha1.Promotion) {
	return func(p *v1alpha1.Promotion) { p.Spec.Environments = environments }
}

func (v *victim) withdraws(name string) {
	v.t.Helper()
	if err := root.Delete(v.t.Context(), v.promotion(name)); err != nil {
		v.t.Fatal(err)
	}
	v.must(name+" to leave the inbox", func() error {
		_, err := v.awaited(name)
		if err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
}

func (v *victim) promotion(name string) *v1alpha1.Promotion {
	v.t.Helper()
	p := &v1alpha1.Promotion{}
	v.get(v.name, name, p)
	return p
}

// said is what the operator says of a Promotion; nothing where there is none.
func (v *victim) said(name string) string {
	p := &v1alpha1.Promotion{}
	if err := root.Get(v.t.Context(), client.ObjectKey{Namespace: v.name, Name: name}, p); err != nil {
		return err.Error()
	}
	return p.Status.Message
}

func (v *victim) hashOf(name string) string { return v.promotion(name).Status.ReleaseHash }

// changesPipeline edits the pipeline, which is the team's own, and waits until the operator has seen it.
func (v *victim) changesPipeline(change func(*v1alpha1.DeliveryPipeline)) {
	v.t.Helper()
	p := &v1alpha1.DeliveryPipeline{}
	v.must("the pipeline to be changed", func() error {
		v.get(v.name, "checkout", p)
		change(p)
		return root.Update(v.t.Context(), p)
	})
	v.must("the operator to see it", func() error {
		now := &v1alpha1.DeliveryPipeline{}
		v.get(v.name, "checkout", now)
		if len(now.Status.Conditions) == 0 || now.Status.Conditions[0].ObservedGeneration < p.Generation {
			return errors.New("not yet")
		}
		return nil
	})
}

// awaited is what production's inbox says of a Promotion.
func (v *victim) awaited(name string) (v1alpha1.AwaitingPromotion, error) {
	v.t.Helper()
	env := &v1alpha1.Environment{}
	v.get(v.namespace("prod"), v1alpha1.EnvironmentName, env)
	i := slices.IndexFunc(env.Status.Awaiting, func(a v1alpha1.AwaitingPromotion) bool { return a.PromotionRef.Name == name })
	if i < 0 {
		return v1alpha1.AwaitingPromotion{}, fmt.Errorf("production does not await %s: %s", name, v.said(name))
	}
	return env.Status.Awaiting[i], nil
}

func (v *victim) signs(who, name string) {
	v.t.Helper()
	v.decides(who, name, v1alpha1.DecisionApproved)
}

func (v *victim) rejects(who, name string) {
	v.t.Helper()
	v.decides(who, name, v1alpha1.DecisionRejected)
}

// decides signs, and waits until the operator has looked at it.
func (v *victim) decides(who, name string, decision v1alpha1.ApprovalDecision) {
	v.t.Helper()
	v.bind(v.namespace("prod"), "sluice-approver", who)
	var signed *v1alpha1.Approval
	v.must(who+" to sign "+name, func() error {
		awaited, err := v.awaited(name)
		if err != nil {
			return err
		}
		signed = signature(v.namespace("prod"), awaited, decision)
		return person(v.t, who).Create(v.t.Context(), signed)
	})
	v.must("the operator to look at it", func() error {
		p := v.promotion(name)
		for _, progress := range p.Status.Environments {
			if slices.ContainsFunc(progress.Approvals, func(a v1alpha1.ApprovalStatus) bool { return a.ApprovalRef.Name == signed.Name }) {
				return nil
			}
		}
		if p.Status.Outcome == "" {
			return errors.New("not yet")
		}
		return nil
	})
}

func signature(namespace string, awaited v1alpha1.AwaitingPromotion, decision v1alpha1.ApprovalDecision) *v1alpha1.Approval {
	return &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: awaited.PromotionRef.Name + "-"},
		Spec: v1alpha1.ApprovalSpec{
			PromotionRef: awaited.PromotionRef, ReleaseHash: awaited.ReleaseHash, EvidenceHash: awaited.EvidenceHash, Decision: decision,
		},
	}
}

// cannotSignIn makes somebody an approver in other namespaces than production's, and sees that it is of no use.
func (v *victim) cannotSignIn(who, name string, namespaces ...string) {
	v.t.Helper()
	awaited, err := v.awaited(name)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, namespace := range append(namespaces, v.namespace("prod")) {
		if namespace != v.namespace("prod") {
			v.bind(namespace, "sluice-approver", who)
			v.must("the right to sign in "+namespace, func() error { return allowed(v.t.Context(), who, namespace, "sluice.dev", "environments") })
		}
		err := person(v.t, who).Create(v.t.Context(), signature(namespace, awaited, v1alpha1.DecisionApproved))
		if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
			v.failure = errors.Join(v.failure, fmt.Errorf("%s signs in %s: %w", who, namespace, err))
		}
	}
}

// unbinds takes the right to sign away.
func (v *victim) unbinds(who string) {
	v.t.Helper()
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace("prod"), Name: "sluice-approver-" + who}}
	if err := root.Delete(v.t.Context(), binding); err != nil {
		v.t.Fatal(err)
	}
	v.must(who+" to lose the right", func() error {
		if allowed(v.t.Context(), who, v.namespace("prod"), "sluice.dev", "environments") == nil {
			return errors.New("not yet")
		}
		return nil
	})
}

// testRuns waits until the pod of the functional gate runs, and returns it.
func (v *victim) testRuns() *corev1.Pod {
	v.t.Helper()
	pods := &corev1.PodList{}
	v.must("the test to run", func() error {
		err := root.List(v.t.Context(), pods, client.InNamespace(v.namespace("test")), client.MatchingLabels{v1alpha1.GateLabel: "functional"})
		if err == nil && (len(pods.Items) != 1 || pods.Items[0].Status.Phase != corev1.PodRunning) {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		return err
	})
	return &pods.Items[0]
}

// testEnds has the simulated node end the test.
func (v *victim) testEnds(exitCode, message string) {
	v.t.Helper()
	pod := v.testRuns()
	before := pod.DeepCopy()
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test.sluice.dev/termination-message", message)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test.sluice.dev/exit-code", exitCode)
	if err := root.Patch(v.t.Context(), pod, client.MergeFrom(before)); err != nil {
		v.t.Fatal(err)
	}
}

// forgesPodLike makes a pod that the gate's Job would count as its own; the API server refuses it though the lock is off.
func (v *victim) forgesPodLike(pod *corev1.Pod) {
	v.t.Helper()
	forged := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "forged", Labels: map[string]string{}},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: "registry.example.com/true:1"}}},
	}
	for key, value := range pod.Labels {
		if key != v1alpha1.GateLabel {
			forged.Labels[key] = value
		}
	}
	v.bind(pod.Namespace, "admin", "tara")
	v.must("tara to be an admin", func() error { return allowed(v.t.Context(), "tara", pod.Namespace, "", "pods") })
	if err := person(v.t, "tara").Create(v.t.Context(), forged); !apierrors.IsForbidden(err) {
		v.failure = errors.Join(v.failure, fmt.Errorf("a forged pod: %w", err))
	}
}

// bringsTestOfItsOwn makes an Environment of tier Test with trivial gates, and puts it into the pipeline in place of the
// platform's.
func (v *victim) bringsTestOfItsOwn(who string) {
	v.t.Helper()
	v.settle(v.own(v1alpha1.TierTest))
	v.goesThroughItsOwn(who)
}

// bringsWhatItMay does what the API server lets somebody do who holds every verb of Kubernetes in a namespace, but not
// unlock: an Environment of tier Test is refused, so that it brings one of another tier.
func (v *victim) bringsWhatItMay(who string) {
	v.t.Helper()
	v.settle(v.own(v1alpha1.TierDevelopment))
	v.bind(v.namespace("own"), "everything", who)
	v.must("the right to make Environments", func() error { return allowed(v.t.Context(), who, v.namespace("own"), "sluice.dev", "environments") })
	err := person(v.t, who).Create(v.t.Context(), v.own(v1alpha1.TierTest))
	if err == nil || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'sluice-environments'") {
		v.failure = errors.Join(v.failure, fmt.Errorf("%s makes an Environment of tier Test: %w", who, err))
	}
	v.goesThroughItsOwn(who)
}

// own is an Environment with gates that pass.
func (v *victim) own(tier v1alpha1.Tier) *v1alpha1.Environment {
	own := v.environment("own", tier)
	own.Spec.Lock = v1alpha1.LockEnforce
	own.Spec.Gates = []v1alpha1.Gate{jobGate("functional", v1alpha1.PurposeFunctional), jobGate("stress", v1alpha1.PurposeStress)}
	return own
}

// goesThroughItsOwn puts that Environment into the pipeline in place of the platform's, and asks for a release.
func (v *victim) goesThroughItsOwn(who string) {
	v.t.Helper()
	v.changesPipeline(func(p *v1alpha1.DeliveryPipeline) {
		p.Spec.Environments[0].EnvironmentRef.Namespace = v.namespace("own")
	})
	v.awaitReady("own")
	v.asks(who, "evil", evil)
}

// waits sees that a Promotion is kept out of an environment, and that its status says why.
func (v *victim) waits(name, environment, reason, says string) {
	v.t.Helper()
	v.sees(name+" to wait in "+environment+" for "+reason, func(p *v1alpha1.Promotion) error {
		for _, progress := range p.Status.Environments {
			if progress.Name == environment && holdsBack(progress.Reasons, reason, says) {
				return nil
			}
		}
		if p.Status.Outcome != "" {
			return errEnded
		}
		return fmt.Errorf("it says: %s %+v", p.Status.Message, p.Status.Environments)
	}, name)
}

// holdsBack says whether a reason is given, and not only because the environment before has not passed yet.
func holdsBack(reasons []v1alpha1.Reason, reason, says string) bool {
	given := false
	for _, r := range reasons {
		if r.Type == v1alpha1.ReasonPredecessorPending && reason != r.Type {
			return false
		}
		given = given || r.Type == reason && strings.Contains(r.Message, says)
	}
	return given
}

// ends sees a Promotion end, with a message that says why.
func (v *victim) ends(name string, outcome v1alpha1.PromotionOutcome, says string) {
	v.t.Helper()
	v.sees(name+" to end as "+string(outcome), func(p *v1alpha1.Promotion) error {
		switch {
		case p.Status.Outcome == "":
			return errors.New(p.Status.Message)
		case p.Status.Outcome != outcome || !strings.Contains(p.Status.Message, says):
			return errEnded
		}
		return nil
	}, name)
}

// isUnresolved sees that a Promotion does not find its release.
func (v *victim) isUnresolved(name, reason string) {
	v.t.Helper()
	v.sees(name+" to be unresolved", func(p *v1alpha1.Promotion) error {
		for _, c := range p.Status.Conditions {
			if c.Type == v1alpha1.ConditionResolved && c.Reason == reason {
				return nil
			}
		}
		if p.Status.Outcome != "" {
			return errEnded
		}
		return fmt.Errorf("conditions: %+v", p.Status.Conditions)
	}, name)
}

// sighted lets a trick's row look at what came of it, and returns what it did not see.
func (v *victim) sighted(sees func(*victim)) error {
	v.t.Helper()
	sees(v)
	return v.failure
}

// errEnded ends a wait that is in vain.
var errEnded = errors.New("it ended otherwise")

// sees waits for a status of a Promotion; where that never comes, it is remembered.
func (v *victim) sees(what string, check func(*v1alpha1.Promotion) error, name string) {
	v.t.Helper()
	var last error
	err := soon(v.t.Context(), what, func() error {
		p := v.promotion(name)
		if last = check(p); errors.Is(last, errEnded) {
			last = fmt.Errorf("%s: %w as %s: %s", what, last, p.Status.Outcome, p.Status.Message)
			return nil
		}
		return last
	})
	if err == nil {
		err = last
	}
	v.failure = errors.Join(v.failure, err)
}

// production is the image that production's Deployment names.
func (v *victim) production() string {
	v.t.Helper()
	d := &appsv1.Deployment{}
	v.get(v.namespace("prod"), "api", d)
	return d.Spec.Template.Spec.Containers[0].Image
}

// untouched is nil where production runs what it ran, and nothing else may run there.
func (v *victim) untouched() error {
	v.t.Helper()
	pods, namespace := &corev1.PodList{}, &corev1.Namespace{}
	if err := root.List(v.t.Context(), pods, client.InNamespace(v.namespace("prod"))); err != nil {
		return err
	}
	seen := []string{v.production()}
	for n := range pods.Items {
		seen = append(seen, pods.Items[n].Spec.Containers[0].Image)
	}
	v.get("", v.namespace("prod"), namespace)
	for _, image := range seen {
		if image != v.repository+":v1" && image != v.repository+"@"+v.adopted { // the same
			return fmt.Errorf("%w: production runs %s", errLetThrough, image)
		}
	}
	for _, digest := range []string{good, evil} {
		if enforced := namespace.Annotations[v1alpha1.ImagesAnnotation]; strings.Contains(enforced, digest) {
			return fmt.Errorf("%w: production may run %s", errLetThrough, enforced)
		}
	}
	return nil
}
