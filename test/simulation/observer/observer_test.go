package observer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

const (
	operator   = "operator"
	repo       = "registry.example.com/shop/api"
	oldDigest  = "sha256:old"
	newDigest  = "sha256:new"
	production = "prod"
	testing1   = "test"
	promoted   = "uid-promotion"
)

// story is a journal that is written by hand.
type story struct {
	journal []memapi.Revision
	last    map[string]client.Object
}

func (s *story) write(actor string, verb memapi.Verb, kind string, obj client.Object) {
	key := memapi.Key{Namespace: obj.GetNamespace(), Name: obj.GetName()}
	id := kind + key.String()
	number := int64(len(s.journal) + 1)
	obj.SetCreationTimestamp(metav1.NewTime(time.Unix(1_700_000_000+number*10, 0)))
	before := s.last[id]
	if before != nil {
		obj.SetCreationTimestamp(before.GetCreationTimestamp())
	}
	s.journal = append(s.journal, memapi.Revision{
		Number: number, Time: time.Unix(1_700_000_000+number*100, 0), Horizon: number - 1, Actor: actor, Verb: verb, Kind: kind, Key: key, Object: obj, Before: before,
	})
	s.last[id] = obj
}

func image(digest string) []v1alpha1.Image {
	return []v1alpha1.Image{{Name: "api", Repository: repo, Digest: digest}}
}

func hash(digest string) string { return sum(repo + "@" + digest + "\n") }

func environment(namespace string, tier v1alpha1.Tier, holders ...string) *v1alpha1.Environment {
	env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.EnvironmentName}, Spec: v1alpha1.EnvironmentSpec{Tier: tier}}
	for _, uid := range holders {
		env.Status.Holders = append(env.Status.Holders, v1alpha1.Holder{
			Pipeline: "shop/checkout", ReleaseHash: hash(newDigest), Images: image(newDigest),
			PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "one", UID: uid},
		})
	}
	return env
}

func namespace(name, pins string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LockLabel: "Enforce"},
		Annotations: map[string]string{v1alpha1.PinsAnnotation: pins, v1alpha1.ImagesAnnotation: pins}}}
}

func promotion(states ...v1alpha1.EnvironmentState) *v1alpha1.Promotion {
	p := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "one", UID: types.UID(promoted)}}
	p.Spec.RequestedBy.Username = "dave"
	for i, state := range states {
		e := v1alpha1.EnvironmentProgress{Name: []string{testing1, production}[i], State: state}
		e.EnvironmentRef.Namespace = e.Name
		e.Reasons = []v1alpha1.Reason{{Type: v1alpha1.ReasonApprovalsMissing, Message: "waits"}}
		p.Status.Environments = append(p.Status.Environments, e)
		p.Status.ReleaseHash, p.Status.Images = hash(newDigest), image(newDigest)
	}
	return p
}

func job(name string) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: testing1, Name: name, Labels: map[string]string{
		v1alpha1.GateLabel: name, v1alpha1.PromotionUIDLabel: promoted,
	}}}
	j.Spec.Template.Spec.Containers = []corev1.Container{{Env: []corev1.EnvVar{{Name: "SLUICE_IMAGE_API", Value: repo + "@" + newDigest}}}}
	return j
}

func completed(name string) *batchv1.Job {
	j := job(name)
	j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	return j
}

func record(namespace, name string, result v1alpha1.RecordResult, previous *v1alpha1.ReleaseRecord) *v1alpha1.ReleaseRecord {
	r := &v1alpha1.ReleaseRecord{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	r.Spec = v1alpha1.ReleaseRecordSpec{
		PipelineRef: v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"}, Result: result,
		ReleaseHash: hash(newDigest), Images: image(newDigest), Environment: v1alpha1.RecordedEnvironment{Tier: v1alpha1.TierTest},
		Promotion: v1alpha1.RecordedPromotion{UID: promoted},
	}
	if result == v1alpha1.ResultAdopted {
		r.Spec.ReleaseHash, r.Spec.Images, r.Spec.Promotion.UID = hash(oldDigest), image(oldDigest), ""
	}
	for _, purpose := range []v1alpha1.GatePurpose{v1alpha1.PurposeFunctional, v1alpha1.PurposeStress} {
		if result == v1alpha1.ResultPassed {
			r.Spec.Gates = append(r.Spec.Gates, v1alpha1.GateStatus{
				Name: string(purpose), Purpose: purpose, State: v1alpha1.GatePassed, DeclaredBy: v1alpha1.DeclaredByPlatform,
				JobRef: v1alpha1.JobReference{Name: string(purpose)},
			})
		}
	}
	if previous != nil {
		r.Spec.PreviousHash = content(previous)
	}
	return r
}

func approval(person string, decision v1alpha1.ApprovalDecision) *v1alpha1.Approval {
	a := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Namespace: production, Name: "by-" + person}}
	a.Spec = v1alpha1.ApprovalSpec{
		PromotionRef: v1alpha1.PromotionReference{UID: promoted}, ReleaseHash: hash(newDigest), Decision: decision,
		Approver: v1alpha1.Approver{Username: person},
	}
	return a
}

func deployment(touch string) client.Object {
	d := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: testing1, Name: "api"}}
	if touch != "" {
		d.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: touch}
	}
	return d
}

func pod(namespace, name, digest string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "main", Image: repo + "@" + digest}},
	}}
}

// chapter is one write of the story; a test replaces, leaves out or adds chapters by name.
type chapter struct {
	name  string
	write func(*story)
}

func by(actor string, verb memapi.Verb, kind string, obj func() client.Object) func(*story) {
	return func(s *story) { s.write(actor, verb, kind, obj()) }
}

// goodStory is a promotion through test into production as it should be.
func goodStory() []chapter {
	adopted := record(testing1, "adopted", v1alpha1.ResultAdopted, nil)
	adoptedThere := record(production, "adopted", v1alpha1.ResultAdopted, nil)
	tell := func(name, actor string, verb memapi.Verb, kind string, obj client.Object) chapter {
		return chapter{name, by(actor, verb, kind, func() client.Object { return obj.DeepCopyObject().(client.Object) })}
	}
	return []chapter{
		tell("test environment", "admin", memapi.Create, "Environment", environment(testing1, v1alpha1.TierTest)),
		tell("production environment", "admin", memapi.Create, "Environment", environment(production, v1alpha1.TierProduction)),
		tell("adopted", operator, memapi.Create, "ReleaseRecord", adopted),
		tell("adopted there", operator, memapi.Create, "ReleaseRecord", adoptedThere),
		tell("namespace", operator, memapi.Create, "Namespace", namespace(production, repo+"@"+oldDigest)),
		tell("promotion", "dave", memapi.Create, "Promotion", promotion()),
		tell("waits", operator, memapi.UpdateStatus, "Promotion", promotion(v1alpha1.StateWaiting, v1alpha1.StateWaiting)),
		tell("deployment", "dave", memapi.Create, "Service", deployment("")),
		tell("claims test", operator, memapi.UpdateStatus, "Environment", environment(testing1, v1alpha1.TierTest, promoted)),
		tell("touch", operator, memapi.Update, "Service", deployment("hash:"+promoted)),
		tell("verifies", operator, memapi.UpdateStatus, "Promotion", promotion(v1alpha1.StateVerifying, v1alpha1.StateWaiting)),
		tell("tested pod", "replicaset-controller", memapi.Create, "Pod", pod(testing1, "a", newDigest)),
		tell("functional", operator, memapi.Create, "Job", job("Functional")),
		tell("functional passes", "job-controller", memapi.UpdateStatus, "Job", completed("Functional")),
		tell("stress", operator, memapi.Create, "Job", job("Stress")),
		tell("stress passes", "job-controller", memapi.UpdateStatus, "Job", completed("Stress")),
		tell("passed", operator, memapi.Create, "ReleaseRecord", record(testing1, "passed", v1alpha1.ResultPassed, adopted)),
		tell("frees test", operator, memapi.UpdateStatus, "Environment", environment(testing1, v1alpha1.TierTest)),
		tell("test is passed", operator, memapi.UpdateStatus, "Promotion", promotion(v1alpha1.StatePassed, v1alpha1.StateWaiting)),
		tell("signs", "alice", memapi.Create, "Approval", approval("alice", v1alpha1.DecisionApproved)),
		tell("claims production", operator, memapi.UpdateStatus, "Environment", environment(production, v1alpha1.TierProduction, promoted)),
		tell("pins", operator, memapi.Update, "Namespace", namespace(production, repo+"@"+newDigest)),
		tell("runs", "replicaset-controller", memapi.Create, "Pod", pod(production, "b", newDigest)),
		tell("production is being verified", operator, memapi.UpdateStatus, "Promotion", promotion(v1alpha1.StatePassed, v1alpha1.StateVerifying)),
	}
}

func without(name string) func([]chapter) []chapter {
	return func(c []chapter) []chapter {
		return slices.DeleteFunc(c, func(c chapter) bool { return c.name == name })
	}
}

func replace(name string, write func(*story)) func([]chapter) []chapter {
	return func(c []chapter) []chapter {
		i := slices.IndexFunc(c, func(c chapter) bool { return c.name == name })
		c[i].write = write
		return c
	}
}

func after(name string, write func(*story)) func([]chapter) []chapter {
	return func(c []chapter) []chapter {
		i := slices.IndexFunc(c, func(c chapter) bool { return c.name == name })
		return slices.Insert(c, i+1, chapter{"added", write})
	}
}

func observe(chapters []chapter) *Observer {
	s := &story{last: map[string]client.Object{}}
	for _, c := range chapters {
		c.write(s)
	}
	return Check(operator, s.journal)
}

func TestObserverIsContentWithAGoodStory(t *testing.T) {
	if found := observe(goodStory()).Found(); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// TestObserverFindsEachBreach changes the good story in one place, and expects the one invariant that this breaks.
func TestObserverFindsEachBreach(t *testing.T) {
	write := func(actor string, verb memapi.Verb, kind string, obj client.Object) func(*story) {
		return by(actor, verb, kind, func() client.Object { return obj })
	}
	for _, c := range []struct {
		what, breaks string
		change       func([]chapter) []chapter
	}{
		{"nobody signed", "I1", without("signs")},
		{"the requester signed", "I1", replace("signs", write("dave", memapi.Create, "Approval", approval("dave", v1alpha1.DecisionApproved)))},
		{"somebody rejected", "I1", after("signs", write("bob", memapi.Create, "Approval", approval("bob", v1alpha1.DecisionRejected)))},
		{"a gate's Job never completed", "I1", without("stress passes")},
		{"the stress gate never ran", "I1", replace("passed", write(operator, memapi.Create, "ReleaseRecord", unstressed()))},
		{"a foreign digest is allowed", "I1", replace("pins", write(operator, memapi.Update, "Namespace", open(repo+"@sha256:evil")))},
		{"a foreign digest runs", "I1", replace("runs", write("kubelet", memapi.Create, "Pod", pod(production, "b", "sha256:evil")))},
		{"the promotion changes its images", "I2", after("test is passed", write(operator, memapi.UpdateStatus, "Promotion", otherImages()))},
		{"another digest ran while the test began", "I2", replace("tested pod", write("kubelet", memapi.Create, "Pod", pod(testing1, "a", oldDigest)))},
		{"two hold one slot", "I3", replace("claims test", write(operator, memapi.UpdateStatus, "Environment", environment(testing1, v1alpha1.TierTest, promoted, "other")))},
		{"a promotion is robbed of its slot", "I3", after("claims test", func(s *story) {
			s.write(operator, memapi.UpdateStatus, "Environment", environment(testing1, v1alpha1.TierTest))
			s.write("restore", memapi.UpdateStatus, "Environment", environment(testing1, v1alpha1.TierTest, promoted))
		})},
		{"a workload is touched for somebody else", "I3", replace("touch", write(operator, memapi.Update, "Service", deployment("hash:other")))},
		{"a Job is made twice", "I6", after("functional passes", write(operator, memapi.Create, "Job", job("Functional")))},
		{"a record is changed", "I5", after("passed", write("mallory", memapi.Update, "ReleaseRecord", rewritten()))},
		{"a record does not carry the hash before it", "I5", replace("passed", write(operator, memapi.Create, "ReleaseRecord", record(testing1, "passed", v1alpha1.ResultPassed, nil)))},
		{"a state goes back", "I7", after("test is passed", write(operator, memapi.UpdateStatus, "Promotion", promotion(v1alpha1.StateWaiting, v1alpha1.StateWaiting)))},
		{"a promotion enters during a freeze", "freeze", replace("claims production", write(operator, memapi.UpdateStatus, "Environment", frozen()))},
		{"writes never end", "I8", after("waits", chatter)},
	} {
		t.Run(c.what, func(t *testing.T) {
			found := observe(c.change(goodStory())).Found()
			if len(found) == 0 {
				t.Fatalf("nothing found, want %s broken", c.breaks)
			}
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Invariant == c.breaks }) {
				t.Errorf("found %v, want %s broken", found, c.breaks)
			}
			for _, v := range found {
				if v.Invariant != c.breaks {
					t.Errorf("found %s as well", v)
				}
			}
		})
	}
}

// frozen is production with a promotion at work, in a freeze that lasts for ever.
func frozen() *v1alpha1.Environment {
	env := environment(production, v1alpha1.TierProduction, promoted)
	from, to := metav1.NewTime(time.Unix(1_700_000_000, 0)), metav1.NewTime(time.Unix(1_800_000_000, 0))
	env.Spec.Freezes = []v1alpha1.Freeze{{Name: "audit", FromTime: &from, ToTime: &to}}
	return env
}

// unstressed is the record of a pass without the stress gate.
func unstressed() *v1alpha1.ReleaseRecord {
	r := record(testing1, "passed", v1alpha1.ResultPassed, record(testing1, "adopted", v1alpha1.ResultAdopted, nil))
	r.Spec.Gates = r.Spec.Gates[:1]
	return r
}

// open is production with what it should have, and one reference more.
func open(reference string) *corev1.Namespace {
	ns := namespace(production, repo+"@"+newDigest)
	ns.Annotations[v1alpha1.ImagesAnnotation] += " " + reference
	return ns
}

func otherImages() *v1alpha1.Promotion {
	p := promotion(v1alpha1.StatePassed, v1alpha1.StateWaiting)
	p.Status.Images, p.Status.ReleaseHash = image(oldDigest), hash(oldDigest)
	return p
}

// rewritten is the record of a pass with another message.
func rewritten() *v1alpha1.ReleaseRecord {
	r := record(testing1, "passed", v1alpha1.ResultPassed, record(testing1, "adopted", v1alpha1.ResultAdopted, nil))
	r.Spec.Message = "nothing to see"
	return r
}

func chatter(s *story) {
	for n := range 1000 {
		p := promotion(v1alpha1.StateWaiting, v1alpha1.StateWaiting)
		p.Status.Message = fmt.Sprint(n)
		s.write(operator, memapi.UpdateStatus, "Promotion", p)
	}
}

// TestRest asks at the end for what I4 demands.
func TestRest(t *testing.T) {
	silent := promotion(v1alpha1.StateWaiting, v1alpha1.StateWaiting)
	silent.Status.Environments[0].Reasons = nil
	busy := promotion(v1alpha1.StateDeploying, v1alpha1.StateWaiting)
	busy.Status.Environments[0].Reasons = []v1alpha1.Reason{{Type: v1alpha1.ReasonRollingOut, Message: "rolls out"}}
	unmarked := promotion(v1alpha1.StateWaiting)
	unmarked.Status.Outcome = v1alpha1.OutcomeSucceeded
	for what, p := range map[string]*v1alpha1.Promotion{"says no reason": silent, "rolls out for ever": busy, "is not marked": unmarked} {
		t.Run(what, func(t *testing.T) {
			o := observe([]chapter{{"p", by("dave", memapi.Create, "Promotion", func() client.Object { return p })}})
			o.CheckRest()
			if found := o.Found(); len(found) == 0 || found[0].Invariant != "I4" {
				t.Errorf("found %v, want I4 broken", found)
			}
		})
	}
	left := observe([]chapter{{"e", by(operator, memapi.Create, "Environment", func() client.Object {
		return environment(testing1, v1alpha1.TierTest, "uid-gone")
	})}})
	left.CheckRest()
	if !slices.ContainsFunc(left.Found(), func(v Violation) bool { return v.Invariant == "I4" }) {
		t.Error("a slot that nobody needs was not found")
	}
}
