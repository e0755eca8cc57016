package promotion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// peakLoad is a template of a load: teams give its rate within bounds, the platform its limit and its path.
func peakLoad() *TemplateBuilder {
	gate := LoadGate("peak-load")
	gate.Load.Targets[0].URL = "http://$(pipeline.name).$(SLUICE_NAMESPACE).svc/$(params.path)"
	return MakeTemplate("peak-load", gate).
		Parameter(v1alpha1.TemplateParameter{Name: "rate", Type: v1alpha1.IntegerParameter, SetBy: v1alpha1.DeclaredByAnyone, Default: ref("200"),
			Minimum: ref(int64(100)), Maximum: ref(int64(1000)), Sets: []v1alpha1.TemplateField{"load.requestsPerSecond"}}).
		Parameter(v1alpha1.TemplateParameter{Name: "time", Type: v1alpha1.DurationParameter, Default: ref("1m"), Sets: []v1alpha1.TemplateField{"load.durationSeconds"}}).
		Parameter(v1alpha1.TemplateParameter{Name: "limit", Type: v1alpha1.IntegerParameter, Default: ref("150000"), Sets: []v1alpha1.TemplateField{"load.thresholds.p99Microseconds"}}).
		Parameter(v1alpha1.TemplateParameter{Name: "path", Type: v1alpha1.StringParameter, Default: ref("quote"), AllowedValues: []string{"quote", "orders"}, SetBy: v1alpha1.DeclaredByAnyone})
}

var ofShop = v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"}

func TestFromTemplate(t *testing.T) {
	gate, err := promotion.FromTemplate(peakLoad().Obj(), TemplateGate("rush", v1alpha1.PurposeStress, "peak-load", "rate", "400", "time", "1m30s", "limit", "90000", "path", "orders"),
		v1alpha1.DeclaredByPlatform, ofShop)
	if err != nil {
		t.Fatal(err)
	}
	want := LoadGate("rush")
	want.Load.Targets[0].URL = "http://checkout.$(SLUICE_NAMESPACE).svc/orders"
	want.Load.RequestsPerSecond, want.Load.DurationSeconds, want.Load.Thresholds.P99Microseconds = 400, 90, 90_000
	if promotion.GateHash(gate) != promotion.GateHash(want) {
		t.Errorf("got %s\nwant %s", text(t, gate), text(t, want))
	}
}

func TestTemplatesRefuse(t *testing.T) {
	template := func(change func(*v1alpha1.GateTemplate)) *v1alpha1.GateTemplate {
		made := peakLoad().Obj()
		change(made)
		return made
	}
	same := peakLoad().Obj()
	stress := func(values ...string) v1alpha1.Gate {
		return TemplateGate("rush", v1alpha1.PurposeStress, "peak-load", values...)
	}
	cases := []struct {
		name     string
		template *v1alpha1.GateTemplate
		use      v1alpha1.Gate
		by       v1alpha1.GateDeclarer
		says     string
	}{
		{"another purpose", same, TemplateGate("rush", v1alpha1.PurposeFunctional, "peak-load"), v1alpha1.DeclaredByPlatform, "write purpose: Stress"},
		{"a parameter that it lacks", same, stress("speed", "1"), v1alpha1.DeclaredByPlatform, "it has no parameter speed: write rate (digits, such as \"200\", from 100 to 1000) or time"},
		{"the same, by a team", same, stress("speed", "1"), v1alpha1.DeclaredByAnyone, "from 100 to 1000) or path (one of quote, orders)"},
		{"a template without parameters", MakeTemplate("peak-load", LoadGate("x")).Obj(), stress("rate", "1"), v1alpha1.DeclaredByPlatform, "it has no parameter rate: leave params out"},
		{"a team makes it trivial by the platform's parameter", same, stress("limit", "2000000000"), v1alpha1.DeclaredByAnyone, "parameter limit is for Environments alone to give"},
		{"a team makes it trivial beyond the bounds", same, stress("rate", "1"), v1alpha1.DeclaredByAnyone, "parameter rate is \"1\": write digits, such as \"200\", from 100 to 1000"},
		{"and so may the platform team not", same, stress("rate", "1001"), v1alpha1.DeclaredByPlatform, "from 100 to 1000"},
		{"a team sends it elsewhere", same, stress("path", "../stub"), v1alpha1.DeclaredByAnyone, "write one of quote, orders"},
		{"no number", same, stress("rate", "4e2"), v1alpha1.DeclaredByAnyone, "write digits"},
		{"a number with zeros before it", same, stress("rate", "0400"), v1alpha1.DeclaredByAnyone, "write digits"},
		{"a negative number", same, stress("limit", "-1"), v1alpha1.DeclaredByPlatform, "write digits"},
		{"no time", same, stress("time", "90"), v1alpha1.DeclaredByPlatform, "write hours, minutes and seconds, such as \"90s\""},
		{"a time in fractions", same, stress("time", "1.5m"), v1alpha1.DeclaredByPlatform, "write hours, minutes and seconds"},
		{"nothing", same, stress("time", ""), v1alpha1.DeclaredByPlatform, "write hours, minutes and seconds"},
		{"beyond what the schema lets a gate say", same, stress("time", "25h"), v1alpha1.DeclaredByPlatform, "load.durationSeconds would be 90000: give a value with which it is from 1 to 86400"},
		{"zero", same, stress("limit", "0"), v1alpha1.DeclaredByPlatform, "p99Microseconds would be 0: give a value with which it is from 1 to"},
		{"too few requests to count", same, stress("rate", "100", "time", "5s"), v1alpha1.DeclaredByPlatform, "the load sends 500 requests with these parameters, and 1000 are the least that count"},
		{"no time for the load", template(func(t *v1alpha1.GateTemplate) { t.Spec.Gate.TimeoutSeconds = 100 }), stress("time", "2m"), v1alpha1.DeclaredByPlatform, "and timeoutSeconds is 100"},
		{"what has no default", template(func(t *v1alpha1.GateTemplate) { t.Spec.Parameters[0].Default = nil }), stress(), v1alpha1.DeclaredByAnyone,
			"parameter rate is missing, digits, such as \"200\", from 100 to 1000: write params: [{name: rate, value: \"...\"}]"},
		{"a type from the future", template(func(t *v1alpha1.GateTemplate) { t.Spec.Parameters[0].Type = "Quantity" }), stress(), v1alpha1.DeclaredByPlatform, "does not know: upgrade it"},
		{"a field from the future", template(func(t *v1alpha1.GateTemplate) { t.Spec.Parameters[0].Sets[0] = "probe.count" }), stress(), v1alpha1.DeclaredByPlatform, "does not know: upgrade it"},
		{"a number that the gate does not hold", template(func(t *v1alpha1.GateTemplate) { t.Spec.Parameters[0].Sets[0] = "soak.durationSeconds" }), stress(), v1alpha1.DeclaredByPlatform,
			"it sets soak.durationSeconds, and the template's gate does not hold that"},
		{"an optional number that the gate does not hold", template(func(t *v1alpha1.GateTemplate) { t.Spec.Parameters[0].Sets[0] = "retries" }), stress(), v1alpha1.DeclaredByPlatform,
			"it sets retries, and the template's gate does not hold that"},
		{"a text that names what is not there", template(func(t *v1alpha1.GateTemplate) { t.Spec.Gate.Load.Targets[0].Body = "$(params.body)" }), stress(), v1alpha1.DeclaredByPlatform,
			"its gate names $(params.body), and the template has no such parameter"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := promotion.FromTemplate(c.template, c.use, c.by, ofShop)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// Every number that the schema lets a parameter set can be set, and where the schema knows one, there is a gate with it.
func TestEveryFieldOfATemplateCanBeSet(t *testing.T) {
	whole := LoadGate("peak-load")
	whole.TimeoutSeconds, whole.Retries = 9000, ref(int32(1))
	whole.Load.WarmUpSeconds, whole.Load.Workers = ref(int32(1)), 1
	whole.Load.Thresholds = v1alpha1.LoadThresholds{P50Microseconds: 1, P90Microseconds: 1, P95Microseconds: 1, P99Microseconds: 1, MaxMicroseconds: 1, SuccessBasisPoints: 1, AnsweredPerSecond: 1}
	for _, c := range []struct {
		field, value string
		gate         v1alpha1.Gate
	}{
		{"timeoutSeconds", "8000", whole}, {"retries", "0", whole}, {"load.requestsPerSecond", "300", whole}, {"load.durationSeconds", "90", whole},
		{"load.warmUpSeconds", "0", whole}, {"load.workers", "7", whole}, {"load.thresholds.p50Microseconds", "7", whole}, {"load.thresholds.p90Microseconds", "7", whole},
		{"load.thresholds.p95Microseconds", "7", whole}, {"load.thresholds.p99Microseconds", "7", whole}, {"load.thresholds.maxMicroseconds", "7", whole},
		{"load.thresholds.successBasisPoints", "7", whole}, {"load.thresholds.answeredPerSecond", "7", whole}, {"soak.durationSeconds", "7", SoakGate("peak-load", 60)},
	} {
		template := MakeTemplate("t", c.gate).Parameter(v1alpha1.TemplateParameter{
			Name: "p", Type: v1alpha1.IntegerParameter, Default: &c.value, Sets: []v1alpha1.TemplateField{v1alpha1.TemplateField(c.field)}}).Obj()
		before := promotion.TemplateHash(template)
		gate, err := promotion.FromTemplate(template, TemplateGate("peak-load", c.gate.Purpose, "t"), v1alpha1.DeclaredByPlatform, ofShop)
		if err != nil {
			t.Errorf("%s: %v", c.field, err)
		}
		key := c.field[strings.LastIndex(c.field, ".")+1:]
		if !strings.Contains(text(t, gate), `"`+key+`": `+c.value) && !strings.Contains(text(t, gate), `"`+key+`":`+c.value) {
			t.Errorf("%s is not %s in %s", c.field, c.value, text(t, gate))
		}
		if promotion.TemplateHash(template) != before {
			t.Errorf("%s: the template itself was changed", c.field)
		}
	}
}

// templated is a world in which test runs a gate of a template, and production demands it by name.
func templated(t *testing.T, revision v1alpha1.TemplateRevision, gate v1alpha1.Gate) *world {
	w := newWorld(t)
	w.templates = map[string]*v1alpha1.GateTemplate{"peak-load": peakLoad().Obj()}
	w.loads["test/"+gate.Name] = func(*promotion.Run) {}
	w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).Gate(gate), Release("v1")...)
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Evidence(v1alpha1.EvidenceRequirement{
		Purpose: v1alpha1.PurposeStress, GateTemplateRef: v1alpha1.GateTemplateRequirement{Name: "peak-load", Revision: revision},
	}), Release("v1")...)
	w.promote("v2")
	return w
}

func rush(values ...string) v1alpha1.Gate {
	return TemplateGate("rush", v1alpha1.PurposeStress, "peak-load", values...)
}

func TestAGateOfATemplateRuns(t *testing.T) {
	w := templated(t, "", rush("rate", "400"))
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
	gate := w.at("checkout-v2", "test").Gates[0]
	template := w.templates["peak-load"]
	want := v1alpha1.ObservedGateTemplate{Name: "peak-load", Generation: 1, SpecHash: promotion.TemplateHash(template)}
	if gate.Name != "rush" || gate.State != v1alpha1.GatePassed || gate.GateTemplate != want {
		t.Errorf("the gate is %+v", gate)
	}
	record := w.records[len(w.records)-1]
	if record.Spec.Gates[0].GateTemplate != want {
		t.Errorf("the record says %+v", record.Spec.Gates[0].GateTemplate)
	}
	direct, err := promotion.FromTemplate(template, rush("rate", "200"), v1alpha1.DeclaredByPlatform, ofShop)
	if err != nil || gate.SpecHash == promotion.GateHash(direct) {
		t.Errorf("the hash of the gate does not cover its parameters: %v", err)
	}
}

func TestWhatKeepsAGateOfATemplateOut(t *testing.T) {
	cases := []struct {
		name   string
		change func(*world)
		reason string
		says   string
	}{
		{"there is no such template", func(w *world) { w.templates = nil }, "UnknownGateTemplate", "let the platform team create it, or name one of kubectl get gatetemplates; kubectl edit environment environment -n shop-test"},
		{"it lacks a parameter", func(w *world) { w.sites["shop-test"].Environment.Spec.Gates[0] = rush("speed", "1") }, "InvalidParameters", "gate rush does not fit the GateTemplate peak-load: it has no parameter speed"},
		{"a gate of the team", func(w *world) {
			w.pipeline = MakePipeline().Gate("test", rush("limit", "2000000000")).Obj()
			w.sites["shop-test"].Environment.Spec.Gates = nil
		}, "InvalidParameters", "mend it in the pipeline and promote again (kubectl edit deliverypipeline checkout -n shop)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := templated(t, "", rush())
			c.change(w)
			got := w.run().at("checkout-v2", "test")
			if got.State != v1alpha1.StateWaiting || !slices.Equal(reasonTypes(got), []string{c.reason}) || !strings.Contains(got.Reasons[0].Message, c.says) {
				t.Errorf("test is %s: %v", got.State, got.Reasons)
			}
		})
	}
	t.Run("a rollback does not wait before it enters", func(t *testing.T) {
		w := templated(t, "", rush())
		w.templates = nil
		w.promotions = nil
		v1 := promotion.ReleaseHash(Release("v1"))
		w.add(MakePromotion("back").Rollback("test", v1).Obj())
		if got := w.run().at("back", "test"); got.State != v1alpha1.StateVerifying || !slices.Equal(reasonTypes(got), []string{"UnknownGateTemplate"}) {
			t.Errorf("test is %s: %v", got.State, got.Reasons)
		}
	})
}

// A template that goes while its gate is about to run is waited for, and not for ever.
func TestATemplateThatGoes(t *testing.T) {
	w := templated(t, "", rush())
	w.in("checkout-v2", "test", v1alpha1.StateDeploying)
	kept := w.templates
	w.templates = nil
	w.run().wantReasons("checkout-v2", "test", "UnknownGateTemplate")
	w.templates = kept
	if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("it is back, and test is %s: %v", got.State, got.Reasons)
	}
	w = templated(t, "", rush())
	w.in("checkout-v2", "test", v1alpha1.StateDeploying)
	w.templates = nil
	w.run().wait(1000 * seconds(60))
	if got := w.run().at("checkout-v2", "test"); got.Cause != v1alpha1.CauseGateInconclusive {
		t.Errorf("test is %s (%s)", got.State, got.Cause)
	}
}

// Scenario 36: by default an edit of a template voids no evidence.
func TestScenario36AnEditOfATemplate(t *testing.T) {
	description := func(w *world) {
		w.templates["peak-load"].Spec.Description, w.templates["peak-load"].Generation = "harder", 2
	}
	cases := []struct {
		name     string
		revision v1alpha1.TemplateRevision
		change   func(*world)
		want     []string
	}{
		{"scenario 36: any revision, edited", "", description, []string{"ApprovalsMissing"}},
		{"scenario 36: Any, deleted", v1alpha1.AnyRevision, func(w *world) { w.templates = nil }, []string{"ApprovalsMissing"}},
		{"scenario 36: Present, untouched", v1alpha1.PresentRevision, func(*world) {}, []string{"ApprovalsMissing"}},
		{"scenario 36: Present, edited", v1alpha1.PresentRevision, description, []string{"EvidenceExpired", "ApprovalsMissing"}},
		{"scenario 36: Present, deleted", v1alpha1.PresentRevision, func(w *world) { w.templates = nil }, []string{"UnknownGateTemplate", "ApprovalsMissing"}},
		{"scenario 36: Present, edited and edited back", v1alpha1.PresentRevision, func(w *world) { w.templates["peak-load"].Generation = 3 }, []string{"ApprovalsMissing"}},
		{"scenario 36: Present, another one under its name", v1alpha1.PresentRevision, func(w *world) {
			w.templates["peak-load"].Spec.Gate.Load.Thresholds.P99Microseconds = 1
		}, []string{"EvidenceExpired", "ApprovalsMissing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := templated(t, c.revision, rush())
			w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
			c.change(w)
			w.run().wantReasons("checkout-v2", "prod", c.want...)
		})
	}
}

// A gate of a template that a team lists counts where the template is demanded by name, and is a team's gate elsewhere.
func TestWhoseGateATemplateIs(t *testing.T) {
	cases := []struct {
		name     string
		gate     v1alpha1.Gate
		requires v1alpha1.EvidenceRequirement
		want     []string
	}{
		{"demanded by name", rush(), v1alpha1.EvidenceRequirement{GateTemplateRef: v1alpha1.GateTemplateRequirement{Name: "peak-load"}}, []string{"ApprovalsMissing"}},
		{"another one is demanded", rush(), v1alpha1.EvidenceRequirement{GateTemplateRef: v1alpha1.GateTemplateRequirement{Name: "soak"}}, []string{"EvidenceMissing", "ApprovalsMissing"}},
		{"a gate of the platform is demanded, and the team chose the easiest template", rush(), v1alpha1.EvidenceRequirement{}, []string{"EvidenceMissing", "ApprovalsMissing"}},
		{"anyone's is demanded", rush(), v1alpha1.EvidenceRequirement{DeclaredBy: v1alpha1.DeclaredByAnyone}, []string{"ApprovalsMissing"}},
		{"a gate that is only called like the template", LoadGate("peak-load"), v1alpha1.EvidenceRequirement{GateTemplateRef: v1alpha1.GateTemplateRequirement{Name: "peak-load"}}, []string{"EvidenceMissing", "ApprovalsMissing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := templated(t, "", rush())
			w.loads["test/"+c.gate.Name] = func(*promotion.Run) {}
			w.pipeline = MakePipeline().Gate("test", c.gate).Obj()
			w.sites["shop-test"].Environment.Spec.Gates = nil
			c.requires.Purpose = v1alpha1.PurposeStress
			w.sites["shop-prod"].Environment.Spec.Requires.Evidence = []v1alpha1.EvidenceRequirement{c.requires}
			w.run().wantReasons("checkout-v2", "prod", c.want...)
		})
	}
}
