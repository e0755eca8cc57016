package promotion_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// The oracle says, in the plainest way and from the design alone, whether a release may enter an environment. It shares
// no rule with the core: only the hash of evidence, and how a Namespace is read.
type oracle struct {
	promotion.Snapshot
	status v1alpha1.PromotionStatus
	step   v1alpha1.PipelineEnvironment
	site   promotion.Site
}

// checkAgainstDesign checks every effect of a plan.
func checkAgainstDesign(t testing.TB, s promotion.Snapshot, plan promotion.Plan) {
	t.Helper()
	for i, effect := range plan.Effects {
		for _, step := range plan.Status.Pipeline.Environments {
			o := oracle{s, plan.Status, step, s.Sites[step.EnvironmentRef.Namespace]}
			o.checkEffect(t, effect, plan.Effects[:i])
		}
	}
}

func (o oracle) namespace() string { return o.step.EnvironmentRef.Namespace }

func (o oracle) uid() string { return string(o.Promotion.UID) }

func (o oracle) checkEffect(t testing.TB, effect promotion.Effect, before []promotion.Effect) {
	t.Helper()
	namespace, why := "", ""
	switch e := effect.(type) {
	case promotion.UpdateEnvironment:
		namespace, why = e.Namespace, o.whyNoClaim(e)
	case promotion.Pin:
		namespace, why = e.Namespace, o.whyNoPin(e, before)
	case promotion.Touch:
		namespace, why = e.Namespace, o.whyNoTouch(e)
	case promotion.StartGate:
		namespace, why = e.Namespace, o.whyNoGate(e)
	case promotion.CreateRecord:
		namespace, why = e.Record.Namespace, o.whyNoRecord(e)
	}
	if why != "" && namespace == o.namespace() {
		t.Errorf("%T in %s: %s\n%s", effect, o.namespace(), why, text(t, o.status))
	}
}

func (o oracle) holds(status v1alpha1.EnvironmentStatus) bool {
	return slices.ContainsFunc(status.Holders, func(h v1alpha1.Holder) bool { return h.PromotionRef.UID == o.uid() })
}

func (o oracle) progress(status v1alpha1.PromotionStatus, name string) v1alpha1.EnvironmentProgress {
	for _, e := range status.Environments {
		if e.Name == name {
			return e
		}
	}
	return v1alpha1.EnvironmentProgress{}
}

// entered says that the status said before that the environment had been entered: a claim that was lost is taken again.
func (o oracle) entered() bool {
	state := o.progress(o.Promotion.Status, o.step.Name).State
	return state != "" && state != v1alpha1.StatePending && state != v1alpha1.StateWaiting
}

// whyNoClaim is I1 and I3.
func (o oracle) whyNoClaim(update promotion.UpdateEnvironment) string {
	if update.Namespace != o.namespace() || o.holds(o.site.Environment.Status) || !o.holds(update.Status) {
		return ""
	}
	if busy := o.whyBusy(); busy != "" || o.entered() {
		return busy
	}
	if o.Promotion.Spec.Lifecycle == v1alpha1.LifecycleCancelled {
		return "it is cancelled"
	}
	checks := []string{o.whyUnguarded(), o.whyNotAdmitted(), o.whyNotSigned()}
	if !o.without(v1alpha1.SkipEvidence) {
		checks = append(checks, o.whyNotBefore(), o.whyNoEvidence())
	}
	if !o.without(v1alpha1.SkipFreezes) {
		checks = append(checks, o.whyNotOpen())
	}
	for _, why := range checks {
		if why != "" {
			return "I1: " + why
		}
	}
	return ""
}

// emergency is what the Environment says of emergencies; nil where this is none, or it allows none.
func (o oracle) emergency() *v1alpha1.EmergencyRequirement {
	if o.Promotion.Spec.Emergency.Reason == "" {
		return nil
	}
	return o.site.Environment.Spec.Emergencies
}

// without says whether both sides want to do without something.
func (o oracle) without(what v1alpha1.EmergencySkip) bool {
	allowed := o.emergency()
	if allowed == nil || what == v1alpha1.SkipEvidence && o.Promotion.Spec.Intent == v1alpha1.IntentRollback {
		return false
	}
	for _, skips := range [][]v1alpha1.EmergencySkip{allowed.Skips, o.Promotion.Spec.Emergency.Skips} {
		if len(skips) > 0 && !slices.Contains(skips, what) {
			return false
		}
	}
	return true
}

func (o oracle) whyBusy() string {
	key := o.Promotion.Namespace + "/" + o.Promotion.Spec.PipelineRef.Name
	for _, h := range o.site.Environment.Status.Holders {
		if h.PromotionRef.UID != o.uid() && (h.Pipeline == key || o.site.Environment.Spec.Concurrency == v1alpha1.ConcurrencyExclusive) {
			return "I3: " + h.PromotionRef.Name + " holds the slot"
		}
	}
	return ""
}

func (o oracle) whyUnguarded() string {
	spec := o.site.Environment.Spec
	open := spec.Lock == v1alpha1.LockOff || spec.Lock == v1alpha1.LockAudit || spec.Lock == "" && spec.Tier == v1alpha1.TierDevelopment
	if len(o.Policies.Missing)+len(o.Policies.Altered) > 0 && (!open || spec.Tier == v1alpha1.TierProduction) {
		return "a policy is missing or altered"
	}
	return ""
}

func (o oracle) whyNotAdmitted() string {
	env := o.site.Environment
	if !o.site.Permitted || env.DeletionTimestamp != nil || o.site.Namespace.DeletionTimestamp != nil {
		return "the operator may not work here"
	}
	for _, image := range o.status.Images {
		if !slices.ContainsFunc(env.Spec.Pipelines, func(entry v1alpha1.AdmittedPipeline) bool { return o.admits(entry, image.Repository) }) {
			return image.Repository + " is not admitted"
		}
	}
	return ""
}

func (o oracle) admits(entry v1alpha1.AdmittedPipeline, wanted string) bool {
	named := entry.Namespace == o.Promotion.Namespace && (entry.Name == o.Promotion.Spec.PipelineRef.Name || entry.Name == "*")
	for _, repository := range entry.Repositories {
		if named && (repository == wanted || strings.HasSuffix(repository, "/") && strings.HasPrefix(wanted, repository)) {
			return true
		}
	}
	return false
}

// same says whether a record is about the images of the release.
func (o oracle) same(r *v1alpha1.ReleaseRecord) bool {
	lines := func(images []v1alpha1.Image) []string {
		var found []string
		for _, image := range images {
			found = append(found, image.Repository+" "+image.Digest)
		}
		slices.Sort(found)
		return found
	}
	return slices.Equal(lines(r.Spec.Images), lines(o.status.Images))
}

// last is the newest record of the release in a namespace.
func (o oracle) last(namespace string) *v1alpha1.ReleaseRecord {
	var last *v1alpha1.ReleaseRecord
	for _, r := range o.Records {
		if r.Namespace != namespace || !o.same(r) {
			continue
		}
		if last == nil || r.Spec.Sequence > last.Spec.Sequence {
			last = r
		}
	}
	return last
}

func (o oracle) before(step v1alpha1.PipelineEnvironment) []v1alpha1.PipelineEnvironment {
	all := o.status.Pipeline.Environments
	i := slices.IndexFunc(all, func(e v1alpha1.PipelineEnvironment) bool { return e.Name == step.Name })
	names := step.After
	if len(names) == 0 && i > 0 {
		names = []string{all[i-1].Name}
	}
	var found []v1alpha1.PipelineEnvironment
	for _, e := range all {
		if slices.Contains(names, e.Name) {
			found = append(found, e)
		}
	}
	return found
}

func (o oracle) whyNotBefore() string {
	if o.Promotion.Spec.Intent == v1alpha1.IntentRollback {
		return ""
	}
	for _, e := range o.before(o.step) {
		selected := len(o.Promotion.Spec.Environments) == 0 || slices.Contains(o.Promotion.Spec.Environments, e.Name)
		last := o.last(e.EnvironmentRef.Namespace)
		if selected && o.progress(o.status, e.Name).State != v1alpha1.StatePassed {
			return e.Name + " has not passed"
		}
		if !selected && (last == nil || last.Spec.Result != v1alpha1.ResultPassed) {
			return e.Name + " is left out and has not passed"
		}
	}
	return ""
}

func (o oracle) whyNoEvidence() string {
	if o.Promotion.Spec.Intent == v1alpha1.IntentRollback {
		last := o.last(o.namespace())
		if last == nil || last.Spec.Result != v1alpha1.ResultPassed && last.Spec.Result != v1alpha1.ResultAdopted {
			return "it never ran well here"
		}
		return ""
	}
	for _, requirement := range o.evidence() {
		if !o.proven(requirement) {
			return fmt.Sprintf("no evidence of %s", requirement.Purpose)
		}
	}
	return ""
}

// evidence is what the design says that an Environment demands.
func (o oracle) evidence() []v1alpha1.EvidenceRequirement {
	spec := o.site.Environment.Spec
	none := spec.Requires != nil && spec.Requires.EvidenceMode == v1alpha1.RequirementNone
	switch {
	case none:
		return nil
	case spec.Requires != nil && len(spec.Requires.Evidence) > 0:
		return spec.Requires.Evidence
	case spec.Tier == v1alpha1.TierProduction:
		return []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeFunctional}, {Purpose: v1alpha1.PurposeStress}}
	}
	return nil
}

func (o oracle) sources(requirement v1alpha1.EvidenceRequirement) []string {
	var found []string
	for namespace, site := range o.Sites {
		named := slices.Contains(requirement.From, v1alpha1.EnvironmentReference{Namespace: namespace})
		env := site.Environment
		locked := env != nil && env.Spec.Tier == v1alpha1.TierTest && (env.Spec.Lock == "" || env.Spec.Lock == v1alpha1.LockEnforce) &&
			slices.ContainsFunc(env.Status.Conditions, func(c metav1.Condition) bool { return c.Type == "Locked" && c.Status == metav1.ConditionTrue })
		if named || len(requirement.From) == 0 && locked {
			found = append(found, namespace)
		}
	}
	return found
}

func (o oracle) proven(requirement v1alpha1.EvidenceRequirement) bool {
	for _, namespace := range o.sources(requirement) {
		last := o.last(namespace)
		if last == nil || last.Spec.Result != v1alpha1.ResultPassed {
			continue
		}
		old := requirement.MaxAgeSeconds > 0 && o.Now.Sub(last.Spec.CompletionTime.Time) >= time.Duration(requirement.MaxAgeSeconds)*time.Second
		if !old && slices.ContainsFunc(last.Spec.Gates, func(gate v1alpha1.GateStatus) bool { return shows(gate, requirement) }) {
			return true
		}
	}
	return false
}

func shows(gate v1alpha1.GateStatus, requirement v1alpha1.EvidenceRequirement) bool {
	declared := gate.DeclaredBy == v1alpha1.DeclaredByPlatform || requirement.DeclaredBy == v1alpha1.DeclaredByAnyone
	return declared && gate.Purpose == requirement.Purpose && gate.State == v1alpha1.GatePassed
}

// shown is the evidence that a person looks at before signing.
func (o oracle) shown() string {
	places := map[string]bool{o.namespace(): true}
	for _, requirement := range o.evidence() {
		for _, namespace := range o.sources(requirement) {
			places[namespace] = true
		}
	}
	queue := o.before(o.step)
	for len(queue) > 0 {
		places[queue[0].EnvironmentRef.Namespace] = true
		queue = append(queue[1:], o.before(queue[0])...)
	}
	var records []*v1alpha1.ReleaseRecord
	for _, r := range o.Records {
		if places[r.Namespace] && o.same(r) {
			records = append(records, r)
		}
	}
	return promotion.EvidenceHash(records)
}

// demanded is how many people have to sign, and of which groups.
func (o oracle) demanded() (int, []v1alpha1.ApprovalQuota) {
	spec := o.site.Environment.Spec
	requires := v1alpha1.Requirements{}
	if spec.Requires != nil {
		requires = *spec.Requires
	}
	switch {
	case o.Promotion.Spec.Intent == v1alpha1.IntentRollback && requires.Rollback != nil && requires.Rollback.Approvals != nil:
		return int(*requires.Rollback.Approvals), nil
	case o.Promotion.Spec.Intent == v1alpha1.IntentRollback:
		return 0, nil
	case requires.Approvals == nil && spec.Tier == v1alpha1.TierProduction:
		return 1, nil
	case requires.Approvals == nil || requires.Approvals.Mode == v1alpha1.RequirementNone:
		return 0, nil
	}
	return max(1, int(requires.Approvals.Count)), requires.Approvals.From
}

// excluded are those who may not sign.
func (o oracle) excluded() []string {
	spec, p := o.site.Environment.Spec, o.Promotion.Spec
	if allowed := o.emergency(); allowed != nil {
		return o.excludedFromEmergency(allowed)
	}
	if spec.Requires != nil && spec.Requires.Approvals != nil && slices.Equal(spec.Requires.Approvals.Excludes, []v1alpha1.Exclusion{v1alpha1.ExcludeNone}) {
		return nil
	}
	excluded := append([]string{"", p.RequestedBy.Username}, p.OnBehalfOf...)
	for _, change := range p.Changes {
		if spec.Tier == v1alpha1.TierProduction {
			excluded = append(excluded, change.Author)
		}
	}
	return excluded
}

func (o oracle) excludedFromEmergency(allowed *v1alpha1.EmergencyRequirement) []string {
	if allowed.Requester == v1alpha1.RequesterAllowed {
		return nil
	}
	excluded := append([]string{o.Promotion.Spec.RequestedBy.Username}, o.Promotion.Spec.OnBehalfOf...)
	for _, change := range o.Promotion.Spec.Changes {
		excluded = append(excluded, change.Author)
	}
	return excluded
}

// signers are those whose signature counts, with their groups.
func (o oracle) signers() map[string][]string {
	signers := map[string][]string{}
	for _, a := range o.site.Approvals {
		who := a.Spec.Approver
		fits := a.Spec.PromotionRef.UID == o.uid() && a.Spec.ReleaseHash == o.status.ReleaseHash && a.Spec.EvidenceHash == o.shown()
		young := o.Now.Sub(a.CreationTimestamp.Time) < 7*24*time.Hour
		own := slices.ContainsFunc(o.excluded(), func(person string) bool { return strings.EqualFold(person, who.Username) })
		if fits && young && !own && o.Rights.Answers[a.UID] == promotion.RightHeld {
			signers[strings.ToLower(who.Username)] = who.Groups
		}
	}
	return signers
}

func (o oracle) whyNotSigned() string {
	count, quotas := o.demanded()
	signers := o.signers()
	if allowed := o.emergency(); allowed != nil {
		count, quotas = max(1, int(allowed.Count)), nil
		maps.DeleteFunc(signers, func(_ string, groups []string) bool {
			return !slices.ContainsFunc(groups, func(group string) bool { return slices.Contains(allowed.Groups, group) })
		})
	}
	if count == 0 {
		return ""
	}
	for _, a := range o.site.Approvals {
		if a.Spec.PromotionRef.UID == o.uid() && a.Spec.Decision == v1alpha1.DecisionRejected {
			return a.Spec.Approver.Username + " rejected it"
		}
	}
	if len(signers) < count {
		return fmt.Sprintf("%d of %d signed: %v", len(signers), count, slices.Collect(maps.Keys(signers)))
	}
	for _, quota := range quotas {
		members := 0
		for _, groups := range signers {
			if slices.Contains(groups, quota.Name) {
				members++
			}
		}
		if members < max(1, int(quota.Count)) {
			return "too few of " + quota.Name
		}
	}
	return ""
}

// whyNotOpen looks at the minutes of the day before for a start of each freeze: those of these worlds begin
// at one hour of every day, in a zone without daylight saving, or are there once.
func (o oracle) whyNotOpen() string {
	spec := o.site.Environment.Spec
	respects := spec.Requires != nil && spec.Requires.Rollback != nil && spec.Requires.Rollback.Freezes == v1alpha1.FreezesRespect
	if o.Promotion.Spec.Intent == v1alpha1.IntentRollback && !respects {
		return ""
	}
	windows, inside := false, false
	for _, freeze := range spec.Freezes {
		lasts := o.lasts(freeze)
		if freeze.Effect == v1alpha1.FreezeAllow {
			windows, inside = true, inside || lasts
		} else if lasts {
			return "frozen by " + freeze.Name
		}
	}
	if windows && !inside {
		return "outside of every window"
	}
	return ""
}

func (o oracle) lasts(freeze v1alpha1.Freeze) bool {
	if freeze.FromTime != nil {
		return !o.Now.Before(freeze.FromTime.Time) && o.Now.Before(freeze.ToTime.Time)
	}
	zone, err := time.LoadLocation(freeze.TimeZone)
	hour := 0
	if n, wrong := fmt.Sscanf(freeze.Schedule, "0 %d * * *", &hour); err != nil || wrong != nil || n != 1 {
		return true
	}
	for m := o.Now.Truncate(time.Minute); o.Now.Sub(m) < time.Duration(freeze.DurationSeconds)*time.Second; m = m.Add(-time.Minute) {
		if shown := m.In(zone); shown.Hour() == hour && shown.Minute() == 0 {
			return true
		}
	}
	return false
}

// whyNoPin: only what was claimed is pinned, and only the release or the one to go back to.
func (o oracle) whyNoPin(pin promotion.Pin, before []promotion.Effect) string {
	if pin.Namespace != o.namespace() {
		return ""
	}
	claimed := o.holds(o.site.Environment.Status)
	for _, effect := range before {
		if e, ok := effect.(promotion.UpdateEnvironment); ok && e.Namespace == pin.Namespace && o.holds(e.Status) {
			claimed = true
		}
	}
	if !claimed {
		return "I3: pins without a claim"
	}
	if changed := promotion.ParseEnforced(o.site.Namespace).ChangedByHand(); len(changed) > 0 {
		return fmt.Sprintf("undoes what somebody changed by hand: %v", changed)
	}
	was := promotion.ParseEnforced(o.site.Namespace).Pins
	for repository, reference := range pin.Copy.Pins {
		if was[repository] != reference && !o.known(reference) {
			return "I1: pins " + reference
		}
	}
	allowed := promotion.ParseEnforced(o.site.Namespace).Images
	for _, reference := range pin.Copy.Images {
		if !slices.Contains(allowed, reference) && was[repositoryName(reference)] != reference && !o.known(reference) {
			return "I1: allows " + reference
		}
	}
	return ""
}

func repositoryName(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	return name
}

// known says whether a reference is of the release, or of one that ran well here or was brought in by hand.
func (o oracle) known(reference string) bool {
	images := slices.Clone(o.status.Images)
	to := []v1alpha1.RecordResult{v1alpha1.ResultPassed, v1alpha1.ResultAdopted, v1alpha1.ResultOverridden}
	for _, r := range o.Records {
		if r.Namespace == o.namespace() && slices.Contains(to, r.Spec.Result) {
			images = append(images, r.Spec.Images...)
		}
	}
	return slices.ContainsFunc(images, func(i v1alpha1.Image) bool { return i.Repository+"@"+i.Digest == o.canonical(reference) })
}

// canonical writes a reference with the name that the pipeline gives its repository.
func (o oracle) canonical(reference string) string {
	for _, e := range o.site.Environment.Spec.Repositories {
		if rest, mirrored := strings.CutPrefix(reference, e.To); mirrored {
			return e.From + rest
		}
	}
	return reference
}

// whyNoTouch: admission writes what is pinned, so the pin has to be there first.
func (o oracle) whyNoTouch(touch promotion.Touch) string {
	if touch.Namespace != o.namespace() {
		return ""
	}
	pins := promotion.ParseEnforced(o.site.Namespace).Pins
	for _, reference := range touch.References {
		if pins[repositoryName(o.canonical(reference))] != reference {
			return "touches " + touch.Name + " before the pin"
		}
	}
	return ""
}

// whyNoGate is I2 and I6.
func (o oracle) whyNoGate(gate promotion.StartGate) string {
	for _, run := range o.site.Runs {
		if run.Job == gate.Job {
			return "I6: the Job is there already"
		}
	}
	image := gate.Gate.Job.Image
	if promotion.IsLoad(gate.Gate) || promotion.IsMetric(gate.Gate) || promotion.IsWebhook(gate.Gate) {
		image = gate.Generator
	}
	if !strings.Contains(image, "@") {
		return "the test is a tag, and may be another one by the time it runs: " + image
	}
	return o.whyNotRunning()
}

// whyNotRunning: every pod that is to be delivered to runs the release.
func (o oracle) whyNotRunning() string {
	for _, workload := range o.site.Workloads {
		if workload.Ignored {
			continue
		}
		images := slices.Clone(workload.Images)
		for _, pod := range workload.Pods {
			images = append(images, pod.Images...)
		}
		for _, have := range images {
			for _, image := range o.status.Images {
				if name := o.canonical(have.Image); strings.HasPrefix(name, image.Repository+"@") && name != image.Reference() {
					return "I2: " + workload.Name + " has " + have.Image
				}
			}
		}
	}
	return ""
}

// excused: what was agreed beforehand may fail, and nothing else.
func excused(t v1alpha1.Tolerance, r promotion.Run) bool {
	if r.ExitCode == nil || *r.ExitCode != 1 || r.Tests == nil || r.Tests.Problem != "" || t.MaxFailed+t.MaxFailedPercent == 0 {
		return false
	}
	failed, passed := int64(*r.Tests.Figures.Failed), int64(*r.Tests.Figures.Passed)
	return passed > 0 && failed > 0 && (t.MaxFailed == 0 || failed <= int64(t.MaxFailed)) &&
		(t.MaxFailedPercent == 0 || failed*100 <= int64(t.MaxFailedPercent)*(failed+passed))
}

// whyNoRecord: a pass is recorded once every gate passed.
func (o oracle) whyNoRecord(create promotion.CreateRecord) string {
	if create.Record.Namespace != o.namespace() || create.Record.Spec.Result != v1alpha1.ResultPassed {
		return ""
	}
	for _, gate := range slices.Concat(o.site.Environment.Spec.Gates, o.step.Gates) {
		passed := slices.ContainsFunc(o.site.Runs, func(r promotion.Run) bool {
			return (r.Gate == gate.Name || r.Gate == "team-"+gate.Name) && r.Environment == o.step.Name && (r.State == promotion.RunPassed || excused(gate.Job.Tolerance, r))
		})
		if gate.Soak.DurationSeconds == 0 && !passed {
			return "gate " + gate.Name + " has not passed"
		}
	}
	return o.whyNotRunning()
}
