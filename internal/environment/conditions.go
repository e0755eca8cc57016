package environment

import (
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// gravest lists what may hinder adoption, in the order in which it becomes the condition's reason.
var gravest = []string{
	v1alpha1.ReasonMixedDigests, v1alpha1.ReasonDigestNotInRegistry, v1alpha1.ReasonPlatformDigestOnly, v1alpha1.ReasonRegistryUnavailable,
}

// maxListed is how many problems or images a message names.
const maxListed = 5

// maxProposed is how many images the schema lets allowedImages hold.
const maxProposed = 64

func (d *decision) setConditions() {
	accepted, adopted, locked := d.accepted(), d.adopted(), d.locked()
	d.set(accepted)
	if adopted.Type != "" {
		d.set(adopted)
	}
	d.set(locked)
	d.set(d.converged())
	d.setReviewed()
	ready := d.ready(accepted, adopted, locked)
	d.set(ready)
	d.setWhereTrue(v1alpha1.ConditionStalled, accepted.Status != metav1.ConditionTrue, accepted)
	d.setWhereTrue(v1alpha1.ConditionReconciling, d.refusal.Type == "" && adopted.Status == metav1.ConditionFalse, adopted)
}

func (d *decision) set(c metav1.Condition) {
	promotion.SetCondition(&d.status.Conditions, c, d.snapshot.Environment.Generation, d.now())
}

// setWhereTrue sets one of the conditions that are absent unless they are true.
func (d *decision) setWhereTrue(conditionType string, holds bool, like metav1.Condition) {
	if holds {
		d.set(v1alpha1.NewCondition(conditionType, metav1.ConditionTrue, like.Reason, like.Message))
		return
	}
	d.status.Conditions = slices.DeleteFunc(d.status.Conditions, func(c metav1.Condition) bool { return c.Type == conditionType })
}

func (d *decision) accepted() metav1.Condition {
	for _, reason := range []v1alpha1.Reason{d.refusal, d.invalid} {
		if reason.Type != "" {
			return v1alpha1.NewCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason.Type, reason.Message)
		}
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "the Environment is in force")
}

// adopted says whether what ran before Sluice came is known; the zero value where nobody could look yet.
func (d *decision) adopted() metav1.Condition {
	before := d.before(v1alpha1.ConditionAdopted)
	if d.refusal.Type != "" {
		if before == nil {
			return metav1.Condition{}
		}
		return *before
	}
	if problems := d.problems(); len(problems) > 0 {
		reason, message := summary(problems)
		return v1alpha1.NewCondition(v1alpha1.ConditionAdopted, metav1.ConditionFalse, reason, message)
	}
	if !d.settled() {
		return v1alpha1.NewCondition(v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonInProgress, "registries are being asked for what runs")
	}
	reason := d.adoptedReason(before)
	messages := map[string]string{
		v1alpha1.ReasonAdopted:    "what ran before is known by digest" + d.proposal(),
		v1alpha1.ReasonNothingRan: "nothing of an admitted pipeline ran before",
		v1alpha1.ReasonRestored:   "what the Namespace enforces, or records and Promotions say, was taken up again",
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionAdopted, metav1.ConditionTrue, reason, messages[reason])
}

// proposal tells of images of no pipeline that ran at adoption, and how to allow them for good.
func (d *decision) proposal() string {
	if text := propose(d.want.Others); text != "" {
		return "; images of no pipeline ran as well, and may go on as they are; to allow them for good, and their like" + text
	}
	return ""
}

// allowable says whether an image string can stand in allowedImages.
var allowable = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[a-f0-9]{64})?$`).MatchString

// propose writes the lines of an Environment that would allow images, for a person to copy; nothing where none could.
func propose(images []string) string {
	images = slices.DeleteFunc(slices.Clone(images), func(image string) bool { return !allowable(image) })
	slices.Sort(images)
	images = slices.Compact(images)
	if len(images) == 0 {
		return ""
	}
	return ": allowedImages: [" + strings.Join(images[:min(len(images), maxProposed)], ", ") + "]"
}

// adoptedReason stays as it is once it is true, but for a namespace in which something runs for the first time.
func (d *decision) adoptedReason(before *metav1.Condition) string {
	ran := slices.ContainsFunc(d.adoptions, func(a *adoption) bool { return len(a.digests) > 0 })
	switch {
	case before != nil && before.Status == metav1.ConditionTrue:
		return pick(ran && before.Reason == v1alpha1.ReasonNothingRan, v1alpha1.ReasonAdopted, before.Reason)
	case before == nil && (d.restored || d.was.Lock != ""):
		return v1alpha1.ReasonRestored
	}
	return pick(ran || len(d.want.Images) > 0, v1alpha1.ReasonAdopted, v1alpha1.ReasonNothingRan)
}

// summary names the gravest reason, and as many problems as a message holds.
func summary(problems []v1alpha1.Reason) (reason, message string) {
	messages := make([]string, 0, len(problems))
	reason = problems[0].Type
	for _, p := range problems {
		messages = append(messages, p.Message)
		if slices.Index(gravest, p.Type) < slices.Index(gravest, reason) {
			reason = p.Type
		}
	}
	return reason, join(messages)
}

// join lists at most maxListed of the texts, sorted, each once.
func join(texts []string) string {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if len(texts) > maxListed {
		texts = append(texts[:maxListed:maxListed], "and more")
	}
	return strings.Join(texts, "; ")
}

// locked says what the API server enforces once the effects are done.
func (d *decision) locked() metav1.Condition {
	condition := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return v1alpha1.NewCondition(v1alpha1.ConditionLocked, status, reason, message)
	}
	switch {
	case d.unadopted():
		return condition(metav1.ConditionFalse, v1alpha1.ReasonNotAdopted, "the lock waits for adoption; until then images that were not promoted only cause warnings, if anything")
	case !d.snapshot.Policies.Whole():
		problem := d.snapshot.Policies.Reason()
		return condition(metav1.ConditionFalse, problem.Type, problem.Message)
	case d.want.Lock != d.force.Lock || !d.sameRest(d.want):
		return condition(metav1.ConditionFalse, v1alpha1.ReasonNamespaceAltered, "Namespace "+d.namespace()+" does not say what the Environment demands, and the operator cannot change that now; see Accepted")
	case d.force.Lock == v1alpha1.LockOff:
		return condition(metav1.ConditionFalse, v1alpha1.ReasonOff, "the Environment asks for no lock; images of its pipelines are pinned all the same")
	case d.force.Lock == v1alpha1.LockAudit:
		return condition(metav1.ConditionFalse, v1alpha1.ReasonAuditing, "the API server warns of images that were not promoted, and lets them in")
	}
	if d.unreviewedOverride() {
		return condition(metav1.ConditionFalse, v1alpha1.ReasonOverridden, "somebody changed by hand what the API server enforces here, and nobody reviewed that yet; see Reviewed")
	}
	return condition(metav1.ConditionTrue, v1alpha1.ReasonEnforced, "the API server refuses images that were not promoted")
}

// unadopted says whether there is no lock yet because adoption comes first.
func (d *decision) unadopted() bool {
	never := d.refusal.Type != "" && d.want.Lock == "" && !d.everAdopted()
	return never || d.force.Lock == v1alpha1.LockEnforce && d.waitsForAdoption()
}

func (d *decision) waitsForAdoption() bool {
	return d.want.Lock != v1alpha1.LockEnforce && (d.refusal.Type == "" || !d.everAdopted())
}

// converged says whether what runs is what was promoted. Promotions say the same in the same words.
func (d *decision) converged() metav1.Condition {
	c := promotion.ConvergedCondition(v1alpha1.EnvironmentStatus{Pipelines: d.status.Pipelines})
	if c.Status != metav1.ConditionTrue {
		return c
	}
	unmanaged := d.unmanagedImages()
	if let := append(d.unpromotedImages(), unmanaged...); len(let) > 0 && d.want.Lock == v1alpha1.LockAudit {
		return v1alpha1.NewCondition(v1alpha1.ConditionConverged, metav1.ConditionFalse, v1alpha1.ReasonAuditedImagesRun,
			"images run that the lock would refuse, and lets in because it audits: "+join(let)+"; bring them in with a Promotion, take them away, or allow them"+propose(unmanaged))
	}
	if len(unmanaged) > 0 {
		return v1alpha1.NewCondition(v1alpha1.ConditionConverged, metav1.ConditionFalse, v1alpha1.ReasonUnmanagedImagesRun,
			"images of no pipeline run, and could not start again: "+join(unmanaged)+"; take them away, or allow them"+propose(unmanaged))
	}
	return c
}

// unpromotedImages are of repositories that a pipeline owns, and of no release that may run here.
func (d *decision) unpromotedImages() []string {
	var images []string
	for _, s := range d.snapshot.Sightings {
		repository := d.repository(s.Image)
		// A template of a repository that nothing was promoted of yet waits for its first promotion, and a tag was pinned
		// in the pod, unless it was there before.
		waits := s.Source == SourceTemplate && d.want.Pins[repository] == ""
		if d.refusal.Type == "" && d.managed(s.Image) && !waits && Digest(s.Image) != "" &&
			!slices.Contains(d.want.Images, s.Image) && d.want.Adopted[s.Image] == "" {
			images = append(images, s.Image)
		}
	}
	return images
}

// unmanagedImages run though unmanaged images are denied and nobody allowed them.
func (d *decision) unmanagedImages() []string {
	var images []string
	if d.force.UnmanagedImages != v1alpha1.UnmanagedDeny || d.refusal.Type != "" {
		return nil
	}
	for _, s := range d.snapshot.Sightings {
		if !d.managed(s.Image) && !d.allowedPrefix(s.Image) && !slices.Contains(d.want.Others, s.Image) {
			images = append(images, s.Image)
		}
	}
	return images
}

// ready names the first that stands in the way of a promotion: what is not adopted or not locked does so where the
// Environment asks for the lock. That something drifted, or was changed by hand, does not: a promotion may be what mends
// it, and the API server refuses what was not allowed all the same.
func (d *decision) ready(accepted, adopted, locked metav1.Condition) metav1.Condition {
	enforced := d.force.Lock == v1alpha1.LockEnforce
	overridden := locked.Reason == v1alpha1.ReasonOverridden
	for _, c := range []struct {
		condition metav1.Condition
		matters   bool
	}{
		{accepted, true},
		{adopted, enforced || adopted.Reason == v1alpha1.ReasonInProgress},
		{locked, enforced && !overridden},
	} {
		if c.matters && c.condition.Status != metav1.ConditionTrue {
			return v1alpha1.NewCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, c.condition.Reason, c.condition.Message)
		}
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "promotions may begin")
}
