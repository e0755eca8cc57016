package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/registry"
)

// Scheme knows the kinds of Kubernetes and of Sluice.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	// Both registrations only fail for programming errors, which every test would show.
	must(clientgoscheme.AddToScheme(scheme))
	must(v1alpha1.AddToScheme(scheme))
	return scheme
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// ManagerOptions are what the operator needs of a manager, whatever it is started with: a cache that holds what
// decisions need and no more, and reads that wait for the operator's own writes.
func ManagerOptions() ctrl.Options {
	workload := cache.ByObject{Transform: delivery.StripWorkload}
	policies := cache.ByObject{Transform: policy.Strip}
	ownWrites := true
	return ctrl.Options{
		Scheme: Scheme(),
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}:         {Transform: delivery.StripPod},
				&corev1.Event{}:       {Transform: delivery.StripEvent, Field: fields.OneTermEqualSelector("reason", "FailedCreate")},
				&appsv1.Deployment{}:  workload,
				&appsv1.StatefulSet{}: workload,
				&appsv1.DaemonSet{}:   workload,
				&appsv1.ReplicaSet{}:  workload,
				&batchv1.CronJob{}:    workload,
				&batchv1.Job{}:        workload,

				&appsv1.ControllerRevision{}: {Transform: delivery.StripRevision},

				&admissionv1.ValidatingAdmissionPolicy{}:        policies,
				&admissionv1.ValidatingAdmissionPolicyBinding{}: policies,
				&admissionv1.MutatingAdmissionPolicy{}:          policies,
				&admissionv1.MutatingAdmissionPolicyBinding{}:   policies,
			},
		},
		Client: client.Options{Cache: &client.CacheOptions{
			EnableReadYourWritesConsistency: &ownWrites,
			// Secrets are read when they are needed, and never kept.
			DisableFor: []client.Object{&corev1.Secret{}},
		}},
	}
}

// Setup is what all controllers of the operator are made of.
type Setup struct {
	// Operator is the operator's own ServiceAccount.
	Operator types.NamespacedName
	// Own says which image the operator is.
	Own OwnImage
	// Registry to ask.
	Registry *registry.Resolver
	// Reviewer of rights; nil asks the API server.
	Reviewer Reviewer
	// Clock of the operator.
	Clock clock.Clock
	// KeepRecords is how long records stay at least; 0 for ever.
	KeepRecords time.Duration
	// Options makes the options of one controller; each needs a rate limiter of its own.
	Options func() controller.Options
	// Metrics of the operator go there; nil for nowhere.
	Metrics prometheus.Registerer
}

func (s *Setup) reviewer(c client.Client) Reviewer {
	if s.Reviewer != nil {
		return s.Reviewer
	}
	return AccessReviewer{Client: c}
}

// WithManager adds the controllers to a manager.
func (s *Setup) WithManager(ctx context.Context, mgr ctrl.Manager) error {
	if err := IndexFields(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	c := mgr.GetClient()
	gatherer, performer := &Gatherer{Reader: c, Operator: s.Operator, Own: s.Own}, &Performer{Client: c, APIReader: mgr.GetAPIReader(), Exceptions: NewExceptions()}
	if s.Metrics != nil {
		if err := errors.Join(s.Metrics.Register(newPolicyMetric(gatherer)), s.Metrics.Register(performer.Exceptions.counter)); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	recorder := mgr.GetEventRecorder("sluice")
	answers := &ImageAnswers{Registry: s.Registry, Reader: mgr.GetAPIReader(), Clock: s.Clock}
	promotions := &PromotionReconciler{
		Client: c, Gatherer: gatherer, Performer: performer, Events: recorder, Clock: s.Clock,
		Tags:   &TagResolver{Registry: s.Registry, Reader: mgr.GetAPIReader(), Clock: s.Clock},
		Images: answers,
		Rights: &ApproverRights{Reviewer: s.reviewer(c), Gatherer: gatherer, Clock: s.Clock},
	}
	environments := &EnvironmentReconciler{
		Client: c, APIReader: mgr.GetAPIReader(), Gatherer: gatherer, Performer: performer, Events: recorder, Clock: s.Clock,
		Answers: answers, KeepRecords: s.KeepRecords,
	}
	pipelines := &DeliveryPipelineReconciler{Client: c, Gatherer: gatherer, Clock: s.Clock}
	return errors.Join(
		promotions.SetupWithManager(mgr, s.Options()),
		environments.SetupWithManager(mgr, s.Options()),
		pipelines.SetupWithManager(mgr, s.Options()),
	)
}
