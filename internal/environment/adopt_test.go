package environment

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func TestAdoptsWhatRunsWithoutChangingIt(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("a"))
	w.runs("api", api+":v1", digest("a"), digest("a"))
	w.runs("cache", "redis:7", digest("f"))
	w.settle()
	w.expect("Accepted=True/Accepted", "Adopted=True/Adopted", "Locked=True/Enforced", "Converged=True/Converged", "Ready=True/Ready", "Reconciling=absent", "Stalled=absent")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, api+"@"+digest("a"))
	w.expectAnnotation(v1alpha1.AdoptedAnnotation, api+":v1="+digest("a"))
	w.expectAnnotation(v1alpha1.OwnersAnnotation, api+"=shop/checkout")
	w.expectAnnotation(v1alpha1.OthersAnnotation, "redis:7")
	w.expectAnnotation(v1alpha1.UnmanagedAnnotation, "Deny")
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
	if lock := w.enforced().Lock; lock != v1alpha1.LockEnforce {
		t.Errorf("lock is %s", lock)
	}
	if len(w.snapshot.Records) != 1 || w.snapshot.Records[0].Spec.Result != v1alpha1.ResultAdopted {
		t.Errorf("want one record Adopted, have %+v", w.snapshot.Records)
	}
	if w.pins != 1 || w.statuses != 1 {
		t.Errorf("adoption took %d pins and %d status writes, want one each", w.pins, w.statuses)
	}
}

func TestAdoption(t *testing.T) {
	index, other := digest("1d"), digest("2d")
	platform := digest("aa")
	for _, c := range []struct {
		name, reason string
		prepare      func(*world)
		adopted      string
		pins         string
		unresolved   bool
	}{
		{
			name: "nothing runs", reason: v1alpha1.ReasonNothingRan, prepare: func(*world) {},
		}, {
			name: "scenario 3: two tags on purpose keep their own digests, and nothing is pinned", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "v0", digest("0"))
				w.has(api, "v1", digest("1"))
				w.runs("api", api+":v1", digest("1"))
				w.runs("api-lts", api+":v0", digest("0"))
			},
			adopted: api + ":v0=" + digest("0") + " " + api + ":v1=" + digest("1"),
		}, {
			name: "scenario 14: a pod reports its platform's manifest; the index is pinned", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "v1", index, platform, digest("bb"))
				w.runs("api", api+":v1", platform, digest("bb"))
			},
			adopted: api + ":v1=" + index, pins: api + "@" + index,
		}, {
			name: "scenario 14: the tag moved on, and a platform's manifest is never pinned", reason: v1alpha1.ReasonPlatformDigestOnly, unresolved: true,
			prepare: func(w *world) {
				w.has(api, "v1", other, digest("cc"))
				w.has(api, platform, platform)
				w.runs("api", api+":v1", platform)
			},
		}, {
			name: "the tag moved on, and the index that runs is still there", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "v1", other, digest("cc"))
				w.has(api, index, index, platform)
				w.runs("api", api+":v1", index)
			},
			adopted: api + ":v1=" + index, pins: api + "@" + index,
		}, {
			name: "the tag moved on in a repository without indexes", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "latest", digest("2"))
				w.has(api, digest("1"), digest("1"))
				w.runs("api", api, digest("1"))
			},
			adopted: api + "=" + digest("1"), pins: api + "@" + digest("1"),
		}, {
			name: "no pod says what runs: the tag does", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "v1", digest("1"))
				w.runs("nightly", api+":v1")
			},
			adopted: api + ":v1=" + digest("1"), pins: api + "@" + digest("1"),
		}, {
			name: "an exact string is its own pin", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, digest("1"), digest("1"))
				w.runs("api", api+"@"+digest("1"), digest("1"))
			},
			pins: api + "@" + digest("1"),
		}, {
			name: "scenario 23: one string, several digests", reason: v1alpha1.ReasonMixedDigests, unresolved: true,
			prepare: func(w *world) {
				w.has(api, "v1", digest("1"))
				w.has(api, digest("2"), digest("2"))
				w.runs("api", api+":v1", digest("1"), digest("2"))
			},
		}, {
			name: "scenario 23: gone from the registry", reason: v1alpha1.ReasonDigestNotInRegistry, unresolved: true,
			prepare: func(w *world) { w.runs("api", api+":v1", digest("1")) },
		}, {
			name: "the registry does not answer", reason: v1alpha1.ReasonRegistryUnavailable, unresolved: true,
			prepare: func(w *world) {
				w.registry[api+" v1"] = Answer{Reason: v1alpha1.ReasonRegistryUnavailable, Message: "timeout"}
				w.runs("api", api+":v1", digest("1"))
			},
		}, {
			name: "scenario 44: a workload that is to be left alone keeps its version, and does not decide the pin", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "blue", digest("b"))
				w.has(api, "v1", digest("1"))
				w.runs("api", api+":v1", digest("1"))
				w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: api + ":blue", Where: "Deployment blue", Ignored: true})
			},
			adopted: api + ":blue=" + digest("b") + " " + api + ":v1=" + digest("1"), pins: api + "@" + digest("1"),
		}, {
			name: "a pod of nobody whose image is gone hinders nothing", reason: v1alpha1.ReasonAdopted,
			prepare: func(w *world) {
				w.has(api, "v1", digest("1"))
				w.runs("api", api+":v1", digest("1"))
				w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: api + ":debug", Digest: digest("d"), Where: "Pod debug", Source: SourceOther})
			},
			adopted: api + ":v1=" + digest("1"), pins: api + "@" + digest("1"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			w.settle()
			w.expectAnnotation(v1alpha1.AdoptedAnnotation, c.adopted)
			w.expectAnnotation(v1alpha1.PinsAnnotation, c.pins)
			if c.unresolved {
				w.expect("Accepted=True/Accepted", "Adopted=False/"+c.reason, "Locked=False/NotAdopted", "Ready=False/"+c.reason, "Reconciling=True/"+c.reason)
				if lock := w.enforced().Lock; lock != v1alpha1.LockAudit {
					t.Errorf("lock is %q, want Audit until adoption is complete", lock)
				}
				if w.enforced().Owners[api] != "" || len(w.snapshot.Records) > 0 {
					t.Error("what could not be resolved must not be owned or recorded")
				}
				return
			}
			w.expect("Adopted=True/"+c.reason, "Locked=True/Enforced", "Ready=True/Ready", "Converged=True/Converged", "Reconciling=absent")
		})
	}
}

func TestScenario23LockFollowsOnceMended(t *testing.T) {
	w := newWorld(t)
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.expect("Locked=False/NotAdopted")
	if plan := w.decide(); len(plan.Questions) == 0 {
		t.Error("what the registry did not have has to be asked again")
	}
	w.has(api, "v1", digest("1"))
	w.settle()
	w.expect("Adopted=True/Adopted", "Locked=True/Enforced", "Ready=True/Ready")
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
}

func TestLockOffIsReadyThoughNotAdopted(t *testing.T) {
	w := newWorld(t)
	w.snapshot.Environment.Spec.Tier = v1alpha1.TierDevelopment
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.expect("Adopted=False/DigestNotInRegistry", "Locked=False/Off", "Ready=True/Ready")
	if lock := w.enforced().Lock; lock != v1alpha1.LockOff {
		t.Errorf("lock is %q: tags are pinned under Off too", lock)
	}
}

func TestScenario1TwoPipelinesAreIndependent(t *testing.T) {
	w := newWorld(t)
	w.pipeline("jobs", worker)
	w.has(api, "v1", digest("1"))
	w.has(worker, "v7", digest("7"))
	w.runs("api", api+":v1", digest("1"))
	w.runs("worker", worker+":v7", digest("7"))
	w.settle()
	w.expectAnnotation(v1alpha1.OwnersAnnotation, api+"=shop/checkout "+worker+"=shop/jobs")
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
	w.expectState("shop/jobs", v1alpha1.DeliveryCurrent)
	if len(w.snapshot.Records) != 2 {
		t.Errorf("want a record of each pipeline, have %d", len(w.snapshot.Records))
	}
}

func TestScenario2FirstAdmittedOwns(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.pipeline("also", api)
	w.settle()
	if owner := w.enforced().Owners[api]; owner != "shop/checkout" {
		t.Errorf("owner is %s", owner)
	}
	reason := promotion.Admission(w.snapshot.Environment, w.snapshot.Namespace, v1alpha1.PipelineReference{Namespace: "shop", Name: "also"}, []string{api})
	if reason.Type != v1alpha1.ReasonRepositoryOwnedByOther {
		t.Errorf("the other is told %q", reason.Type)
	}
}

func TestRepositoryAddedLaterIsAdoptedUnderTheLock(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.runs("worker", worker+":v7", digest("7"))
	w.settle()
	w.expectAnnotation(v1alpha1.OthersAnnotation, worker+":v7")

	w.later()
	w.registry[worker+" v7"] = Answer{Reason: v1alpha1.ReasonRegistryUnavailable, Message: "down"}
	p := w.snapshot.Pipelines[0].DeepCopy()
	p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{Name: "worker", Repository: worker})
	w.snapshot.Pipelines[0] = p
	w.settle()
	w.expect("Adopted=False/RegistryUnavailable", "Locked=True/Enforced", "Ready=False/RegistryUnavailable")

	w.has(worker, "v7", digest("7"))
	w.settle()
	w.expect("Adopted=True/Adopted", "Locked=True/Enforced", "Ready=True/Ready")
	w.expectAnnotation(v1alpha1.OthersAnnotation, "")
	stable := promotion.Stable(w.snapshot.Records, space)
	if len(w.snapshot.Records) != 2 || len(stable.Spec.Images) != 2 {
		t.Errorf("want a second record that holds both images, have %+v", stable.Spec.Images)
	}
	if entry := w.snapshot.Environment.Status.Pipelines[0]; entry.ReleaseHash != stable.Spec.ReleaseHash {
		t.Errorf("the entry says %s, the record %s", entry.ReleaseHash, stable.Spec.ReleaseHash)
	}
	if stable.Spec.PreviousHash == "" {
		t.Error("the record does not name the one before")
	}
}

func TestRepositoryAddedLaterDoesNotBlessAFailedRelease(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.later()
	w.promoted(digest("2"), v1alpha1.ResultFailed, v1alpha1.DeliveryHeld)
	w.snapshot.Sightings = nil
	w.runs("api", api+"@"+digest("2"), digest("2"))
	w.settle()
	w.expectState("shop/checkout", v1alpha1.DeliveryHeld)

	w.later()
	p := w.snapshot.Pipelines[0].DeepCopy()
	p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{Name: "worker", Repository: worker})
	w.snapshot.Pipelines[0] = p
	w.has(worker, "v7", digest("7"))
	w.runs("worker", worker+":v7", digest("7"))
	w.settle()
	stable := promotion.Stable(w.snapshot.Records, space)
	if got := referenceIn(stable, api); got != api+"@"+digest("1") {
		t.Errorf("a rollback would go to %s", got)
	}
}

func TestAdoptionWaitsForThePromotionAtWork(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.hold("shop/checkout", digest("2"))
	p := w.snapshot.Pipelines[0].DeepCopy()
	p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{Name: "worker", Repository: worker})
	w.snapshot.Pipelines[0] = p
	w.runs("worker", worker+":v7", digest("7"))
	if plan := w.decide(); len(plan.Effects) > 0 || len(plan.Questions) > 0 {
		t.Errorf("want nothing while a promotion is at work, have %+v %+v", plan.Effects, plan.Questions)
	}
}

func TestShortNamesOfDockerHubAreTheSameRepository(t *testing.T) {
	for image, want := range map[string]string{
		"nginx:1": "docker.io/library/nginx", "shop/api": "docker.io/shop/api", "index.docker.io/shop/api:v1": "docker.io/shop/api",
		"Registry.Example.com:443/shop/api@" + digest("1"): api, "localhost/x:1": "localhost/x", "host:5000/x": "host:5000/x", api + ":v1@" + digest("1"): api,
	} {
		if got := Repository(image); got != want {
			t.Errorf("%s is of %s, want %s", image, got, want)
		}
	}
	if tag := tagOf("host:5000/x"); tag != "latest" {
		t.Errorf("tag is %s", tag)
	}
}

func TestTagAndDigestStaysAllowedAsText(t *testing.T) {
	w := newWorld(t)
	text := api + ":v1@" + digest("1")
	w.has(api, digest("1"), digest("1"))
	w.runs("api", text, digest("aa"))
	w.settle()
	if images := strings.Join(w.enforced().Images, " "); !strings.Contains(images, text) {
		t.Errorf("pods that name %s could not start: %s", text, images)
	}
	w.expect("Converged=True/Converged")
}
