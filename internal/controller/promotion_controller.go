package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/metric"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// conflictPause is how long a pass waits after somebody else's write came first. The cache has seen that write by then.
const conflictPause = 50 * time.Millisecond

// PromotionReconciler takes Promotions through their environments.
type PromotionReconciler struct {
	// Client that reads from the cache and writes.
	Client client.Client
	// Gatherer of snapshots.
	Gatherer *Gatherer
	// Performer of effects.
	Performer *Performer
	// Tags resolves tags.
	Tags *TagResolver
	// Images of gates, and digests at mirrors, as registries know them.
	Images *ImageAnswers
	// Rights of people who signed.
	Rights *ApproverRights
	// Events publishes transitions.
	Events events.EventRecorder
	// Clock of the operator.
	Clock clock.Clock
}

// Reconcile gathers, decides, performs, and writes status once.
func (r *PromotionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.Promotion{}
	if err := r.Client.Get(ctx, request.NamespacedName, p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if p.DeletionTimestamp != nil || p.Status.Outcome != "" && p.Labels[v1alpha1.OutcomeLabel] != "" {
		r.Tags.Forget(p.UID)
		return ctrl.Result{}, nil
	}
	snapshot, err := r.Gatherer.Promotion(ctx, p)
	if err != nil {
		return ctrl.Result{}, err
	}
	snapshot.Resolution = r.Tags.Resolution(ctx, p, snapshot.Pipeline)
	snapshot.Now = r.Clock.Now()
	plan, err := r.decide(ctx, snapshot)
	if err != nil {
		return ctrl.Result{}, err
	}
	return r.carryOut(ctx, p.DeepCopy(), plan)
}

// decide answers what the plan asks, until it asks nothing more: first whether people still may sign, then, if that lets
// the Promotion in, which digests its gates run.
func (r *PromotionReconciler) decide(ctx context.Context, snapshot promotion.Snapshot) (promotion.Plan, error) {
	plan := promotion.Decide(snapshot)
	for range maxRounds {
		if plan.Questions.None() {
			break
		}
		if asked := plan.Questions.Rights; len(asked) > 0 {
			rights, err := r.Rights.Answer(ctx, asked)
			if err != nil {
				return plan, err
			}
			snapshot.Rights = rights
		}
		if asked := plan.Questions.GateImages; len(asked) > 0 {
			snapshot.GateImages = r.Images.GateImages(ctx, asked, snapshot.Promotion, snapshot.Pipeline)
		}
		if asked := plan.Questions.Mirrored; len(asked) > 0 {
			snapshot.Mirrored = r.Images.Mirrored(ctx, asked, snapshot.Promotion, snapshot.Pipeline)
		}
		if asked := plan.Questions.Expressions; len(asked) > 0 {
			answers := maps.Clone(snapshot.Expressions)
			if answers == nil {
				answers = map[string]string{}
			}
			maps.Copy(answers, metric.Problems(asked))
			snapshot.Expressions = answers
		}
		plan = promotion.Decide(snapshot)
	}
	return plan, nil
}

func (r *PromotionReconciler) carryOut(ctx context.Context, p *v1alpha1.Promotion, plan promotion.Plan) (ctrl.Result, error) {
	before := p.Status.DeepCopy()
	failure := r.Performer.Perform(ctx, p, plan.Effects)
	switch {
	case apierrors.IsConflict(failure):
		log.FromContext(ctx).V(1).Info("Somebody else wrote first, deciding again", "conflict", failure.Error())
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	case failure != nil && !showRefusal(&plan.Status, failure):
		return ctrl.Result{}, failure
	}
	if !equality.Semantic.DeepEqual(*before, plan.Status) {
		p.Status = plan.Status
		if err := r.Client.Status().Update(ctx, p, client.FieldOwner(delivery.FieldManager)); err != nil {
			if apierrors.IsConflict(err) {
				return ctrl.Result{RequeueAfter: conflictPause}, nil
			}
			return ctrl.Result{}, fmt.Errorf("write status: %w", err)
		}
		r.announce(ctx, p, plan.Events)
	}
	if failure != nil {
		return ctrl.Result{}, failure
	}
	if plan.Wake.IsZero() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(plan.Wake.Sub(r.Clock.Now()), time.Millisecond)}, nil
}

// announce publishes and logs transitions, after they are written: what nobody can read back has not happened.
func (r *PromotionReconciler) announce(ctx context.Context, p *v1alpha1.Promotion, transitions []promotion.Event) {
	for _, e := range transitions {
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(p, nil, kind, e.Reason, e.Action, "%s", e.Note)
		log.FromContext(ctx).Info(e.Note, "transition", e.Reason)
	}
}

// showRefusal puts what the API server refused into the status, where it can be read; it reports whether there was a
// place for it. The effect is tried again, less and less often, and at once when something changes.
func showRefusal(status *v1alpha1.PromotionStatus, failure error) bool {
	reason, message := v1alpha1.ReasonAdmissionRefused, failure.Error()
	var where *performError
	if !errors.As(failure, &where) {
		return false
	}
	var refused refusal
	switch {
	case errors.As(failure, &refused):
		reason = refused.Reason()
	case errors.Is(failure, delivery.ErrPinPropagating):
		return saysPinPropagating(status, where.namespace)
	case apierrors.IsForbidden(failure), apierrors.IsInvalid(failure):
	default:
		return false
	}
	for i := range status.Environments {
		progress := &status.Environments[i]
		if progress.EnvironmentRef.Namespace == where.namespace {
			progress.Reasons = append([]v1alpha1.Reason{v1alpha1.NewReason(reason, "%s", message)}, progress.Reasons...)
			status.Message = v1alpha1.Clip(progress.Name+" is "+string(progress.State)+": "+message, 2048)
			return true
		}
	}
	return false
}

// saysPinPropagating says whether the plan found the pin late, and not only this very touch.
func saysPinPropagating(status *v1alpha1.PromotionStatus, namespace string) bool {
	return slices.ContainsFunc(status.Environments, func(p v1alpha1.EnvironmentProgress) bool {
		return p.EnvironmentRef.Namespace == namespace && slices.ContainsFunc(p.Reasons, func(r v1alpha1.Reason) bool {
			return r.Type == v1alpha1.ReasonPinPropagating
		})
	})
}
