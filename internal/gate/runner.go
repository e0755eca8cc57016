package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// ErrRefused means that a gate cannot start or stop until somebody changes something.
// The error that wraps it is a *RefusedError.
var ErrRefused = errors.New("refused")

// RefusedError is a refusal, with what a status shows of it.
type RefusedError struct {
	reason string
	err    error
}

// Reason is GateNotAllowed where the gate asks for too much, PermissionMissing where RBAC refused, and GateCannotStart
// where a policy, a webhook, a quota or the schema did, or where another Job has the name.
func (e *RefusedError) Reason() string { return e.reason }

// Error tells what was refused, and why.
func (e *RefusedError) Error() string { return e.err.Error() }

// Unwrap makes both ErrRefused and the cause known to errors.Is.
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, e.err} }

// Jobs is what the Runner needs of a client.
type Jobs interface {
	// Create as in client.Writer.
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	// Get as in client.Reader; it is asked only where a Job of the name exists already.
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	// Delete as in client.Writer.
	Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error
}

// Runner starts and stops attempts. Both may be repeated without harm.
type Runner struct {
	// Client that reads and writes Jobs.
	Client Jobs
}

// Start creates the Job of an attempt. That it exists already is a success, if it is this very attempt.
func (r *Runner) Start(ctx context.Context, start promotion.StartGate) error {
	if err := Check(start.Gate, start.Pipeline); err != nil {
		return &RefusedError{reason: v1alpha1.ReasonGateNotAllowed, err: err}
	}
	job := Render(start)
	err := r.Client.Create(ctx, job)
	if apierrors.IsAlreadyExists(err) {
		return r.recognise(ctx, job)
	}
	return explain(err, "start gate %s as Job %s/%s", start.Gate.Name, start.Namespace, start.Job)
}

// recognise looks whether the Job that has the name is the one wanted. One that only has the name could have been made
// by anybody, to pass.
func (r *Runner) recognise(ctx context.Context, wanted *batchv1.Job) error {
	found := &batchv1.Job{}
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return explain(err, "read Job %s/%s, which exists already", wanted.Namespace, wanted.Name)
	}
	for key, value := range wanted.Labels {
		if found.Labels[key] != value {
			return &RefusedError{reason: v1alpha1.ReasonGateCannotStart, err: fmt.Errorf(
				"there is a Job %s/%s already that is not this attempt: its label %s is %q instead of %q; delete it",
				wanted.Namespace, wanted.Name, key, found.Labels[key], value)}
		}
	}
	return nil
}

// Stop deletes the Job of an attempt, with its pods. That it is gone already is a success.
func (r *Runner) Stop(ctx context.Context, stop promotion.StopGate) error {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: stop.Namespace, Name: stop.Job}}
	err := client.IgnoreNotFound(r.Client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	return explain(err, "stop Job %s/%s", stop.Namespace, stop.Job)
}

// explain adds what was tried to an error, and tells refusals from what may be tried again. Nil stays nil.
func explain(err error, format string, arguments ...any) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf(format+": %w", append(arguments, err)...)
	switch {
	case apierrors.IsForbidden(err) && forbiddenByRBAC(err):
		return &RefusedError{reason: v1alpha1.ReasonPermissionMissing, err: wrapped}
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return &RefusedError{reason: v1alpha1.ReasonGateCannotStart, err: wrapped}
	}
	return wrapped
}

// forbiddenByRBAC goes by the text, as a refusal by an authorizer has the same code and reason as one by admission.
func forbiddenByRBAC(err error) bool {
	_, denial, found := strings.Cut(err.Error(), `User "`)
	return found && strings.Contains(denial, `" cannot `) && strings.Contains(denial, " resource ")
}
