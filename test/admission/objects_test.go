package admission_test

import (
	"maps"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Repositories of the pipelines in these tests.
const (
	api    = "registry.example.com/shop/api"
	worker = "registry.example.com/shop/worker"
)

// digest returns a digest that consists of one hexadecimal digit.
func digest(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// hash returns 64 times one hexadecimal digit.
func hash(digit string) string { return strings.Repeat(digit, 64) }

// Releases in these tests: current is pinned, previous is allowed for the rollback, unpromoted is neither.
var (
	current    = digest("a")
	previous   = digest("0")
	unpromoted = digest("e")
)

// namespaceBuilder makes a Namespace with its enforced copy.
type namespaceBuilder struct{ object *corev1.Namespace }

// MakeNamespace makes a Namespace that is locked as lock says: api and worker are owned and pinned to current.
func MakeNamespace(name string, lock v1alpha1.Lock) namespaceBuilder {
	return namespaceBuilder{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{v1alpha1.LockLabel: string(lock), v1alpha1.EnvironmentLabel: string(v1alpha1.TierProduction)},
		Annotations: map[string]string{
			v1alpha1.ImagesAnnotation: strings.Join([]string{api + "@" + current, worker + "@" + current, api + "@" + previous}, " "),
			v1alpha1.PinsAnnotation:   api + "@" + current + " " + worker + "@" + current,
			v1alpha1.OwnersAnnotation: api + "=shop/checkout " + worker + "=shop/checkout",
		},
	}}}
}

// Note sets an annotation.
func (b namespaceBuilder) Note(key, value string) namespaceBuilder {
	b.object.Annotations[key] = value
	return b
}

// Obj returns the Namespace.
func (b namespaceBuilder) Obj() *corev1.Namespace { return b.object }

// locked makes a locked Namespace of the test's own and returns its name.
func locked(t *testing.T, name string) string {
	t.Helper()
	create(t, MakeNamespace(name, v1alpha1.LockEnforce).Obj())
	return name
}

// open makes a Namespace that Sluice does not know and returns its name.
func open(t *testing.T, name string) string {
	t.Helper()
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return name
}

// podBuilder makes the parts of a pod.
type podBuilder struct{ spec corev1.PodSpec }

// MakePod makes a pod of one container, "c", that runs image.
func MakePod(image string) podBuilder {
	return podBuilder{corev1.PodSpec{
		Containers:                    []corev1.Container{{Name: "c", Image: image}},
		TerminationGracePeriodSeconds: ptr.To[int64](0),
	}}
}

// Sidecar adds a container.
func (b podBuilder) Sidecar(name, image string) podBuilder {
	b.spec.Containers = append(b.spec.Containers, corev1.Container{Name: name, Image: image})
	return b
}

// Init adds an init container.
func (b podBuilder) Init(image string) podBuilder {
	b.spec.InitContainers = append(b.spec.InitContainers, corev1.Container{Name: "init", Image: image})
	return b
}

// Volume adds an image volume.
func (b podBuilder) Volume(reference string) podBuilder {
	b.spec.Volumes = append(b.spec.Volumes, corev1.Volume{
		Name: "files", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: reference}},
	})
	return b
}

// template returns the pod as a template.
func (b podBuilder) template(restart corev1.RestartPolicy) corev1.PodTemplateSpec {
	spec := *b.spec.DeepCopy()
	spec.RestartPolicy = restart
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: spec}
}

// Pod returns it as a Pod.
func (b podBuilder) Pod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: named(namespace, name), Spec: b.spec}
}

// Deployment returns it as a Deployment without replicas.
func (b podBuilder) Deployment(namespace, name string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: named(namespace, name), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](0), Selector: selector(), Template: b.template(corev1.RestartPolicyAlways),
	}}
}

// StatefulSet returns it as a StatefulSet without replicas.
func (b podBuilder) StatefulSet(namespace, name string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: named(namespace, name), Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To[int32](0), Selector: selector(), Template: b.template(corev1.RestartPolicyAlways),
	}}
}

// DaemonSet returns it as a DaemonSet.
func (b podBuilder) DaemonSet(namespace, name string) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{ObjectMeta: named(namespace, name), Spec: appsv1.DaemonSetSpec{
		Selector: selector(), Template: b.template(corev1.RestartPolicyAlways),
	}}
}

// ReplicaSet returns it as a ReplicaSet without replicas.
func (b podBuilder) ReplicaSet(namespace, name string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: named(namespace, name), Spec: appsv1.ReplicaSetSpec{
		Replicas: ptr.To[int32](0), Selector: selector(), Template: b.template(corev1.RestartPolicyAlways),
	}}
}

// ReplicationController returns it as a ReplicationController without replicas.
func (b podBuilder) ReplicationController(namespace, name string) *corev1.ReplicationController {
	template := b.template(corev1.RestartPolicyAlways)
	return &corev1.ReplicationController{ObjectMeta: named(namespace, name), Spec: corev1.ReplicationControllerSpec{
		Replicas: ptr.To[int32](0), Selector: template.Labels, Template: &template,
	}}
}

// PodTemplate returns it as a PodTemplate.
func (b podBuilder) PodTemplate(namespace, name string) *corev1.PodTemplate {
	return &corev1.PodTemplate{ObjectMeta: named(namespace, name), Template: b.template(corev1.RestartPolicyAlways)}
}

// Job returns it as a Job that is suspended: it makes no pods.
func (b podBuilder) Job(namespace, name string) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: named(namespace, name), Spec: batchv1.JobSpec{
		Suspend: ptr.To(true), Template: b.jobTemplate(),
	}}
}

// CronJob returns it as a CronJob that is suspended.
func (b podBuilder) CronJob(namespace, name string) *batchv1.CronJob {
	return &batchv1.CronJob{ObjectMeta: named(namespace, name), Spec: batchv1.CronJobSpec{
		Schedule: "0 0 1 1 *", Suspend: ptr.To(true),
		JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: b.jobTemplate()}},
	}}
}

func (b podBuilder) jobTemplate() corev1.PodTemplateSpec {
	template := b.template(corev1.RestartPolicyNever)
	template.Labels = nil
	return template
}

// workloads returns it as each kind that the pin writes.
func (b podBuilder) workloads(namespace, name string) map[string]client.Object {
	return map[string]client.Object{
		"deployments":  b.Deployment(namespace, name),
		"statefulsets": b.StatefulSet(namespace, name),
		"daemonsets":   b.DaemonSet(namespace, name),
		"jobs":         b.Job(namespace, name),
		"cronjobs":     b.CronJob(namespace, name),
	}
}

// kinds returns it as each kind that the lock looks at.
func (b podBuilder) kinds(namespace, name string) map[string]client.Object {
	kinds := map[string]client.Object{
		"pods":                   b.Pod(namespace, name),
		"podtemplates":           b.PodTemplate(namespace, name),
		"replicationcontrollers": b.ReplicationController(namespace, name),
		"replicasets":            b.ReplicaSet(namespace, name),
	}
	maps.Copy(kinds, b.workloads(namespace, name))
	return kinds
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
}

// podSpecOf returns the pod spec of any kind.
func podSpecOf(object client.Object) *corev1.PodSpec {
	switch o := object.(type) {
	case *corev1.Pod:
		return &o.Spec
	case *corev1.PodTemplate:
		return &o.Template.Spec
	case *corev1.ReplicationController:
		return &o.Spec.Template.Spec
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec
	default:
		return &podTemplateOf(object).Spec
	}
}

// podTemplateOf returns the template of a workload.
func podTemplateOf(object client.Object) *corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *appsv1.ReplicaSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	default:
		return nil
	}
}

// annotate returns a change that sets an annotation.
func annotate(key, value string) func(client.Object) {
	return func(object client.Object) {
		notes := object.GetAnnotations()
		if notes == nil {
			notes = map[string]string{}
		}
		notes[key] = value
		object.SetAnnotations(notes)
	}
}

// label returns a change that sets a label.
func label(key, value string) func(client.Object) {
	return func(object client.Object) {
		labels := object.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
		object.SetLabels(labels)
	}
}

// setImage returns a change of the first container's image.
func setImage(image string) func(client.Object) {
	return func(object client.Object) { podSpecOf(object).Containers[0].Image = image }
}
