package environment

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Decide says what to do about an Environment, given all that bears on it.
func Decide(snapshot Snapshot) Plan {
	was := promotion.ParseEnforced(snapshot.Namespace)
	d := &decision{
		snapshot: snapshot, force: promotion.InForce(snapshot.Environment.Spec),
		was: was, want: was.Clone(), status: *snapshot.Environment.Status.DeepCopy(),
		mirrors: promotion.MirrorsOf(snapshot.Environment, snapshot.Namespace),
	}
	d.pipelines, d.records = sortedPipelines(snapshot.Pipelines), recordsByPipeline(snapshot)
	d.decide()
	if len(d.questions) > 0 {
		d.wakeAt(snapshot.NextAnswer)
	}
	return Plan{Effects: d.effects, Status: d.status, Questions: d.questions, Events: d.events, Wake: d.wake}
}

// decision is the work on one plan.
type decision struct {
	snapshot Snapshot
	// force is what the Environment demands, defaults filled in.
	force v1alpha1.RequirementsInForce
	// was and want are the enforced copy before and after.
	was, want promotion.EnforcedCopy
	// mirrors are the names of repositories here.
	mirrors promotion.Mirrors
	// status grows into the plan's.
	status v1alpha1.EnvironmentStatus
	// pipelines that list this namespace and may own something here, the oldest first.
	pipelines []*v1alpha1.DeliveryPipeline
	// adoptions of this pass, one for each repository that nobody owned.
	adoptions []*adoption
	// records by pipeline, as they were found.
	records map[string][]*v1alpha1.ReleaseRecord
	// newRecords are those of this pass.
	newRecords []*v1alpha1.ReleaseRecord
	// refusal says why the Environment is not accepted; the zero value where it is.
	refusal v1alpha1.Reason
	// invalid says what of the Environment makes no sense though all else is carried out; the zero value where nothing.
	invalid v1alpha1.Reason
	// overrides are the records of this pass of what was changed by hand.
	overrides []*v1alpha1.ReleaseRecord
	// reviewed are the records that have or had to be reviewed, unreviewed those that still have to.
	reviewed, unreviewed []*v1alpha1.ReleaseRecord
	// restored says that a copy that was lost is taken from the records.
	restored  bool
	effects   []promotion.Effect
	questions []Question
	events    []promotion.Event
	wake      time.Time
}

func (d *decision) decide() {
	d.refusal = d.refuse()
	if d.refusal.Type == "" {
		d.restore()
		d.noticeOverride()
		d.assignOwners()
		d.adopt()
		d.recordAdopted()
		d.enforce()
	}
	d.readFreezes()
	d.review()
	d.status.Requires = &d.force
	d.deliver()
	d.setConditions()
	d.publishTransitions()
}

// refuse says why nothing can be done here at all; the zero Reason where something can.
func (d *decision) refuse() v1alpha1.Reason {
	env, ns := d.snapshot.Environment, d.snapshot.Namespace
	switch {
	case ns.DeletionTimestamp != nil || env.DeletionTimestamp != nil:
		return v1alpha1.NewReason(v1alpha1.ReasonNamespaceTerminating,
			"namespace %s or its Environment is being deleted; what the Namespace enforces stays in force until it is gone", ns.Name)
	case !d.snapshot.Permitted:
		return promotion.PermissionMissing(ns.Name)
	}
	return d.snapshot.Refused
}

func (d *decision) namespace() string { return d.snapshot.Namespace.Name }

// repository returns the canonical repository of an image string.
func (d *decision) repository(image string) string { return d.mirrors.Canonical(Repository(image)) }

// now returns the present time in the resolution that the API stores: one second.
func (d *decision) now() *metav1.Time {
	now := metav1.NewTime(d.snapshot.Now.Truncate(time.Second))
	return &now
}

// wakeAt asks for another look at a time, the earliest of those asked for.
func (d *decision) wakeAt(at time.Time) {
	if !at.IsZero() && (d.wake.IsZero() || at.Before(d.wake)) {
		d.wake = at
	}
}

// before returns a condition as it was; nil where there was none.
func (d *decision) before(conditionType string) *metav1.Condition {
	return find(d.snapshot.Environment.Status.Conditions, conditionType)
}

func find(conditions []metav1.Condition, conditionType string) *metav1.Condition {
	i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == conditionType })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}

// everAdopted says whether adoption was once complete: since then the lock never opens by itself.
func (d *decision) everAdopted() bool {
	c := d.before(v1alpha1.ConditionAdopted)
	return c != nil && c.Status == metav1.ConditionTrue
}

// holder returns who holds a pipeline's slot; nil where nobody does.
func (d *decision) holder(pipeline string) *v1alpha1.Holder {
	holders := d.snapshot.Environment.Status.Holders
	i := slices.IndexFunc(holders, func(h v1alpha1.Holder) bool { return h.Pipeline == pipeline })
	if i < 0 {
		return nil
	}
	return &holders[i]
}

func recordsByPipeline(snapshot Snapshot) map[string][]*v1alpha1.ReleaseRecord {
	records := map[string][]*v1alpha1.ReleaseRecord{}
	for _, r := range snapshot.Records {
		if r.Namespace == snapshot.Namespace.Name {
			key := keyOf(r.Spec.PipelineRef.Namespace, r.Spec.PipelineRef.Name)
			records[key] = append(records[key], r)
		}
	}
	return records
}

// sortedPipelines puts the oldest first: of two that list one repository, it owns it.
func sortedPipelines(pipelines []*v1alpha1.DeliveryPipeline) []*v1alpha1.DeliveryPipeline {
	sorted := slices.DeleteFunc(slices.Clone(pipelines), func(p *v1alpha1.DeliveryPipeline) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(sorted, func(a, b *v1alpha1.DeliveryPipeline) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(pipelineKey(a), pipelineKey(b)))
	})
	return sorted
}

func pipelineKey(p *v1alpha1.DeliveryPipeline) string { return keyOf(p.Namespace, p.Name) }

func keyOf(namespace, name string) string { return namespace + "/" + name }
