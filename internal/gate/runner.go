package gate

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/refusal"
)

// Client is what the Runner needs of one.
type Client interface {
	// List as in client.Reader: the pods of the namespace, before an attempt is started.
	List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error
	// Create as in client.Writer.
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	// Get as in client.Reader; it is asked only where a Job of the name exists already.
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	// Delete as in client.Writer.
	Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error
}

// Runner starts and stops attempts. Both may be repeated without harm. What stands in the way until somebody changes
// something is a *refusal.Error: GateNotAllowed where the gate asks for too much, PermissionMissing where RBAC refused, and
// GateCannotStart where a policy, a webhook, a quota or the schema did, or where another Job has the name.
type Runner struct {
	// Client that reads and writes Jobs, and reads pods.
	Client Client
	// APIReader reads Services past the cache: they are wanted when an attempt starts, and not worth a watch of them all.
	APIReader client.Reader
}

// Start creates the Job of an attempt. That it exists already is a success, if it is this very attempt.
func (r *Runner) Start(ctx context.Context, start promotion.StartGate) error {
	if err := Check(start.Gate, start.Pipeline); err != nil {
		return refusal.New(v1alpha1.ReasonGateNotAllowed, err)
	}
	variables, err := r.serviceVariables(ctx, start)
	if err != nil {
		return refusal.Explain(err, v1alpha1.ReasonGateCannotStart, "start gate %s: look where the release answers", start.Gate.Name)
	}
	job := Render(start)
	// They come first: a variable may refer to those before it.
	container := &job.Spec.Template.Spec.Containers[0]
	container.Env = slices.Concat(variables, container.Env)
	err = r.Client.Create(ctx, job)
	if apierrors.IsAlreadyExists(err) {
		return r.recognise(ctx, job)
	}
	return refusal.Explain(err, v1alpha1.ReasonGateCannotStart, "start gate %s as Job %s/%s", start.Gate.Name, start.Namespace, start.Job)
}

func (r *Runner) serviceVariables(ctx context.Context, start promotion.StartGate) ([]corev1.EnvVar, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	if err := r.APIReader.List(ctx, &services, client.InNamespace(start.Namespace)); err != nil {
		return nil, err
	}
	if err := r.Client.List(ctx, &pods, client.InNamespace(start.Namespace)); err != nil {
		return nil, err
	}
	return serviceVariables(start.Images, services.Items, pods.Items), nil
}

// recognise looks whether the Job that has the name is the one wanted. One that only has the name could have been made
// by anybody, to pass.
func (r *Runner) recognise(ctx context.Context, wanted *batchv1.Job) error {
	found := &batchv1.Job{}
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return refusal.Explain(err, v1alpha1.ReasonGateCannotStart, "read Job %s/%s, which exists already", wanted.Namespace, wanted.Name)
	}
	for key, value := range wanted.Labels {
		if found.Labels[key] != value {
			return refusal.New(v1alpha1.ReasonGateCannotStart, fmt.Errorf(
				"there is a Job %s/%s already that is not this attempt: its label %s is %q instead of %q; delete it",
				wanted.Namespace, wanted.Name, key, found.Labels[key], value))
		}
	}
	if asked(found, nil) != asked(wanted, nil) {
		return refusal.New(v1alpha1.ReasonGateCannotStart, fmt.Errorf(
			"there is a Job %s/%s already that is not this attempt: it runs %s instead of %s; delete it",
			wanted.Namespace, wanted.Name, asked(found, nil), asked(wanted, nil)))
	}
	return nil
}

// Stop deletes the Job of an attempt, with its pods. That it is gone already is a success.
func (r *Runner) Stop(ctx context.Context, stop promotion.StopGate) error {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: stop.Namespace, Name: stop.Job}}
	err := client.IgnoreNotFound(r.Client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	return refusal.Explain(err, v1alpha1.ReasonGateCannotStart, "stop Job %s/%s", stop.Namespace, stop.Job)
}
