package controller

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/gate"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Performer does what a plan says, in order, and stops at the first failure: the next pass decides again.
type Performer struct {
	// Client that reads from the cache and writes.
	Client client.Client
	// APIReader reads past the cache.
	APIReader client.Reader
	// Exceptions that records tell of.
	Exceptions Exceptions
}

// refusal is an error of the API server that stands until somebody changes something.
type refusal interface {
	error
	// Reason to show, one of the API's.
	Reason() string
}

// performError says which effect failed, and where.
type performError struct {
	namespace string
	err       error
}

func (e *performError) Error() string { return e.err.Error() }

func (e *performError) Unwrap() error { return e.err }

// Perform does the effects in order. The owner is the Promotion they are for; its resourceVersion follows what is
// written to it. It may be nil where no effect is about the Promotion itself.
func (p *Performer) Perform(ctx context.Context, owner *v1alpha1.Promotion, effects []promotion.Effect) error {
	for _, effect := range effects {
		log.FromContext(ctx).V(1).Info("Performing", "effect", fmt.Sprintf("%T", effect))
		if namespace, err := p.perform(ctx, owner, effect); err != nil {
			return &performError{namespace: namespace, err: err}
		}
	}
	return nil
}

func (p *Performer) perform(ctx context.Context, owner *v1alpha1.Promotion, effect promotion.Effect) (string, error) {
	applier := delivery.Applier{Client: p.Client}
	runner := gate.Runner{Client: p.Client, APIReader: p.APIReader}
	switch e := effect.(type) {
	case promotion.UpdateEnvironment:
		return e.Namespace, p.updateEnvironment(ctx, e)
	case promotion.Pin:
		return e.Namespace, applier.Pin(ctx, e)
	case promotion.Touch:
		return e.Namespace, applier.Touch(ctx, e)
	case promotion.StartGate:
		return e.Namespace, runner.Start(ctx, e)
	case promotion.StopGate:
		return e.Namespace, runner.Stop(ctx, e)
	case promotion.CreateRecord:
		return e.Record.Namespace, p.createRecord(ctx, e.Record)
	case promotion.LabelOutcome:
		return "", p.labelOutcome(ctx, owner, e.Outcome)
	}
	return "", fmt.Errorf("no way to perform a %T", effect)
}

// updateEnvironment writes the status if the Environment is still the one that was decided on.
func (p *Performer) updateEnvironment(ctx context.Context, e promotion.UpdateEnvironment) error {
	env := &v1alpha1.Environment{}
	if err := p.Client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: v1alpha1.EnvironmentName}, env); err != nil {
		return fmt.Errorf("read Environment of %s: %w", e.Namespace, err)
	}
	if env.ResourceVersion != e.ResourceVersion {
		return apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "environments"}, e.Namespace+"/"+env.Name,
			errors.New("it changed since it was decided on"))
	}
	env = env.DeepCopy()
	env.Status = e.Status
	if err := p.Client.Status().Update(ctx, env, client.FieldOwner(delivery.FieldManager)); err != nil {
		return fmt.Errorf("write status of Environment of %s: %w", e.Namespace, err)
	}
	return nil
}

// createRecord writes a record once; that it is there already is what was wanted.
func (p *Performer) createRecord(ctx context.Context, record *v1alpha1.ReleaseRecord) error {
	err := p.Client.Create(ctx, record.DeepCopy(), client.FieldOwner(delivery.FieldManager))
	switch {
	case err == nil:
		p.Exceptions.count(record)
	case !apierrors.IsAlreadyExists(err):
		return fmt.Errorf("write record %s/%s: %w", record.Namespace, record.Name, err)
	}
	return nil
}

func (p *Performer) labelOutcome(ctx context.Context, owner *v1alpha1.Promotion, outcome v1alpha1.PromotionOutcome) error {
	before := owner.DeepCopy()
	metav1.SetMetaDataLabel(&owner.ObjectMeta, v1alpha1.OutcomeLabel, string(outcome))
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := p.Client.Patch(ctx, owner, patch, client.FieldOwner(delivery.FieldManager)); err != nil {
		return fmt.Errorf("label Promotion %s/%s with its outcome: %w", owner.Namespace, owner.Name, err)
	}
	return nil
}
