package promotion_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

func ref[T any](value T) *T { return &value }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// atTheGate is a world in which v2 passed dev and test, and awaits sign-off in production.
func atTheGate(t *testing.T) *world {
	w := newWorld(t)
	w.promote("v2")
	return w.run()
}

// wantReasons compares what a promotion waits for in an environment.
func (w *world) wantReasons(name, environment string, want ...string) {
	w.t.Helper()
	if got := reasonTypes(w.at(name, environment)); !slices.Equal(got, want) {
		w.t.Errorf("%s waits in %s for %v, want %v", name, environment, got, want)
	}
}

// A case changes a world in which production waits for nothing but one signature, and says what it waits for then.
type gateCase struct {
	name   string
	reason string
	change func(*world)
	want   []string
}

func playGate(t *testing.T, cases []gateCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := atTheGate(t)
			c.change(w)
			w.run()
			if got := reasonTypes(w.at("checkout-v2", "prod")); !slices.Equal(got, c.want) {
				t.Errorf("%s: waits for %v, want %v", c.reason, got, c.want)
			}
		})
	}
}

func TestAdmission(t *testing.T) {
	prod := func(change func(*promotion.Site)) func(*world) {
		return func(w *world) { change(w.sites["shop-prod"]) }
	}
	other := v1alpha1.AdmittedPipeline{Namespace: "shop", Name: "other", Repositories: []string{RegistryPrefix}}
	admit := func(repositories ...string) func(*world) {
		return prod(func(s *promotion.Site) {
			s.Environment.Spec.Pipelines = []v1alpha1.AdmittedPipeline{{Namespace: "shop", Name: "*", Repositories: repositories}}
		})
	}
	playGate(t, []gateCase{
		{"everything there", "nothing but the signature is missing", func(*world) {}, []string{"ApprovalsMissing"}},
		{"the environment admits somebody else only", "consent is the environment's", prod(func(s *promotion.Site) {
			s.Environment.Spec.Pipelines = []v1alpha1.AdmittedPipeline{other}
		}), []string{"NotAdmitted", "ApprovalsMissing"}},
		{"a star admits every pipeline of the namespace", "", admit(RegistryPrefix), []string{"ApprovalsMissing"}},
		{"an exact repository admits", "", admit(Repository("api")), []string{"ApprovalsMissing"}},
		{"a prefix without a slash is an exact repository", "registry.example.com/shop would admit registry.example.com/shopping",
			admit("registry.example.com/shop"), []string{"RepositoryNotAdmitted", "ApprovalsMissing"}},
		{"another repository is admitted", "", admit("registry.example.com/mesh/"), []string{"RepositoryNotAdmitted", "ApprovalsMissing"}},
		{"scenario 2: the repository belongs to another pipeline", "the first admitted owns it", prod(func(s *promotion.Site) {
			c := promotion.ParseEnforced(s.Namespace)
			c.Owners[Repository("api")] = "shop/other"
			Enforce(s.Namespace, c)
		}), []string{"RepositoryOwnedByOther", "ApprovalsMissing"}},
		{"no RoleBinding lets the operator in", "", prod(func(s *promotion.Site) { s.Permitted = false }), []string{"PermissionMissing", "ApprovalsMissing"}},
		{"the environment is not ready", "policies may be missing", prod(func(s *promotion.Site) {
			for i, c := range s.Environment.Status.Conditions {
				if c.Type == v1alpha1.ConditionReady {
					s.Environment.Status.Conditions[i].Status = metav1.ConditionFalse
				}
			}
		}), []string{"EnvironmentNotReady", "ApprovalsMissing"}},
		{"the namespace is terminating", "", prod(func(s *promotion.Site) { s.Namespace.DeletionTimestamp = ref(At(0)) }),
			[]string{"EnvironmentTerminating", "ApprovalsMissing"}},
		{"the Environment was deleted", "", prod(func(s *promotion.Site) { s.Environment.DeletionTimestamp = ref(At(0)) }),
			[]string{"EnvironmentTerminating", "ApprovalsMissing"}},
		{"the slot is taken", "I3", prod(func(s *promotion.Site) {
			s.Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: PipelineKey, PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "x", UID: "x"}}}
		}), []string{"ApprovalsMissing", "EnvironmentBusy"}},
		{"scenario 1: another pipeline is at work here", "pipelines are independent", prod(func(s *promotion.Site) {
			s.Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: "shop/other", PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "x", UID: "x"}}}
		}), []string{"ApprovalsMissing"}},
		{"another pipeline is at work in an Exclusive environment", "", prod(func(s *promotion.Site) {
			s.Environment.Spec.Concurrency = v1alpha1.ConcurrencyExclusive
			s.Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: "shop/other", PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "x", UID: "x"}}}
		}), []string{"ApprovalsMissing", "EnvironmentBusy"}},
		{"no workload runs the image", "a named wait before the claim", prod(func(s *promotion.Site) { s.Workloads = nil }), []string{"ApprovalsMissing", "WorkloadsMissing"}},
		{"scenario 44: the only workload is to be left alone", "", prod(func(s *promotion.Site) { s.Workloads[0].Ignored = true }),
			[]string{"ApprovalsMissing", "WorkloadsMissing"}},
		{"somebody else is rolling out", "", func(w *world) {
			w.broken[Digest("v1")] = true
			midRollout(w.sites["shop-prod"])
		}, []string{"ApprovalsMissing", "WorkloadRollingOut"}},
		{"the workload is merely broken", "the release that waits may be what mends it", prod(func(s *promotion.Site) {
			s.Workloads[0].Settled = false
			s.Workloads[0].Pods[0].Ready = false
		}), []string{"ApprovalsMissing"}},
		{"nobody is stamped as requester", "the policy was missing", func(w *world) { w.get("checkout-v2").Spec.RequestedBy.Username = "" },
			[]string{"RequesterUnknown", "ApprovalsMissing"}},
		{"scenario 33: a machine asks for nobody", "Production wants a person", func(w *world) {
			w.get("checkout-v2").Spec.RequestedBy.Username = "system:serviceaccount:ci:bot"
		}, []string{"RequesterUnknown", "ApprovalsMissing"}},
		{"scenario 33: a machine asks for a person", "", func(w *world) {
			p := w.get("checkout-v2")
			p.Spec.RequestedBy.Username, p.Spec.OnBehalfOf = "system:serviceaccount:ci:bot", []string{"dave"}
		}, []string{"ApprovalsMissing"}},
		{"scenario 9: requirements are raised while it waits", "the present Environment decides", prod(func(s *promotion.Site) {
			s.Environment.Spec.Requires = &v1alpha1.Requirements{Evidence: []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeSecurity}}}
		}), []string{"EvidenceMissing", "ApprovalsMissing"}},
		{"the inbox is full", "the schema holds 512", prod(func(s *promotion.Site) {
			s.Environment.Status.Awaiting = make([]v1alpha1.AwaitingPromotion, 512)
		}), []string{"InboxFull"}},
	})
}

// midRollout leaves pods of two releases side by side.
func midRollout(s *promotion.Site) {
	s.Workloads[0].Settled = false
	s.Workloads[0].Pods = append(slices.Clone(s.Workloads[0].Pods), promotion.Pod{
		Name: "odd", Images: []promotion.ContainerImage{{Container: "c0", Image: Image("api", "odd").Reference()}},
	})
}

func TestEnvironmentNotFound(t *testing.T) {
	w := newWorld(t)
	delete(w.sites, "shop-prod")
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "EnvironmentNotFound")
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction), Release("v1")...)
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
}

func TestScenario35TeamGatesAreRefusedInProduction(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Gate("prod", JobGate("own", v1alpha1.PurposeFunctional)).Obj()
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "TeamGatesRefused", "ApprovalsMissing")
}

func TestEvidence(t *testing.T) {
	record := func(change func(*v1alpha1.ReleaseRecord)) func(*world) {
		return func(w *world) {
			for _, r := range w.records {
				if r.Namespace == "shop-test" && r.Spec.Result == v1alpha1.ResultPassed {
					change(r)
				}
			}
		}
	}
	later := func(b *RecordBuilder) func(*world) {
		return func(w *world) { w.keep(b.Created(2 * time.Hour).Obj()) }
	}
	again := func() *RecordBuilder { return MakeRecord("shop-test", "again", Release("v2")...) }
	from := func(w *world, e v1alpha1.EvidenceRequirement) {
		w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Evidence: []v1alpha1.EvidenceRequirement{e}}
	}
	missing := []string{"EvidenceMissing", "ApprovalsMissing"}
	playGate(t, []gateCase{
		{"a gate is missing in the record", "every demanded purpose counts", record(func(r *v1alpha1.ReleaseRecord) { r.Spec.Gates = r.Spec.Gates[:1] }), missing},
		{"a gate of the record did not pass", "", record(func(r *v1alpha1.ReleaseRecord) { r.Spec.Gates[1].State = v1alpha1.GateInconclusive }), missing},
		{"scenario 34: a trivial gate of the team", "Production wants the platform's", record(func(r *v1alpha1.ReleaseRecord) {
			r.Spec.Gates[0].DeclaredBy = v1alpha1.DeclaredByAnyone
		}), missing},
		{"anyone's gate is enough where the Environment says so", "", func(w *world) {
			record(func(r *v1alpha1.ReleaseRecord) { r.Spec.Gates[0].DeclaredBy = v1alpha1.DeclaredByAnyone })(w)
			from(w, v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeFunctional, DeclaredBy: v1alpha1.DeclaredByAnyone})
		}, []string{"ApprovalsMissing"}},
		{"scenario 38: a later failure beats an earlier pass", "", later(again().Result(v1alpha1.ResultRolledBack)), []string{"EvidenceFailed", "EvidenceFailed", "ApprovalsMissing"}},
		{"a revocation beats an earlier pass", "", later(again().Result(v1alpha1.ResultRevoked)), []string{"EvidenceFailed", "EvidenceFailed", "ApprovalsMissing"}},
		{"a later pass with one gate only", "the newest record counts whole: runs are never mixed",
			later(again().Gate(v1alpha1.PurposeFunctional, v1alpha1.GatePassed, v1alpha1.DeclaredByPlatform)), missing},
		{"a failure of another release", "evidence is bound to the release", later(MakeRecord("shop-test", "other", Release("v3")...).Result(v1alpha1.ResultFailed)), []string{"ApprovalsMissing"}},
		{"a failure in dev", "dev does not count", later(MakeRecord("shop-dev", "other", Release("v2")...).Result(v1alpha1.ResultFailed)), []string{"ApprovalsMissing"}},
		{"test is not locked any more", "what was tested there may be anything", func(w *world) { w.sites["shop-test"].Environment.Spec.Lock = v1alpha1.LockAudit },
			[]string{"EvidenceMissing", "EvidenceMissing", "ApprovalsMissing"}},
		{"the lock of test is not in force", "", func(w *world) {
			for i := range w.sites["shop-test"].Environment.Status.Conditions {
				w.sites["shop-test"].Environment.Status.Conditions[i].Status = metav1.ConditionFalse
			}
		}, []string{"EvidenceMissing", "EvidenceMissing", "ApprovalsMissing"}},
		{"named environments count though they are not locked", "the platform team named them", func(w *world) {
			w.sites["shop-test"].Environment.Spec.Lock = v1alpha1.LockOff
			from(w, v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeStress, From: []v1alpha1.EnvironmentReference{{Namespace: "shop-test"}}})
		}, []string{"ApprovalsMissing"}},
		{"another environment is named", "", func(w *world) {
			from(w, v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeStress, From: []v1alpha1.EnvironmentReference{{Namespace: "shop-load"}}})
		}, missing},
		{"scenario 36: the evidence is too old", "", func(w *world) {
			from(w, v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeStress, MaxAgeSeconds: 60})
			w.wait(time.Minute)
		}, []string{"EvidenceExpired", "ApprovalsMissing"}},
		{"expired in one environment, fresh in another", "one that is fresh is enough", func(w *world) {
			from(w, v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeStress, MaxAgeSeconds: 7200})
			w.site(MakeEnvironment("shop-test2", v1alpha1.TierTest))
			w.keep(MakeRecord("shop-test2", "r", Release("v2")...).Created(3 * time.Hour).Proven().Obj())
			w.now = Epoch.Add(4 * time.Hour)
		}, []string{"ApprovalsMissing"}},
		{"no evidence is demanded on purpose", "", func(w *world) {
			w.records = slices.DeleteFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == "shop-test" })
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone}
		}, []string{"ApprovalsMissing"}},
	})
}

func TestNoPassedRecordAtAll(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev", "prod").Obj()
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "EvidenceMissing", "EvidenceMissing", "ApprovalsMissing")
}

// What the Promotion itself will bring is no news to its reader, and nothing to see to: one reason, in other words.
func TestEvidenceOnItsWay(t *testing.T) {
	w := newWorld(t)
	w.promote("v2")
	w.in("checkout-v2", "dev", v1alpha1.StateDeploying).wantReasons("checkout-v2", "prod", "PredecessorPending", "EvidenceMissing", "ApprovalsMissing")
	want := "rests on a passed Functional gate in test and a passed Stress gate in test, which this Promotion has yet to bring"
	if got := w.at("checkout-v2", "prod").Reasons[1].Message; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// Scenario 37: an edge to an environment that the Promotion leaves out.
func TestSubset(t *testing.T) {
	cases := []struct {
		name    string
		reason  string
		records []*v1alpha1.ReleaseRecord
		want    v1alpha1.EnvironmentState
	}{
		{"scenario 37: it never ran there", "", nil, v1alpha1.StateWaiting},
		{"scenario 37: it passed there", "", []*v1alpha1.ReleaseRecord{MakeRecord("shop-test", "a", Release("v2")...).Obj()}, v1alpha1.StatePassed},
		{"scenario 37: it passed there and failed later", "newer than any failure", []*v1alpha1.ReleaseRecord{
			MakeRecord("shop-test", "a", Release("v2")...).Obj(),
			MakeRecord("shop-test", "b", Release("v2")...).Created(time.Minute).Result(v1alpha1.ResultRolledBack).Obj(),
		}, v1alpha1.StateWaiting},
		{"scenario 37: it failed there and passed later", "", []*v1alpha1.ReleaseRecord{
			MakeRecord("shop-test", "a", Release("v2")...).Result(v1alpha1.ResultFailed).Obj(),
			MakeRecord("shop-test", "b", Release("v2")...).Created(time.Minute).Obj(),
		}, v1alpha1.StatePassed},
		{"scenario 37: another release passed there", "", []*v1alpha1.ReleaseRecord{MakeRecord("shop-test", "a", Release("v3")...).Obj()}, v1alpha1.StateWaiting},
		{"scenario 37: it was adopted there", "what ran before was never tested", []*v1alpha1.ReleaseRecord{
			MakeRecord("shop-test", "a", Release("v2")...).Result(v1alpha1.ResultAdopted).Obj(),
		}, v1alpha1.StateWaiting},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Evidence().NoApprovals(), Release("v1")...)
			w.keep(c.records...)
			w.add(MakePromotion("us-only").Digest("api", Digest("v2")).Environments("prod").Obj())
			w.run()
			if got := w.at("us-only", "prod"); got.State != c.want {
				t.Errorf("%s: prod is %s, want %s: %v", c.reason, got.State, c.want, got.Reasons)
			}
			if got := w.at("us-only", "dev"); got.State != v1alpha1.StateNotEntered || got.Cause != v1alpha1.CauseNotSelected {
				t.Errorf("dev is %s (%s), want it left out", got.State, got.Cause)
			}
		})
	}
}
