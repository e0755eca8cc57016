package admission_test

import (
	"context"
	"os"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestStatusIsTheOperators(t *testing.T) {
	namespace := locked(t, "guards-status")
	environment := MakeEnvironment(namespace, v1alpha1.TierProduction).create(t)
	promotion, pipeline := MakePromotion(namespace, "release").Obj(), MakePipeline(namespace, namespace)
	create(t, promotion)
	create(t, pipeline)
	forgeries := map[client.Object]func(client.Object){
		environment: on(func(e *v1alpha1.Environment) {
			e.Status.Awaiting = []v1alpha1.AwaitingPromotion{awaiting("release", "dave")}
		}),
		promotion: on(func(p *v1alpha1.Promotion) { p.Status.Outcome = v1alpha1.OutcomeSucceeded }),
		pipeline: on(func(p *v1alpha1.DeliveryPipeline) {
			p.Status.Conditions = []metav1.Condition{{
				Type: "Ready", Status: metav1.ConditionTrue, Reason: "Admitted", LastTransitionTime: metav1.Unix(0, 0),
			}}
		}),
	}
	put := func(object client.Object, change func(client.Object)) func(context.Context, client.Client) error {
		return changes(object, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.Status().Update(ctx, wanted)
		})
	}
	merge := func(object client.Object, change func(client.Object)) func(context.Context, client.Client) error {
		return changes(object, change, func(ctx context.Context, c client.Client, was, wanted client.Object) error {
			return c.Status().Patch(ctx, wanted, client.MergeFrom(was))
		})
	}
	const instead = "the operator alone writes it: change spec of "
	for object, change := range forgeries {
		try(t, []attempt{
			{name: "PUT", as: person("mallory"), about: object, write: put(object, change), policy: "sluice-status", says: instead},
			{name: "merge patch", as: person("mallory"), about: object, write: merge(object, change), policy: "sluice-status", says: instead},
			{name: "without the pod's token", as: pretender(), about: object, write: merge(object, change), policy: "sluice-status", says: instead},
			{name: "the administrator", as: admin, about: object, write: merge(object, change), policy: "sluice-status", says: instead},
			{name: "the operator", as: theOperator(), about: object, write: merge(object, change)},
		})
	}
}

func TestRecordsAreTheOperators(t *testing.T) {
	namespace := locked(t, "guards-records")
	record := MakeRecord(namespace, "checkout-aaaaaaaa-00000")
	const evidence = "ReleaseRecords are evidence: the operator alone writes and removes them"
	try(t, []attempt{
		{name: "forged", as: person("mallory"), write: creates(record), about: record, policy: "sluice-releaserecords", says: evidence},
		{name: "forged with the operator's name", as: pretender(), write: creates(record), about: record, policy: "sluice-releaserecords", says: evidence},
		{name: "written", as: theOperator(), write: creates(record), about: record},
		{name: "removed", as: person("mallory"), write: deletes(record), about: record, policy: "sluice-releaserecords", says: evidence},
		{
			name: "removed with all others", as: person("mallory"), about: record, policy: "sluice-releaserecords", says: evidence,
			write: func(ctx context.Context, c client.Client) error {
				return c.DeleteAllOf(ctx, &v1alpha1.ReleaseRecord{}, client.InNamespace(namespace))
			},
		},
	})
	tryWays(t, attempt{name: "relabelled", as: person("mallory"), about: record, policy: "sluice-releaserecords", says: evidence},
		label(v1alpha1.PipelineLabel, "other"))
	tryWays(t, attempt{name: "given an owner that is gone", as: person("mallory"), about: record, policy: "sluice-releaserecords", says: evidence},
		func(o client.Object) {
			o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}})
		})
	owned := MakeRecord(namespace, "checkout-aaaaaaaa-11111")
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}}
	const noOwners = "a ReleaseRecord has no owners, else the garbage collector could delete it: leave metadata.ownerReferences out"
	try(t, []attempt{
		{name: "born with an owner", as: theOperator(), write: creates(owned), about: owned, policy: "sluice-releaserecords", says: noOwners},
		{name: "brought back with an owner", as: with(t, "restore", namespace), write: creates(owned), about: owned, policy: "sluice-releaserecords", says: noOwners},
		{name: "removed by the operator", as: theOperator(), write: deletes(record), about: record},
	})
}

// The real garbage collector cannot delete a locked Namespace, with all the evidence in it, for an owner that is gone.
func TestTheGarbageCollectorAndLockedNamespaces(t *testing.T) {
	kept, plain := MakeNamespace("guards-garbage", v1alpha1.LockEnforce).Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "guards-garbage-plain"}}
	kept.OwnerReferences, plain.OwnerReferences = []metav1.OwnerReference{danglingOwner}, []metav1.OwnerReference{danglingOwner}
	create(t, kept)
	create(t, plain)
	eventually(t, func() error { return gone(t.Context(), plain) })
	eventually(t, func() error {
		events, err := plane.AuditEvents()
		if err != nil {
			return err
		}
		for i := range events {
			e := &events[i]
			if e.Verb == "delete" && e.ObjectRef != nil && e.ObjectRef.Resource == "namespaces" && e.ObjectRef.Name == kept.Name &&
				e.User.Username == "system:serviceaccount:kube-system:generic-garbage-collector" && e.ResponseStatus.Code == 403 {
				return nil
			}
		}
		return &unlike{got: "no refused deletion of " + kept.Name, want: "one, by the garbage collector"}
	})
	if stored(t, kept) == "" {
		t.Error("the Namespace is gone")
	}
}

// Several at once: deletecollection names no object.
func TestGuardsSeeCollections(t *testing.T) {
	namespace := inbox(t, "guards-collections", nil)
	approval, record := MakeApproval(namespace, "release").Named("signed").Obj(), MakeRecord(namespace, "checkout-aaaaaaaa-00000")
	create(t, approval, person("alice"))
	create(t, record, theOperator())
	gate := gateJob(namespace, "sl-abababababababababab", api+"@"+current)
	create(t, gate, theOperator())
	environment := MakeEnvironment(namespace, v1alpha1.TierProduction).Obj()
	all := func(kind client.Object, options ...client.DeleteAllOfOption) func(context.Context, client.Client) error {
		return func(ctx context.Context, c client.Client) error {
			return c.DeleteAllOf(ctx, kind, append(options, client.InNamespace(namespace))...)
		}
	}
	mallory, holder := person("mallory"), with(t, "unlock", namespace)
	labelled := client.HasLabels{v1alpha1.GateLabel}
	try(t, []attempt{
		{name: "Approvals", as: mallory, about: approval, write: all(&v1alpha1.Approval{}), policy: "sluice-approvals", says: "create another one with decision: Rejected"},
		{name: "Environments", as: mallory, about: environment, write: all(&v1alpha1.Environment{}), policy: "sluice-environments", says: "takes the verb unlock"},
		{name: "records", as: mallory, about: record, write: all(&v1alpha1.ReleaseRecord{}), policy: "sluice-releaserecords", says: "ReleaseRecords are evidence"},
		{name: "Jobs of gates", as: mallory, about: gate, write: all(&batchv1.Job{}, labelled), policy: "sluice-gates", says: "leave the label out"},
		{name: "Jobs of gates by the operator", as: theOperator(), about: gate, write: all(&batchv1.Job{}, labelled)},
		{name: "Approvals with unlock", as: holder, about: approval, write: all(&v1alpha1.Approval{})},
		{name: "Environments with unlock", as: holder, about: environment, write: all(&v1alpha1.Environment{})},
		{name: "records by the operator", as: theOperator(), about: record, write: all(&v1alpha1.ReleaseRecord{})},
	})
}

func TestTheOutcomeIsTheOperators(t *testing.T) {
	namespace := open(t, "guards-outcome")
	promotion := MakePromotion(namespace, "release").Obj()
	create(t, promotion)
	const another = "create another Promotion"
	finished := MakePromotion(namespace, "born-finished").Label(v1alpha1.OutcomeLabel, "Succeeded").Obj()
	attempt{name: "born finished", as: person("mallory"), write: creates(finished), about: finished, policy: "sluice-promotions", says: another}.run(t)
	tryWays(t, attempt{name: "finished", as: person("mallory"), about: promotion, policy: "sluice-promotions", says: another},
		label(v1alpha1.OutcomeLabel, "Succeeded"))
	attempt{name: "finished by the operator", as: theOperator(), about: promotion, write: merges(promotion, label(v1alpha1.OutcomeLabel, "Failed"))}.run(t)
	strip := func(o client.Object) { o.SetLabels(nil) }
	for _, way := range []string{"PUT", "merge patch", "JSON patch"} {
		attempt{
			name: "taken up again by " + way, as: person("mallory"), about: promotion, write: ways(promotion, strip)[way],
			policy: "sluice-promotions", says: another,
		}.run(t)
	}
	try(t, []attempt{
		{name: "labelled otherwise", as: person("dave"), about: promotion, write: merges(promotion, label("seen", "yes"))},
		{name: "deleted", as: person("dave"), about: promotion, write: deletes(promotion)},
	})
}

func TestUnlockOnEnvironments(t *testing.T) {
	namespace := locked(t, "guards-unlock")
	environment := MakeEnvironment(namespace, v1alpha1.TierProduction).create(t)
	spec := func(change func(*v1alpha1.EnvironmentSpec)) func(client.Object) {
		return on(func(e *v1alpha1.Environment) { change(&e.Spec) })
	}
	guarded := map[string]func(client.Object){
		"tier":      spec(func(s *v1alpha1.EnvironmentSpec) { s.Tier = v1alpha1.TierDevelopment }),
		"lock":      spec(func(s *v1alpha1.EnvironmentSpec) { s.Lock = v1alpha1.LockOff }),
		"pipelines": spec(func(s *v1alpha1.EnvironmentSpec) { s.Pipelines[0].Repositories = []string{"registry.example.com/"} }),
		"requires": spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Requires = &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone}
		}),
		"gates": spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Gates = []v1alpha1.Gate{{Name: "soak", Purpose: v1alpha1.PurposeOther, Soak: v1alpha1.SoakGate{DurationSeconds: 1}}}
		}),
		"teamGates":       spec(func(s *v1alpha1.EnvironmentSpec) { s.TeamGates = v1alpha1.TeamGatesAllow }),
		"unmanagedImages": spec(func(s *v1alpha1.EnvironmentSpec) { s.UnmanagedImages = v1alpha1.UnmanagedAllow }),
		"allowedImages":   spec(func(s *v1alpha1.EnvironmentSpec) { s.AllowedImages = []string{"docker.io/"} }),
		"repositories": spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Repositories = []v1alpha1.RepositoryMirror{{From: "registry.example.com/shop/", To: "evil.example.com/"}}
		}),
		"freezes": spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Freezes = []v1alpha1.Freeze{{Name: "always", Effect: v1alpha1.FreezeAllow, Schedule: "0 * * * *", DurationSeconds: 3600}}
		}),
		"webhookNetworks": spec(func(s *v1alpha1.EnvironmentSpec) { s.WebhookNetworks = []string{"10.0.0.0/8"} }),
		"emergencies": spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Emergencies = &v1alpha1.EmergencyRequirement{Groups: []string{"friends"}, Requester: v1alpha1.RequesterAllowed}
		}),
		"ownerReferences": func(o client.Object) {
			o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}})
		},
	}
	const ask = "takes the verb unlock on environments there (ClusterRole sluice-platform): ask the platform team"
	for field, change := range guarded {
		tryWays(t, attempt{name: field, as: person("mallory"), about: environment, policy: "sluice-environments", says: ask}, change)
	}
	holder := with(t, "unlock", namespace)
	second := MakeEnvironment(namespace, v1alpha1.TierDevelopment).Obj()
	try(t, []attempt{
		{name: "queue", as: person("dave"), about: environment, write: merges(environment, spec(func(s *v1alpha1.EnvironmentSpec) { s.Queue = v1alpha1.QueueInOrder }))},
		{name: "concurrency", as: person("dave"), about: environment, write: merges(environment, spec(func(s *v1alpha1.EnvironmentSpec) { s.Concurrency = v1alpha1.ConcurrencyExclusive }))},
		{name: "teamGates with unlock", as: holder, about: environment, write: merges(environment, guarded["teamGates"])},
		{name: "deletion", as: person("mallory"), about: environment, write: deletes(environment), policy: "sluice-environments", says: "deleting the Environment of namespace guards-unlock " + ask},
		{name: "deletion with unlock", as: holder, about: environment, write: deletes(environment)},
		{name: "a weaker one in its place", as: person("mallory"), about: second, write: creates(second), policy: "sluice-environments", says: "a new Environment in the locked namespace"},
		{name: "a weaker one with unlock", as: holder, about: second, write: creates(second)},
	})
	first := MakeEnvironment(open(t, "guards-first"), v1alpha1.TierProduction).Obj()
	witness := MakeEnvironment(open(t, "guards-witness"), v1alpha1.TierTest).Obj()
	try(t, []attempt{
		{name: "the first of a namespace", as: person("dave"), about: first, write: creates(first)},
		{name: "one that testifies", as: person("dave"), about: witness, write: creates(witness), policy: "sluice-environments",
			says: "an Environment of tier Test, whose gates are evidence in production, in namespace guards-witness " + ask},
		{name: "one that testifies, with unlock", as: with(t, "unlock", "guards-witness"), about: witness, write: creates(witness)},
	})
}

// A GateTemplate has no namespace: it takes unlock in all of them.
func TestUnlockGuardsGateTemplates(t *testing.T) {
	template, second := MakeTemplate("guards"), MakeTemplate("guards-second")
	create(t, template)
	const ask = "takes the verb unlock on environments in all namespaces (ClusterRole sluice-platform, bound by a ClusterRoleBinding): ask the platform team"
	local, holder := with(t, "unlock", open(t, "guards-template")), unlockEverywhere(t, "guards-templates")
	easier := func(o client.Object) {
		if template, ok := o.(*v1alpha1.GateTemplate); ok {
			template.Spec.Gate.Load.Thresholds.P99Microseconds = 1 << 30
		}
	}
	owned := func(o client.Object) {
		o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}})
	}
	const policy = "sluice-gatetemplates"
	for name, change := range map[string]func(client.Object){"easier": easier, "given an owner that is gone": owned} {
		tryWays(t, attempt{name: name, as: person("mallory"), about: template, policy: policy, says: "changing the GateTemplate guards, whose gate is evidence in production, " + ask}, change)
	}
	try(t, []attempt{
		{name: "easier, with unlock in one namespace", as: local, about: template, write: merges(template, easier), policy: policy, says: ask},
		{name: "another one", as: person("mallory"), about: second, write: creates(second), policy: policy, says: "creating the GateTemplate guards-second, "},
		{name: "deleted", as: person("mallory"), about: template, write: deletes(template), policy: policy, says: "deleting the GateTemplate guards, "},
		{name: "labelled", as: person("dave"), about: template, write: merges(template, func(o client.Object) { o.SetLabels(map[string]string{"team": "a"}) })},
		{name: "another one, with unlock", as: holder, about: second, write: creates(second)},
		{name: "changed with unlock", as: holder, about: template, write: merges(template, easier)},
		{name: "deleted with unlock", as: holder, about: template, write: deletes(template)},
	})
}

// A field of spec that the guard forgets is a hole.
func TestUnlockGuardsEveryField(t *testing.T) {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	data, err := os.ReadFile(config("admission", "environments.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(strings.Split(string(data), "\n---\n")[0]), policy); err != nil {
		t.Fatal(err)
	}
	definition := definitionIn(t, config("crd", "bases", "sluice.dev_environments.yaml"))
	free := sets.New("concurrency", "queue")
	for field := range definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties {
		compared := "object.spec.?" + field + " == oldObject.spec.?" + field
		if strings.Contains(policy.Spec.Variables[0].Expression, compared) == free.Has(field) {
			t.Errorf("spec.%s: either sluice-environments compares it, or it opens nothing and stands in this test", field)
		}
	}
}
