package delivery

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// The kinds that carry a release.
const (
	KindDeployment  = "Deployment"
	KindStatefulSet = "StatefulSet"
	KindDaemonSet   = "DaemonSet"
	KindCronJob     = "CronJob"
)

// Observed is what the API server holds of one namespace, as read at one moment. Nothing in it is modified.
type Observed struct {
	// Repositories of the pipeline.
	Repositories []string
	// Deployments of the namespace.
	Deployments []appsv1.Deployment
	// StatefulSets of the namespace.
	StatefulSets []appsv1.StatefulSet
	// DaemonSets of the namespace.
	DaemonSets []appsv1.DaemonSet
	// CronJobs of the namespace.
	CronJobs []batchv1.CronJob
	// ReplicaSets of the namespace: they tie pods to Deployments.
	ReplicaSets []appsv1.ReplicaSet
	// Revisions of StatefulSets and DaemonSets: a StatefulSet may make pods of an old one.
	Revisions []appsv1.ControllerRevision
	// Jobs of the namespace: what they run stays in use until they end.
	Jobs []batchv1.Job
	// Pods of the namespace.
	Pods []corev1.Pod
	// Events of the namespace with the reason FailedCreate.
	Events []corev1.Event
}

// Observe returns the workloads whose pod template runs one of the repositories, sorted by kind and name. Workloads that
// are being deleted are gone as far as a release is concerned. A workload is not left out for carrying the label of a
// gate, else anybody could hide one: gates are Jobs, and Jobs are no workloads.
func Observe(in Observed) []promotion.Workload {
	x := newIndex(in)
	var found []promotion.Workload
	add := func(w promotion.Workload, wanted bool) {
		if wanted {
			found = append(found, w)
		}
	}
	for i := range in.Deployments {
		add(x.deployment(&in.Deployments[i]))
	}
	for i := range in.StatefulSets {
		add(x.statefulSet(&in.StatefulSets[i]))
	}
	for i := range in.DaemonSets {
		add(x.daemonSet(&in.DaemonSets[i]))
	}
	for i := range in.CronJobs {
		add(x.cronJob(&in.CronJobs[i]))
	}
	slices.SortFunc(found, func(a, b promotion.Workload) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// index finds what belongs together, so that observing takes one pass over everything.
type index struct {
	repositories map[string]bool
	// live pods by the uid of their controller.
	pods map[types.UID][]*corev1.Pod
	// replicaSets by the uid of their Deployment.
	replicaSets map[types.UID][]*appsv1.ReplicaSet
	// failures are the newest FailedCreate events by the uid of the object that they are about.
	failures map[types.UID]*corev1.Event
}

func newIndex(in Observed) index {
	x := index{
		repositories: map[string]bool{},
		pods:         map[types.UID][]*corev1.Pod{},
		replicaSets:  map[types.UID][]*appsv1.ReplicaSet{},
		failures:     newestFailures(in.Events),
	}
	for _, repository := range in.Repositories {
		x.repositories[repository] = true
	}
	for i := range in.Pods {
		if pod := &in.Pods[i]; live(pod) {
			owner := controllerUID(pod)
			x.pods[owner] = append(x.pods[owner], pod)
		}
	}
	for i := range in.ReplicaSets {
		rs := &in.ReplicaSets[i]
		owner := controllerUID(rs)
		x.replicaSets[owner] = append(x.replicaSets[owner], rs)
	}
	return x
}

func (x index) deployment(d *appsv1.Deployment) (promotion.Workload, bool) {
	w, wanted := x.workload(KindDeployment, d, d.Spec.Template.Spec)
	if !wanted {
		return w, false
	}
	var pods []*corev1.Pod
	for _, rs := range x.replicaSets[d.UID] {
		pods = append(pods, x.pods[rs.UID]...)
	}
	w.Pods = reducePods(pods)
	w.Desired = orOne(d.Spec.Replicas)
	w.Paused = d.Spec.Paused
	w.Settled = deploymentSettled(d, len(pods))
	w.Problem = x.deploymentProblem(d)
	return w, true
}

func (x index) statefulSet(s *appsv1.StatefulSet) (promotion.Workload, bool) {
	w, wanted := x.workload(KindStatefulSet, s, s.Spec.Template.Spec)
	if !wanted {
		return w, false
	}
	pods := x.pods[s.UID]
	w.Pods = reducePods(pods)
	w.Desired = orOne(s.Spec.Replicas)
	w.Partitioned = partitioned(s)
	w.OnDelete = s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
	w.Settled = statefulSetSettled(s, len(pods))
	w.Problem = x.problem(s.UID, len(pods) < int(w.Desired))
	return w, true
}

func (x index) daemonSet(d *appsv1.DaemonSet) (promotion.Workload, bool) {
	w, wanted := x.workload(KindDaemonSet, d, d.Spec.Template.Spec)
	if !wanted {
		return w, false
	}
	pods := x.pods[d.UID]
	w.Pods = reducePods(pods)
	w.Desired = d.Status.DesiredNumberScheduled
	w.OnDelete = d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
	w.Settled = daemonSetSettled(d, len(pods))
	// With a surge a new pod may be missing though each node still has its old one.
	w.Problem = x.problem(d.UID, len(pods) < int(w.Desired) || d.Status.UpdatedNumberScheduled < w.Desired)
	return w, true
}

// cronJob is settled at once: its next Job runs the new template, and those that run keep what they began with.
func (x index) cronJob(c *batchv1.CronJob) (promotion.Workload, bool) {
	w, wanted := x.workload(KindCronJob, c, c.Spec.JobTemplate.Spec.Template.Spec)
	w.Settled = true
	return w, wanted
}

// workload reads what all kinds share, and says whether the object is one to look at.
func (x index) workload(kind string, o metav1.Object, spec corev1.PodSpec) (promotion.Workload, bool) {
	w := promotion.Workload{
		Kind:            kind,
		Name:            o.GetName(),
		ResourceVersion: o.GetResourceVersion(),
		Images:          containerImages(spec),
		Release:         o.GetAnnotations()[v1alpha1.ReleaseAnnotation],
		Ignored:         o.GetAnnotations()[v1alpha1.DeliveryAnnotation] == v1alpha1.DeliveryIgnore,
	}
	wanted := o.GetDeletionTimestamp() == nil && slices.ContainsFunc(w.Images, func(i promotion.ContainerImage) bool {
		return x.repositories[Repository(i.Image)]
	})
	return w, wanted
}

// containerImages lists containers, then init containers, each in the order of the spec.
func containerImages(spec corev1.PodSpec) []promotion.ContainerImage {
	images := make([]promotion.ContainerImage, 0, len(spec.Containers)+len(spec.InitContainers))
	for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
		images = append(images, promotion.ContainerImage{Container: c.Name, Image: c.Image})
	}
	return images
}

// controllerUID is empty where nothing controls the object.
func controllerUID(o metav1.Object) types.UID {
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		return owner.UID
	}
	return ""
}

func orOne(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}
