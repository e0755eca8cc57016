package promotion_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// world is a small model of a cluster: it performs plans as the API server, the controllers of workloads and the kubelets
// would, with optimistic locks. Every decision that is made in it is checked (check_test.go), and every effect and every
// change of state is logged.
type world struct {
	t          testing.TB
	now        time.Time
	pipeline   *v1alpha1.DeliveryPipeline
	promotions []*v1alpha1.Promotion
	sites      map[string]*promotion.Site
	records    []*v1alpha1.ReleaseRecord
	resolution promotion.Resolution
	// verdicts of the attempts of a gate, by environment/gate; without any it passes.
	verdicts map[string][]promotion.RunState
	// loads are what load gates measure, by environment/gate.
	loads map[string]func(*promotion.Run)
	// notUnderstood says of conditions why they are none; all others are.
	notUnderstood map[string]string
	// templates that gates may name.
	templates map[string]*v1alpha1.GateTemplate
	// operator is the image that the operator is.
	operator string
	// hanging gates start and do not end, by environment/gate.
	hanging map[string]bool
	// problems keep the Jobs of a gate from starting, by environment/gate.
	problems map[string]string
	// broken are digests whose pods never become ready.
	broken map[string]bool
	// stale API servers do not see the pin yet: so many touches in a namespace leave the images as they are.
	stale map[string]int
	// policies that are missing or altered.
	policies promotion.Policies
	// signers approve whatever awaits them, in every namespace.
	signers []string
	// rights of people who signed, by username; without any they hold it.
	rights map[string]promotion.Right
	// gateImages are what registries say of images of gates that are given by tag, and when to ask again.
	gateImages     map[string]promotion.TagAnswer
	gateImagesNext time.Time
	// started are the images of the Jobs of gates, in order.
	started []string
	// owners of Jobs: the uid of the promotion that a run belongs to.
	owners map[string]string
	// mirrored are exact references that mirrors have.
	mirrored map[string]bool
	version  int
	log      []string
	events   []promotion.Event
}

// newWorld has a dev environment, a locked test environment with a functional and a stress gate, and a production with
// the defaults of its tier; v1 ran in all of them when Sluice came.
func newWorld(t testing.TB) *world {
	w := &world{
		t: t, now: Epoch.Add(time.Hour), pipeline: MakePipeline().Obj(), sites: map[string]*promotion.Site{},
		verdicts: map[string][]promotion.RunState{}, loads: map[string]func(*promotion.Run){}, notUnderstood: map[string]string{}, operator: OperatorImage, hanging: map[string]bool{}, problems: map[string]string{}, broken: map[string]bool{}, stale: map[string]int{},
		owners: map[string]string{}, rights: map[string]promotion.Right{}, mirrored: map[string]bool{}, version: 100,
	}
	w.site(MakeEnvironment("shop-dev", v1alpha1.TierDevelopment), Release("v1")...)
	w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).
		Gate(JobGate("functional", v1alpha1.PurposeFunctional)).Gate(JobGate("stress", v1alpha1.PurposeStress)), Release("v1")...)
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Gate(JobGate("smoke", v1alpha1.PurposeFunctional)), Release("v1")...)
	return w
}

// site adds or replaces a namespace that runs a release, adopted.
func (w *world) site(env *EnvironmentBuilder, images ...v1alpha1.Image) *promotion.Site {
	made := MakeSite(env.Obj()).Runs(images...).Obj()
	namespace := made.Environment.Namespace
	w.sites[namespace] = &made
	w.records = slices.DeleteFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == namespace })
	if len(images) > 0 {
		w.keep(MakeRecord(namespace, "adopted", images...).Result(v1alpha1.ResultAdopted).Obj())
	}
	return &made
}

// keep adds records, each the next one of its namespace.
func (w *world) keep(records ...*v1alpha1.ReleaseRecord) {
	for _, r := range records {
		promotion.Follow(&r.Spec, promotion.Newest(w.records, func(other *v1alpha1.ReleaseRecord) bool { return other.Namespace == r.Namespace }))
		w.records = append(w.records, r)
	}
}

func (w *world) add(p *v1alpha1.Promotion) *v1alpha1.Promotion {
	w.promotions = append(w.promotions, p)
	return p
}

// promote adds a promotion of a seed's release, created now.
func (w *world) promote(seed string) *v1alpha1.Promotion {
	b := MakePromotion("checkout-" + seed).Created(w.now.Sub(Epoch))
	for _, image := range w.pipeline.Spec.Images {
		b.Digest(image.Name, Digest(seed))
	}
	return w.add(b.Obj())
}

func (w *world) get(name string) *v1alpha1.Promotion {
	i := slices.IndexFunc(w.promotions, func(p *v1alpha1.Promotion) bool { return p.Name == name })
	return w.promotions[i]
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// snapshot is what the operator observes. It shares nothing with the world.
func (w *world) snapshot(p *v1alpha1.Promotion) promotion.Snapshot {
	s := promotion.Snapshot{Now: w.now, Promotion: p.DeepCopy(), Resolution: w.resolution, Sites: map[string]promotion.Site{}, Policies: w.policies,
		Generator: promotion.Generator{Image: w.operator}, Templates: map[string]*v1alpha1.GateTemplate{}, Expressions: w.expressions()}
	for name, template := range w.templates {
		s.Templates[name] = template.DeepCopy()
	}
	s.GateImages = promotion.Resolution{Answers: w.gateImages, Next: w.gateImagesNext}
	s.Rights.Answers = map[types.UID]promotion.Right{}
	if w.pipeline != nil {
		s.Pipeline = w.pipeline.DeepCopy()
	}
	for _, other := range w.promotions {
		if other.UID != p.UID {
			s.Rivals = append(s.Rivals, other.DeepCopy())
		}
	}
	for namespace, site := range w.sites {
		copied := cloneSite(*site)
		copied.Runs = slices.DeleteFunc(copied.Runs, func(r promotion.Run) bool { return w.owners[r.Job] != string(p.UID) })
		copied.Approvals = slices.DeleteFunc(copied.Approvals, func(a *v1alpha1.Approval) bool { return a.Spec.PromotionRef.UID != string(p.UID) })
		copied.InUse = inUse(copied)
		if copied.Environment != nil {
			copied.Zones = Zones(copied.Environment)
		}
		s.Sites[namespace] = copied
		for _, a := range copied.Approvals {
			s.Rights.Answers[a.UID] = promotion.RightHeld
			if right, said := w.rights[a.Spec.Approver.Username]; said {
				s.Rights.Answers[a.UID] = right
			}
		}
	}
	for _, r := range w.records {
		s.Records = append(s.Records, r.DeepCopy())
	}
	return s
}

// inUse are the exact references that something in a namespace runs, or may have to run again.
func inUse(site promotion.Site) []string {
	var references []string
	for _, workload := range site.Workloads {
		for _, image := range workload.Images {
			references = append(references, image.Image)
		}
		for _, pod := range workload.Pods {
			for _, image := range pod.Images {
				references = append(references, image.Image)
			}
		}
	}
	return sorted(references)
}

func cloneSite(site promotion.Site) promotion.Site {
	if site.Namespace != nil {
		site.Namespace = site.Namespace.DeepCopy()
	}
	if site.Environment != nil {
		site.Environment = site.Environment.DeepCopy()
	}
	site.Runs = slices.Clone(site.Runs)
	site.Workloads = slices.Clone(site.Workloads)
	for i, workload := range site.Workloads {
		site.Workloads[i].Images, site.Workloads[i].Pods = slices.Clone(workload.Images), slices.Clone(workload.Pods)
	}
	site.Approvals = slices.Clone(site.Approvals)
	for i, a := range site.Approvals {
		site.Approvals[i] = a.DeepCopy()
	}
	site.InUse = slices.Clone(site.InUse)
	return site
}

// decide makes one plan, checks it, and performs it. It reports whether anything was written.
func (w *world) decide(p *v1alpha1.Promotion) bool {
	snapshot := w.snapshot(p)
	plan := decideChecked(w.t, snapshot)
	if len(plan.Questions.Mirrored) > 0 {
		snapshot.Mirrored = w.answers(plan.Questions.Mirrored)
		plan = decideChecked(w.t, snapshot)
	}
	checkAgainstDesign(w.t, snapshot, plan)
	wrote := false
	for _, effect := range plan.Effects {
		done, fresh := w.perform(p, effect)
		wrote = wrote || fresh
		if !done {
			return true
		}
	}
	if !sameStatus(p.Status, plan.Status) {
		w.sayTransitions(p, plan.Status)
		plan.Status.DeepCopyInto(&p.Status)
		wrote = true
	}
	w.events = append(w.events, plan.Events...)
	return wrote
}

// answers are those of the mirrors.
func (w *world) answers(questions []v1alpha1.Image) promotion.Resolution {
	r := promotion.Resolution{Answers: map[string]promotion.TagAnswer{}}
	for _, image := range questions {
		r.Answers[image.Reference()] = promotion.TagAnswer{Digest: image.Digest}
		if !w.mirrored[image.Reference()] {
			r.Answers[image.Reference()] = promotion.TagAnswer{Reason: v1alpha1.ReasonTagNotFound}
			r.Next = w.now.Add(time.Minute)
		}
	}
	return r
}

func (w *world) sayTransitions(p *v1alpha1.Promotion, after v1alpha1.PromotionStatus) {
	before := map[string]v1alpha1.EnvironmentProgress{}
	for _, e := range p.Status.Environments {
		before[e.Name] = e
	}
	for _, e := range after.Environments {
		was := before[e.Name]
		if was.State == e.State && slices.Equal(reasonTypes(was), reasonTypes(e)) {
			continue
		}
		line := fmt.Sprintf("%s: %s is %s", p.Name, e.Name, e.State)
		if e.Cause != "" {
			line += " (" + string(e.Cause) + ")"
		}
		w.say("%s %s", line, strings.Join(reasonTypes(e), " "))
	}
	if after.Outcome != p.Status.Outcome {
		w.say("%s: %s: %s", p.Name, after.Outcome, after.Message)
	}
}

func reasonTypes(e v1alpha1.EnvironmentProgress) []string {
	var found []string
	for _, reason := range e.Reasons {
		found = append(found, reason.Type)
	}
	return found
}

// byHand makes a reference the pin of its repository as somebody does who may: the seal stays as it is.
func (w *world) byHand(site *promotion.Site, reference string) {
	c := promotion.ParseEnforced(site.Namespace)
	seal := c.Seal
	c.Pins[Repository("api")] = reference
	c.Images = append(c.Images, reference)
	Enforce(site.Namespace, c)
	site.Namespace.Annotations[v1alpha1.SealAnnotation] = seal
	site.Namespace.ResourceVersion = w.next()
}

// sealed records what was changed by hand, as the operator does when it is back, and seals the copy again.
func (w *world) sealed(site *promotion.Site, images ...v1alpha1.Image) {
	w.wait(time.Second)
	w.keep(MakeRecord(site.Namespace.Name, "by-hand-"+w.next(), images...).Result(v1alpha1.ResultOverridden).Created(w.now.Sub(Epoch)).Obj())
	Enforce(site.Namespace, promotion.ParseEnforced(site.Namespace))
	site.Namespace.ResourceVersion = w.next()
}

func (w *world) next() string {
	w.version++
	return fmt.Sprint(w.version)
}

// perform does one effect. It reports whether it was done, and whether it changed anything: preconditions hold, names
// are unique.
func (w *world) perform(p *v1alpha1.Promotion, effect promotion.Effect) (done, fresh bool) {
	switch e := effect.(type) {
	case promotion.UpdateEnvironment:
		return w.updateEnvironment(e)
	case promotion.Pin:
		return w.pin(e)
	case promotion.Touch:
		return w.touch(e)
	case promotion.StartGate:
		return true, w.startGate(e)
	case promotion.StopGate:
		return true, w.stopGate(e)
	case promotion.CreateRecord:
		return true, w.createRecord(e)
	case promotion.LabelOutcome:
		if p.Labels[v1alpha1.OutcomeLabel] == string(e.Outcome) {
			return true, false
		}
		p.Labels = map[string]string{v1alpha1.OutcomeLabel: string(e.Outcome)}
		return true, true
	}
	w.t.Fatalf("unknown effect %T", effect)
	return false, false
}

func (w *world) updateEnvironment(e promotion.UpdateEnvironment) (done, fresh bool) {
	env := w.sites[e.Namespace].Environment
	if e.ResourceVersion != env.ResourceVersion {
		w.say("conflict in %s", e.Namespace)
		return false, false
	}
	before, after := env.Status, e.Status
	for _, change := range []struct {
		what          string
		before, after int
	}{{"awaits sign-off", len(before.Awaiting), len(after.Awaiting)}, {"slot taken", len(before.Holders), len(after.Holders)}} {
		switch {
		case change.after > change.before:
			w.say("%s: %s", e.Namespace, change.what)
		case change.after < change.before:
			w.say("%s: no longer: %s", e.Namespace, change.what)
		}
	}
	e.Status.DeepCopyInto(&env.Status)
	env.ResourceVersion = w.next()
	return true, true
}

func (w *world) pin(e promotion.Pin) (done, fresh bool) {
	ns := w.sites[e.Namespace].Namespace
	if e.ResourceVersion != ns.ResourceVersion {
		w.say("conflict in %s", e.Namespace)
		return false, false
	}
	if e.Copy.Equal(promotion.ParseEnforced(ns)) {
		w.t.Errorf("a pin of %s changes nothing", e.Namespace)
	}
	w.say("%s: pins %s, allows %s", e.Namespace, w.named(slices.Sorted(maps.Values(e.Copy.Pins))), w.named(sorted(e.Copy.Images)))
	Enforce(ns, e.Copy)
	ns.ResourceVersion = w.next()
	return true, true
}

func sorted(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

// named writes references with the seeds that their digests stand for.
func (w *world) named(references []string) string {
	text := strings.ReplaceAll(strings.Join(references, " "), RegistryPrefix+"checkout-", "")
	for i := range 9 {
		seed := fmt.Sprintf("v%d", i)
		text = strings.ReplaceAll(text, Digest(seed), seed)
	}
	return text
}

// touch is a write of an annotation, upon which admission writes the images from the pins, if it sees them.
func (w *world) touch(e promotion.Touch) (done, fresh bool) {
	site := w.sites[e.Namespace]
	i := slices.IndexFunc(site.Workloads, func(x promotion.Workload) bool { return x.Kind == e.Kind && x.Name == e.Name })
	workload := &site.Workloads[i]
	if workload.ResourceVersion != e.ResourceVersion {
		w.say("conflict in %s", e.Namespace)
		return false, false
	}
	w.say("%s: touches %s", e.Namespace, e.Name)
	changed := workload.Release != e.Release
	workload.Release, workload.ResourceVersion = e.Release, w.next()
	if w.stale[e.Namespace] > 0 {
		w.stale[e.Namespace]--
		return true, true
	}
	if changed {
		pinned(workload, promotion.ParseEnforced(site.Namespace))
	}
	return true, true
}

// pinned does what config/admission/pin.yaml does, to images by digest.
func pinned(workload *promotion.Workload, enforced promotion.EnforcedCopy) {
	for i, image := range workload.Images {
		repository, _, _ := strings.Cut(image.Image, "@")
		if canonical := enforced.Mirrors[repository]; canonical != "" {
			repository = canonical
		}
		if pin := enforced.Pins[repository]; pin != "" && pin != image.Image {
			workload.Images[i].Image, workload.Settled = pin, false
		}
	}
}

// expressions says of each condition of a gate whether it is one.
func (w *world) expressions() map[string]string {
	answers := maps.Clone(w.notUnderstood)
	for _, site := range w.sites {
		if site.Environment == nil {
			continue
		}
		for _, gate := range slices.Concat(site.Environment.Spec.Gates, w.teamGates()) {
			if _, known := answers[gate.Metric.PassIf]; !known {
				answers[gate.Metric.PassIf] = ""
			}
		}
	}
	return answers
}

func (w *world) teamGates() []v1alpha1.Gate {
	var gates []v1alpha1.Gate
	if w.pipeline != nil {
		for _, e := range w.pipeline.Spec.Environments {
			gates = append(gates, e.Gates...)
		}
	}
	return gates
}

func (w *world) startGate(e promotion.StartGate) bool {
	site := w.sites[e.Namespace]
	if slices.ContainsFunc(site.Runs, func(r promotion.Run) bool { return r.Job == e.Job }) {
		return false
	}
	if allowed := promotion.ParseEnforced(site.Namespace).GateImages; !slices.Contains(allowed, cmp.Or(e.Gate.Job.Image, e.Generator)+"="+e.Job) {
		w.t.Errorf("gate %s of %s would be refused: its image is not among %v", e.Gate.Name, e.Namespace, allowed)
	}
	w.owners[e.Job] = e.Promotion.UID
	w.started = append(w.started, e.Gate.Job.Image)
	w.say("%s: starts %s, attempt %d", e.Namespace, e.Gate.Name, e.Attempt)
	site.Runs = append(site.Runs, promotion.Run{
		Environment: e.Environment, Gate: e.Gate.Name, Attempt: e.Attempt, SpecHash: e.SpecHash, Job: e.Job,
		UID: "uid-" + e.Job, State: promotion.RunWaiting, Asked: cmp.Or(e.Gate.Job.Image, e.Generator),
	})
	return true
}

func (w *world) stopGate(e promotion.StopGate) bool {
	site := w.sites[e.Namespace]
	before := len(site.Runs)
	site.Runs = slices.DeleteFunc(site.Runs, func(r promotion.Run) bool { return r.Job == e.Job })
	if len(site.Runs) < before {
		w.say("%s: stops a gate", e.Namespace)
	}
	return len(site.Runs) < before
}

func (w *world) createRecord(e promotion.CreateRecord) bool {
	if slices.ContainsFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == e.Record.Namespace && r.Name == e.Record.Name
	}) {
		return false
	}
	r := e.Record.DeepCopy()
	r.UID, r.CreationTimestamp = types.UID("uid-record-"+w.next()), metav1.NewTime(w.now)
	w.records = append(w.records, r)
	w.say("%s: records %s", r.Namespace, r.Spec.Result)
	return true
}

// tick lets the cluster work: pods are replaced, Jobs begin and end, people sign. It reports whether anything happened.
func (w *world) tick() bool {
	w.now = w.now.Add(time.Second)
	moved := false
	for _, namespace := range slices.Sorted(maps.Keys(w.sites)) {
		site := w.sites[namespace]
		for i := range site.Workloads {
			moved = w.roll(&site.Workloads[i]) || moved
		}
		for i := range site.Runs {
			moved = w.advance(&site.Runs[i]) || moved
		}
		moved = w.sign(site) || moved
	}
	return moved
}

// roll replaces the pods of a workload whose template changed.
func (w *world) roll(workload *promotion.Workload) bool {
	if workload.Settled || workload.Paused {
		return false
	}
	for _, image := range workload.Images {
		if _, digest, _ := strings.Cut(image.Image, "@"); w.broken[digest] {
			return w.stick(workload)
		}
	}
	pods := make([]promotion.Pod, 0, workload.Desired)
	for i := range workload.Desired {
		pods = append(pods, promotion.Pod{Name: fmt.Sprint(workload.Name, "-", w.version, "-", i), Images: slices.Clone(workload.Images), Ready: true})
	}
	workload.Pods, workload.Settled = pods, true
	return true
}

// stick leaves a rollout in the middle: one new pod does not become ready, the old ones stay.
func (w *world) stick(workload *promotion.Workload) bool {
	stuck := func(p promotion.Pod) bool { return !p.Ready }
	if slices.ContainsFunc(workload.Pods, stuck) {
		return false
	}
	workload.Pods = append(workload.Pods, promotion.Pod{
		Name: workload.Name + "-new", Images: slices.Clone(workload.Images), Problem: "CrashLoopBackOff",
	})
	return true
}

func (w *world) advance(run *promotion.Run) bool {
	at := metav1.NewTime(w.now)
	key := run.Environment + "/" + run.Gate
	if problem := w.problems[key]; run.State == promotion.RunWaiting && run.Problem != problem {
		run.Problem = problem
		return true
	}
	switch {
	case run.State == promotion.RunWaiting && run.Problem == "":
		run.State, run.Started = promotion.RunRunning, &at
		return true
	case run.State == promotion.RunRunning && !w.hanging[key]:
		run.State, run.Completed, run.Message = promotion.RunPassed, &at, "exit code 0"
		if verdicts := w.verdicts[key]; int(run.Attempt) <= len(verdicts) {
			run.State, run.Message = verdicts[run.Attempt-1], "exit code 1"
		}
		if measure := w.loads[key]; measure != nil && run.State == promotion.RunPassed {
			*run = LoadRun(*run, LoadFigures())
			measure(run)
		}
		return true
	}
	return false
}

func (w *world) sign(site *promotion.Site) bool {
	signed := false
	if site.Environment == nil {
		return false
	}
	for _, signer := range w.signers {
		for _, entry := range site.Environment.Status.Awaiting {
			signed = w.approve(site, MakeApproval(signer, entry).Created(w.now.Sub(Epoch))) || signed
		}
	}
	return signed
}

// approve adds an approval, unless the same person signed the very same before.
func (w *world) approve(site *promotion.Site, approval *ApprovalBuilder) bool {
	a := approval.Obj()
	for _, before := range site.Approvals {
		if before.Spec.Approver.Username == a.Spec.Approver.Username && before.Spec.PromotionRef == a.Spec.PromotionRef &&
			before.Spec.EvidenceHash == a.Spec.EvidenceHash && before.Spec.Decision == a.Spec.Decision {
			return false
		}
	}
	w.say("%s: %s %s", site.Namespace.Name, a.Spec.Approver.Username, strings.ToLower(string(a.Spec.Decision)))
	site.Approvals = append(site.Approvals, a)
	return true
}

// run lets everything happen until nothing happens any more.
func (w *world) run() *world {
	w.t.Helper()
	return w.runUntil(func() bool { return false })
}

// runUntil lets things happen until something is so, or nothing happens any more.
func (w *world) runUntil(reached func() bool) *world {
	w.t.Helper()
	for range 200 {
		moved := false
		for _, p := range w.promotions {
			if reached() {
				return w
			}
			moved = w.decide(p) || moved
		}
		if !w.tick() && !moved {
			return w
		}
	}
	w.t.Fatalf("still busy after 200 rounds:\n%s", strings.Join(w.log, "\n"))
	return w
}

// in runs until a promotion is in a state in an environment.
func (w *world) in(name, environment string, state v1alpha1.EnvironmentState) *world {
	w.t.Helper()
	w.runUntil(func() bool { return w.at(name, environment).State == state })
	if got := w.at(name, environment); got.State != state {
		w.t.Fatalf("%s is %s in %s, want %s; %v\n%s", name, got.State, environment, state, got.Reasons, strings.Join(w.log, "\n"))
	}
	return w
}

// at is how far a promotion came in an environment.
func (w *world) at(name, environment string) v1alpha1.EnvironmentProgress {
	for _, e := range w.get(name).Status.Environments {
		if e.Name == environment {
			return e
		}
	}
	return v1alpha1.EnvironmentProgress{}
}

// wait lets time pass.
func (w *world) wait(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}
