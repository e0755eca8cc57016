package environment

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const mirror = "mirror.example.com/eu/api"

func mirrored(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.snapshot.Environment.Spec.Repositories = []v1alpha1.RepositoryMirror{{From: "registry.example.com/shop/", To: "mirror.example.com/eu/"}}
	return w
}

func TestAdoptsWhatRunsFromTheMirror(t *testing.T) {
	w := mirrored(t)
	w.has(mirror, "v1", digest("a")) // the registry of the pipeline's own name has nothing
	w.runs("api", mirror+":v1", digest("a"))
	w.settle()
	w.expect("Adopted=True/Adopted", "Locked=True/Enforced", "Converged=True/Converged", "Ready=True/Ready")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"="+mirror+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, mirror+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.AdoptedAnnotation, mirror+":v1="+digest("a"))
	w.expectAnnotation(v1alpha1.OwnersAnnotation, api+"=shop/checkout")
	w.expectAnnotation(v1alpha1.MirrorsAnnotation, api+"="+mirror)
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
	if images := w.snapshot.Records[0].Spec.Images; len(images) != 1 || images[0].Repository != api || images[0].Digest != digest("a") {
		t.Errorf("the record names %v, and not what the pipeline calls it", images)
	}
}

// What was not pulled from the mirror yet goes on from where it came.
func TestAdoptsWhatRunsBesideTheMirror(t *testing.T) {
	w := mirrored(t)
	w.has(api, "v1", digest("a"))
	w.runs("api", api+":v1", digest("a"))
	w.settle()
	w.expect("Adopted=True/Adopted", "Locked=True/Enforced", "Converged=True/Converged")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, api+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.MirrorsAnnotation, api+"="+mirror)

	// One digest under both names is one digest.
	w = mirrored(t)
	w.has(api, "v1", digest("a"))
	w.has(mirror, "v1", digest("a"))
	w.runs("api", api+":v1", digest("a"))
	w.runs("copy", mirror+":v1", digest("a"))
	w.settle()
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"="+mirror+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, mirror+"@"+digest("a")+" "+api+"@"+digest("a"))
}

func TestTheMirrorLacksWhatRunsFromIt(t *testing.T) {
	w := mirrored(t)
	w.has(api, "v1", digest("a"))
	w.runs("api", mirror+"@"+digest("a"), digest("a"))
	w.settle()
	w.expect("Adopted=False/DigestNotInRegistry")
	if message := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionAdopted).Message; !strings.Contains(message, "of "+mirror+" any more") {
		t.Errorf("%q does not name the mirror", message)
	}
}

// A mirror that is added, changed or taken away moves nothing that runs, and nothing that runs becomes unknown.
func TestTheMirrorChanges(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("a"))
	w.runs("api", api+":v1", digest("a"))
	w.settle()
	for _, to := range []string{"mirror.example.com/eu/", "other.example.com/x/", ""} {
		w.snapshot.Environment = w.snapshot.Environment.DeepCopy()
		w.snapshot.Environment.Spec.Repositories = nil
		want := ""
		if to != "" {
			w.snapshot.Environment.Spec.Repositories = []v1alpha1.RepositoryMirror{{From: "registry.example.com/shop/", To: to}}
			want = api + "=" + to + "api"
		}
		w.snapshot.Environment.Generation++
		w.settle()
		w.expect("Adopted=True/Adopted", "Locked=True/Enforced", "Converged=True/Converged")
		w.expectAnnotation(v1alpha1.MirrorsAnnotation, want)
		w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("a"))
		w.expectAnnotation(v1alpha1.ImagesAnnotation, api+"@"+digest("a"))
	}
	if strings.Contains(strings.Join(w.events, " "), v1alpha1.ReasonNamespaceAltered) {
		t.Errorf("events %v: nobody altered anything", w.events)
	}
}

func TestDriftUnderAMirror(t *testing.T) {
	w := mirrored(t)
	w.has(mirror, "v1", digest("a"))
	w.runs("api", mirror+":v1", digest("a"))
	w.settle()
	w.snapshot.Sightings = nil
	w.runs("api", api+"@"+digest("a"), digest("a")) // the same content under the other name
	w.settle()
	w.expect("Converged=True/Converged")
	w.snapshot.Sightings = nil
	w.runs("api", mirror+"@"+digest("b"), digest("b"))
	w.settle()
	w.expectState("shop/checkout", v1alpha1.DeliveryDrifted)
}

func TestACopyThatWasLostIsRestoredUnderTheMirror(t *testing.T) {
	w := mirrored(t)
	w.has(mirror, "v1", digest("a"))
	w.runs("api", mirror+":v1", digest("a"))
	w.settle()
	w.snapshot.Namespace = w.snapshot.Namespace.DeepCopy()
	w.snapshot.Namespace.Labels, w.snapshot.Namespace.Annotations = nil, nil
	w.settle()
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"="+mirror+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, mirror+"@"+digest("a"))
}

// Audit refuses nothing; what it let in stands in the Environment.
func TestWhatAuditLetIn(t *testing.T) {
	w := newWorld(t)
	w.snapshot.Environment.Spec.Lock = v1alpha1.LockAudit
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.expect("Locked=False/Auditing", "Converged=True/Converged")
	see := func(image string, source Source) {
		w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: image, Where: "Pod x", Source: source})
	}
	see(api+"@"+digest("bad"), SourceOther)
	see("nginx:1", SourceOther)
	w.settle()
	w.expect("Converged=False/AuditedImagesRun")
	message := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionConverged).Message
	for _, want := range []string{api + "@" + digest("bad"), "nginx:1", "allowedImages: [nginx:1]"} {
		if !strings.Contains(message, want) {
			t.Errorf("%q does not say %q", message, want)
		}
	}
	w.snapshot.Sightings = w.snapshot.Sightings[:2]
	w.settle()
	w.expect("Converged=True/Converged")
}

func TestProposals(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.runs("proxy", "registry.example.com/mesh/proxy:3", digest("f"))
	w.runs("cache", "redis:7", digest("f"))
	w.settle()
	adopted := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionAdopted)
	if want := "allowedImages: [redis:7, registry.example.com/mesh/proxy:3]"; !strings.Contains(adopted.Message, want) {
		t.Errorf("%q does not propose %q", adopted.Message, want)
	}
	w.runs("late", "busybox:1", digest("e"))
	w.runs("odd", "Registry.example.com/x:1", digest("e"))
	w.settle()
	converged := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionConverged)
	if want := "allowedImages: [busybox:1]"; !strings.Contains(converged.Message, want) || !strings.Contains(converged.Message, "Registry.example.com/x:1") {
		t.Errorf("%q does not propose %q", converged.Message, want)
	}
}

// The mirror itself is nobody's repository: it stands for another.
func TestAPipelineThatListsTheMirrorOwnsNothing(t *testing.T) {
	w := mirrored(t)
	w.snapshot.Environment.Spec.Pipelines[0].Repositories = append(w.snapshot.Environment.Spec.Pipelines[0].Repositories, "mirror.example.com/eu/")
	w.pipeline("other", mirror)
	w.has(mirror, "v1", digest("a"))
	w.runs("api", mirror+":v1", digest("a"))
	w.settle()
	w.expectAnnotation(v1alpha1.OwnersAnnotation, api+"=shop/checkout")
}
