package environment

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const (
	api    = "registry.example.com/shop/api"
	worker = "registry.example.com/shop/worker"
	space  = "shop-prod"
)

// digest makes a digest of a letter or two.
func digest(name string) string {
	return "sha256:" + strings.Repeat("0", 64-len(name)) + name
}

// world is a namespace, a registry and the API server around a decider.
type world struct {
	t        *testing.T
	snapshot Snapshot
	// registry by repository:reference.
	registry map[string]Answer
	// pins and statuses written.
	pins, statuses int
	events         []string
}

// newWorld holds a Production Environment that admits shop/checkout with everything below registry.example.com/shop/.
func newWorld(t *testing.T) *world {
	t.Helper()
	env := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: v1alpha1.EnvironmentName, UID: "env", Generation: 1, ResourceVersion: "1"},
		Spec: v1alpha1.EnvironmentSpec{
			Tier:      v1alpha1.TierProduction,
			Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: "shop", Name: "*", Repositories: []string{"registry.example.com/shop/"}}},
		},
	}
	w := &world{t: t, registry: map[string]Answer{}}
	w.snapshot = Snapshot{
		Now: time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC), Environment: env, Permitted: true,
		Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: space, ResourceVersion: "1"}},
	}
	w.pipeline("checkout", api)
	return w
}

func (w *world) pipeline(name string, repositories ...string) *v1alpha1.DeliveryPipeline {
	p := &v1alpha1.DeliveryPipeline{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(w.snapshot.Now.Add(time.Duration(len(w.snapshot.Pipelines)) * time.Minute)),
	}}
	p.Spec.Environments = []v1alpha1.PipelineEnvironment{{Name: "prod", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: space}}}
	for _, r := range repositories {
		p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{Name: r[strings.LastIndex(r, "/")+1:], Repository: r})
	}
	w.snapshot.Pipelines = append(w.snapshot.Pipelines, p)
	return p
}

// has puts an image into the registry: a tag or digest that stands for a digest, perhaps of an index.
func (w *world) has(repository, reference, digest string, platforms ...string) {
	w.registry[repository+" "+reference] = Answer{Digest: digest, Platforms: platforms}
	if reference != digest {
		w.registry[repository+" "+digest] = Answer{Digest: digest, Platforms: platforms}
	}
}

// runs puts a Deployment with one image and one pod for each digest into the namespace.
func (w *world) runs(name, image string, digests ...string) {
	w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: image, Where: "Deployment " + name, Source: SourceTemplate})
	for i, d := range digests {
		w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: image, Digest: d, Where: fmt.Sprintf("Pod %s-%d", name, i), Source: SourcePod})
	}
}

func (w *world) answer(q Question) Answer {
	if a, known := w.registry[q.Repository+" "+q.Reference]; known {
		return a
	}
	return Answer{Reason: v1alpha1.ReasonTagNotFound, Message: "not found"}
}

// decide answers questions until the plan has none that are open, as the controller does.
func (w *world) decide() Plan {
	w.snapshot.Answers = map[Question]Answer{}
	plan := Decide(w.snapshot)
	for range 3 {
		for _, q := range plan.Questions {
			w.snapshot.Answers[q] = w.answer(q)
		}
		plan = Decide(w.snapshot)
	}
	return plan
}

// settle carries plans out until nothing is left to do, and fails if that does not come to an end at once.
func (w *world) settle() {
	w.t.Helper()
	w.carryOut(w.decide())
	again := w.decide()
	if len(again.Effects) > 0 || !equality.Semantic.DeepEqual(again.Status, w.snapshot.Environment.Status) {
		w.t.Fatalf("a second pass must have nothing left to do; it wants %+v\nand status %+v\nhaving       %+v", again.Effects, again.Status, w.snapshot.Environment.Status)
	}
}

func (w *world) carryOut(plan Plan) {
	w.t.Helper()
	for _, effect := range plan.Effects {
		switch e := effect.(type) {
		case promotion.Pin:
			w.pin(e)
		case promotion.CreateRecord:
			r := e.Record.DeepCopy()
			r.CreationTimestamp = metav1.NewTime(w.snapshot.Now.Truncate(time.Second))
			w.snapshot.Records = append(w.snapshot.Records, r)
		default:
			w.t.Fatalf("unexpected effect %T", effect)
		}
	}
	if !equality.Semantic.DeepEqual(plan.Status, w.snapshot.Environment.Status) {
		w.statuses++
		w.snapshot.Environment = w.snapshot.Environment.DeepCopy()
		w.snapshot.Environment.Status = plan.Status
	}
	for _, e := range plan.Events {
		w.events = append(w.events, e.Reason)
	}
}

func (w *world) pin(e promotion.Pin) {
	w.t.Helper()
	if e.ResourceVersion != w.snapshot.Namespace.ResourceVersion {
		w.t.Fatalf("pin rests on version %s, the Namespace has %s", e.ResourceVersion, w.snapshot.Namespace.ResourceVersion)
	}
	w.pins++
	ns := w.snapshot.Namespace.DeepCopy()
	ns.ResourceVersion += "0"
	ns.Labels, ns.Annotations = e.Copy.Labels(), e.Copy.Annotations()
	empty := func(_, value string) bool { return value == "" }
	maps.DeleteFunc(ns.Labels, empty)
	maps.DeleteFunc(ns.Annotations, empty)
	w.snapshot.Namespace = ns
}

func (w *world) enforced() promotion.EnforcedCopy {
	return promotion.ParseEnforced(w.snapshot.Namespace)
}

// expect compares conditions, written as Type=Status/Reason.
func (w *world) expect(conditions ...string) {
	w.t.Helper()
	for _, wanted := range conditions {
		conditionType, rest, _ := strings.Cut(wanted, "=")
		c := find(w.snapshot.Environment.Status.Conditions, conditionType)
		switch {
		case c == nil && rest != "absent":
			w.t.Errorf("condition %s is absent, want %s", conditionType, rest)
		case c != nil && string(c.Status)+"/"+c.Reason != rest:
			w.t.Errorf("condition %s is %s/%s (%s), want %s", conditionType, c.Status, c.Reason, c.Message, rest)
		}
	}
}

func (w *world) expectAnnotation(key, value string) {
	w.t.Helper()
	if got := w.snapshot.Namespace.Annotations[key]; got != value {
		w.t.Errorf("annotation %s:\n got %q\nwant %q", key, got, value)
	}
}

func (w *world) expectState(pipeline string, state v1alpha1.DeliveryState) {
	w.t.Helper()
	for _, e := range w.snapshot.Environment.Status.Pipelines {
		if e.Pipeline == pipeline {
			if e.State != state {
				w.t.Errorf("pipeline %s is %s, want %s", pipeline, e.State, state)
			}
			return
		}
	}
	if state != "" {
		w.t.Errorf("pipeline %s has no entry, want %s", pipeline, state)
	}
}

// later lets time pass.
func (w *world) later() { w.snapshot.Now = w.snapshot.Now.Add(time.Hour) }
