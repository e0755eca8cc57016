package controller

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/environment"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// maxRounds of questions in one pass: what a tag stands for, then what a pod's digest stands for.
const maxRounds = 3

// EnvironmentReconciler keeps what a Namespace enforces in step with its Environment, adopts what ran before, and frees
// slots whose Promotion is gone.
type EnvironmentReconciler struct {
	// Client that reads from the cache.
	Client client.Client
	// APIReader reads past the cache: before a slot is taken from a Promotion, that it is gone has to be certain.
	APIReader client.Reader
	// Gatherer of what runs.
	Gatherer *Gatherer
	// Performer of effects.
	Performer *Performer
	// Answers of registries.
	Answers *ImageAnswers
	// Events publishes transitions.
	Events events.EventRecorder
	// Clock of the operator.
	Clock clock.Clock
	// KeepRecords is how long records stay at least; 0 for ever.
	KeepRecords time.Duration
}

var _ reconcile.ObjectReconciler[*v1alpha1.Environment] = &EnvironmentReconciler{}

// Reconcile gathers, decides, performs, and writes status once.
func (r *EnvironmentReconciler) Reconcile(ctx context.Context, env *v1alpha1.Environment) (ctrl.Result, error) {
	snapshot, err := r.gather(ctx, env)
	if err != nil || snapshot.Namespace == nil {
		return ctrl.Result{}, err
	}
	freed, err := r.freeOrphans(ctx, snapshot)
	if freed.acted || err != nil {
		return afterFailure(ctx, err)
	}
	return r.settle(ctx, snapshot, freed.wake)
}

// gather reads everything that bears on the Environment, but for the registry's answers.
func (r *EnvironmentReconciler) gather(ctx context.Context, env *v1alpha1.Environment) (environment.Snapshot, error) {
	snapshot := environment.Snapshot{Environment: env, Zones: zonesOf(env), Now: r.Clock.Now()}
	ns := &corev1.Namespace{}
	found, err := r.Gatherer.find(ctx, client.ObjectKey{Name: env.Namespace}, ns)
	if err != nil || !found {
		return snapshot, err
	}
	snapshot.Namespace = ns
	if snapshot.Permitted, err = r.Gatherer.Permitted(ctx, env.Namespace); err != nil {
		return snapshot, err
	}
	if snapshot.Policies, err = r.Gatherer.Policies(ctx); err != nil {
		return snapshot, err
	}
	var pipelines v1alpha1.DeliveryPipelineList
	if err := r.Gatherer.list(ctx, &pipelines, client.MatchingFields{IndexPipelineEnvironment: env.Namespace}); err != nil {
		return snapshot, err
	}
	snapshot.Pipelines = pointers(pipelines.Items)
	var records v1alpha1.ReleaseRecordList
	if err := r.Gatherer.list(ctx, &records, client.InNamespace(env.Namespace)); err != nil {
		return snapshot, err
	}
	snapshot.Records = pointers(records.Items)
	if snapshot.Promotions, err = r.lastPromotions(ctx, snapshot); err != nil {
		return snapshot, err
	}
	var reviews v1alpha1.ApprovalList
	if err := r.Gatherer.list(ctx, &reviews, client.InNamespace(env.Namespace), client.MatchingFields{IndexApprovalDecision: string(v1alpha1.DecisionReviewed)}); err != nil {
		return snapshot, err
	}
	snapshot.Reviews = pointers(reviews.Items)
	observed, err := r.Gatherer.Observed(ctx, env.Namespace)
	snapshot.Sightings = sightings(observed)
	return snapshot, err
}

// lastPromotions are those of the pipelines here, where the Namespace says nothing: they may tell what ran before it was
// made anew.
func (r *EnvironmentReconciler) lastPromotions(ctx context.Context, snapshot environment.Snapshot) ([]*v1alpha1.Promotion, error) {
	if !promotion.ParseEnforced(snapshot.Namespace).Untouched() {
		return nil, nil
	}
	var promotions []*v1alpha1.Promotion
	for _, p := range snapshot.Pipelines {
		own, err := r.Gatherer.promotions(ctx, PipelineKey(p.Namespace, p.Name))
		if err != nil {
			return nil, err
		}
		promotions = append(promotions, own...)
	}
	return promotions, nil
}

// decide asks the registries for what the plan lacks, until it lacks nothing that they can say.
func (r *EnvironmentReconciler) decide(ctx context.Context, snapshot *environment.Snapshot) environment.Plan {
	snapshot.Answers = map[environment.Question]environment.Answer{}
	plan := environment.Decide(*snapshot)
	for range maxRounds {
		before := len(snapshot.Answers)
		answers, next := r.Answers.Answer(ctx, plan.Questions, snapshot.Pipelines)
		for question, answer := range answers {
			snapshot.Answers[question] = answer
		}
		snapshot.NextAnswer = next
		if len(snapshot.Answers) == before {
			break
		}
		plan = environment.Decide(*snapshot)
	}
	return plan
}

// settle carries the plan out.
func (r *EnvironmentReconciler) settle(ctx context.Context, snapshot environment.Snapshot, wake time.Time) (ctrl.Result, error) {
	plan := r.decide(ctx, &snapshot)
	failure := r.Performer.Perform(ctx, nil, plan.Effects)
	if failure != nil {
		reason := refusedBecause(failure)
		if reason.Type == "" {
			return afterFailure(ctx, failure)
		}
		// What the API server refuses stands until somebody changes something: it has to be seen.
		snapshot.Refused = reason
		plan = environment.Decide(snapshot)
	}
	if err := r.writeStatus(ctx, snapshot.Environment, plan); err != nil {
		return afterFailure(ctx, err)
	}
	if failure != nil {
		return ctrl.Result{}, failure
	}
	dropAt, err := r.dropOldRecords(ctx, snapshot)
	if err != nil {
		return afterFailure(ctx, err)
	}
	return wakeAt(r.Clock.Now(), plan.Wake, wake, dropAt), nil
}

// writeStatus writes what differs, and publishes what happened once it can be read back.
func (r *EnvironmentReconciler) writeStatus(ctx context.Context, env *v1alpha1.Environment, plan environment.Plan) error {
	changed := !equality.Semantic.DeepEqual(env.Status, plan.Status)
	if changed {
		write := promotion.UpdateEnvironment{Namespace: env.Namespace, ResourceVersion: env.ResourceVersion, Status: plan.Status}
		if err := r.Performer.Perform(ctx, nil, []promotion.Effect{write}); err != nil {
			return err
		}
	}
	if changed || len(plan.Effects) > 0 {
		r.announce(ctx, env, plan.Events)
	}
	return nil
}

func (r *EnvironmentReconciler) announce(ctx context.Context, env *v1alpha1.Environment, transitions []promotion.Event) {
	for _, e := range transitions {
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(env, nil, kind, e.Reason, e.Action, "%s", e.Note)
		log.FromContext(ctx).Info(e.Note, "transition", e.Reason)
	}
}

// afterFailure waits a moment where somebody else wrote first, and passes everything else on.
func afterFailure(ctx context.Context, failure error) (ctrl.Result, error) {
	if apierrors.IsConflict(failure) {
		log.FromContext(ctx).V(1).Info("Somebody else wrote first, deciding again", "conflict", failure.Error())
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	return ctrl.Result{}, failure
}

// refusedBecause says what the API server refused; the zero Reason where the failure may pass by itself.
func refusedBecause(failure error) v1alpha1.Reason {
	var refused refusal
	switch {
	case errors.As(failure, &refused):
		return v1alpha1.NewReason(refused.Reason(), "%s", failure)
	case apierrors.IsForbidden(failure), apierrors.IsInvalid(failure):
		return v1alpha1.NewReason(v1alpha1.ReasonAdmissionRefused, "%s", failure)
	}
	return v1alpha1.Reason{}
}

// wakeAt asks for another look at the earliest of some times.
func wakeAt(now time.Time, times ...time.Time) ctrl.Result {
	var result ctrl.Result
	for _, at := range times {
		if at.IsZero() {
			continue
		}
		if after := max(at.Sub(now), time.Millisecond); result.RequeueAfter == 0 || after < result.RequeueAfter {
			result.RequeueAfter = after
		}
	}
	return result
}
