package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/refusal"
)

// FieldManager is the name under which the API server notes what Sluice wrote.
const FieldManager = "sluice"

// Patcher is what the Applier needs of a client.
type Patcher interface {
	// Patch as in client.Writer.
	Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error
}

// Applier writes what a release needs into a namespace. It only patches, so that it never writes back what a cache left
// out, and every write has a precondition: a conflict passes through for apierrors.IsConflict. What the API server refuses is
// a *refusal.Error.
type Applier struct {
	// Client that writes.
	Client Patcher
}

// Pin writes the enforced copy into the Namespace: labels and annotations of Sluice, in one write.
func (a *Applier) Pin(ctx context.Context, pin promotion.Pin) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pin.Namespace}}
	patch := metadataPatch{
		ResourceVersion: pin.ResourceVersion,
		Labels:          nullWhereEmpty(pin.Copy.Labels()),
		Annotations:     nullWhereEmpty(pin.Copy.Annotations()),
	}
	if err := a.patch(ctx, namespace, patch); err != nil {
		return refusal.Explain(err, v1alpha1.ReasonAdmissionRefused, "pin in Namespace %s", pin.Namespace)
	}
	return nil
}

// Touch sets the annotation that makes admission write the pins into a workload, and looks at what came back. Where that
// is not the release, the error is ErrPinPropagating. The annotation stands then nevertheless, and admission keeps images
// while it does not change: whoever tries again has to touch with another value.
func (a *Applier) Touch(ctx context.Context, touch promotion.Touch) error {
	what := fmt.Sprintf("touch %s %s/%s", touch.Kind, touch.Namespace, touch.Name)
	workload, err := NewWorkload(touch.Kind)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	workload.SetNamespace(touch.Namespace)
	workload.SetName(touch.Name)
	patch := metadataPatch{
		ResourceVersion: touch.ResourceVersion,
		Annotations:     map[string]*string{v1alpha1.ReleaseAnnotation: &touch.Release},
	}
	if err := a.patch(ctx, workload, patch); err != nil {
		return refusal.Explain(err, v1alpha1.ReasonAdmissionRefused, "%s", what)
	}
	if difference := compare(podSpec(workload), touch.References); difference != "" {
		return fmt.Errorf("%s: %w: %s", what, ErrPinPropagating, difference)
	}
	return nil
}

// NewWorkload returns an empty object of one of the kinds that carry a release.
func NewWorkload(kind string) (client.Object, error) {
	switch kind {
	case KindDeployment:
		return &appsv1.Deployment{}, nil
	case KindStatefulSet:
		return &appsv1.StatefulSet{}, nil
	case KindDaemonSet:
		return &appsv1.DaemonSet{}, nil
	case KindCronJob:
		return &batchv1.CronJob{}, nil
	}
	return nil, fmt.Errorf("kind %q carries no release: it has to be %s, %s, %s or %s",
		kind, KindDeployment, KindStatefulSet, KindDaemonSet, KindCronJob)
}

// podSpec of a workload's template.
func podSpec(workload client.Object) corev1.PodSpec {
	switch w := workload.(type) {
	case *appsv1.Deployment:
		return w.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return w.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return w.Spec.Template.Spec
	case *batchv1.CronJob:
		return w.Spec.JobTemplate.Spec.Template.Spec
	}
	return corev1.PodSpec{}
}

// compare names the first container that runs a repository of the release, but not the release. Only the exact text
// will do: the lock compares text.
func compare(spec corev1.PodSpec, references map[string]string) string {
	for _, c := range containerImages(spec) {
		if reference, ours := references[Repository(c.Image)]; ours && c.Image != reference {
			return fmt.Sprintf("container %s has %s instead of %s", c.Container, c.Image, reference)
		}
	}
	return ""
}

// metadataPatch is a JSON merge patch of an object's metadata; a nil value removes the key.
type metadataPatch struct {
	ResourceVersion string             `json:"resourceVersion"`
	Labels          map[string]*string `json:"labels,omitempty"`
	Annotations     map[string]*string `json:"annotations,omitempty"`
}

func (a *Applier) patch(ctx context.Context, obj client.Object, patch metadataPatch) error {
	if patch.ResourceVersion == "" {
		// The API server would take an empty one for no precondition.
		return errors.New("no resourceVersion: the write would have no precondition")
	}
	body, err := json.Marshal(map[string]metadataPatch{"metadata": patch})
	if err != nil {
		return err
	}
	return a.Client.Patch(ctx, obj, client.RawPatch(types.MergePatchType, body), client.FieldOwner(FieldManager))
}

func nullWhereEmpty(values map[string]string) map[string]*string {
	patch := make(map[string]*string, len(values))
	for key, value := range values {
		if value == "" {
			patch[key] = nil
			continue
		}
		patch[key] = &value
	}
	return patch
}
