package delivery

import (
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// burden gives an object what a cache need not hold.
func burden(m *metav1.ObjectMeta, spec *corev1.PodSpec) {
	m.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	m.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{...}"
	m.Annotations[v1alpha1.ReleaseAnnotation] = "hash:uid"
	spec.Volumes = []corev1.Volume{{Name: "data"}}
	for i := range spec.Containers {
		spec.Containers[i].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
		spec.Containers[i].Command = []string{"run"}
	}
}

func burdened() Observed {
	deployment := makeDeployment("web", 1, api+":v1").With(func(d *appsv1.Deployment) { d.Spec.Paused = true }).Obj()
	burden(&deployment.ObjectMeta, &deployment.Spec.Template.Spec)
	rs := makeReplicaSet("web-1", "web", "1", 2)
	rs.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate"}}
	rs.Spec.Template = template(api + "@" + digestB)
	burden(&rs.ObjectMeta, &rs.Spec.Template.Spec)
	set := makeStatefulSet("db", 2, api+":v1")
	set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr[int32](1)}
	burden(&set.ObjectMeta, &set.Spec.Template.Spec)
	daemons := makeDaemonSet("agent", 1, api+":v1")
	daemons.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
	burden(&daemons.ObjectMeta, &daemons.Spec.Template.Spec)
	cron := makeCronJob("nightly", api+":v1")
	burden(&cron.ObjectMeta, &cron.Spec.JobTemplate.Spec.Template.Spec)
	job := makeJob("nightly-1", api+"@"+digestA)
	job.Spec.ActiveDeadlineSeconds, job.Spec.Template.Spec.ActiveDeadlineSeconds = ptr[int64](5), ptr[int64](4)
	burden(&job.ObjectMeta, &job.Spec.Template.Spec)
	pod := makePod("web-1-x", "ReplicaSet", "web-1", api+":v1").Init(api).
		Waiting("ErrImagePull", "not found").Status(corev1.ContainerStatus{Name: "init", ImageID: api + "@" + digestA, RestartCount: 3}).Obj()
	burden(&pod.ObjectMeta, &pod.Spec)
	event := makeFailure("a", "db", "denied", after(1))
	burden(&event.ObjectMeta, &corev1.PodSpec{})
	return Observed{
		Repositories: []string{api},
		Deployments:  []appsv1.Deployment{deployment}, ReplicaSets: []appsv1.ReplicaSet{rs},
		StatefulSets: []appsv1.StatefulSet{set}, DaemonSets: []appsv1.DaemonSet{daemons},
		CronJobs: []batchv1.CronJob{cron}, Jobs: []batchv1.Job{job}, Pods: []corev1.Pod{pod}, Events: []corev1.Event{event},
	}
}

// stripped is what a cache holds of an object, twice transformed, as caches may.
func stripped[T any](t *testing.T, object T, strip func(any) (any, error)) T {
	t.Helper()
	once, err := strip(&object)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := strip(once)
	if err != nil || !reflect.DeepEqual(once, twice) {
		t.Errorf("want stripping twice to be the same as once, got %+v and %+v (%v)", once, twice, err)
	}
	kept, ok := twice.(*T)
	if !ok {
		t.Fatalf("want %T, got %T", object, twice)
	}
	if o, ok := twice.(client.Object); !ok || o.GetManagedFields() != nil || o.GetResourceVersion() == "" ||
		o.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"] != "" || o.GetAnnotations()[v1alpha1.ReleaseAnnotation] == "" {
		t.Errorf("want only our annotations, no managed fields, and the resourceVersion, got %+v", twice)
	}
	return *kept
}

func TestStripKeepsWhatIsObserved(t *testing.T) {
	full := burdened()
	slim := Observed{
		Repositories: full.Repositories,
		Deployments:  []appsv1.Deployment{stripped(t, full.Deployments[0], StripWorkload)},
		ReplicaSets:  []appsv1.ReplicaSet{stripped(t, full.ReplicaSets[0], StripWorkload)},
		StatefulSets: []appsv1.StatefulSet{stripped(t, full.StatefulSets[0], StripWorkload)},
		DaemonSets:   []appsv1.DaemonSet{stripped(t, full.DaemonSets[0], StripWorkload)},
		CronJobs:     []batchv1.CronJob{stripped(t, full.CronJobs[0], StripWorkload)},
		Jobs:         []batchv1.Job{stripped(t, full.Jobs[0], StripWorkload)},
		Pods:         []corev1.Pod{stripped(t, full.Pods[0], StripPod)},
		Events:       []corev1.Event{stripped(t, full.Events[0], StripEvent)},
	}
	if got, want := Observe(slim), Observe(full); !reflect.DeepEqual(got, want) {
		t.Errorf("observed through a cache:\ngot  %+v\nwant %+v", got, want)
	}
	if got, want := InUse(slim), InUse(full); !reflect.DeepEqual(got, want) || len(want) != 2 {
		t.Errorf("in use through a cache: got %v, want %v", got, want)
	}
	for _, spec := range []corev1.PodSpec{
		slim.Deployments[0].Spec.Template.Spec, slim.StatefulSets[0].Spec.Template.Spec, slim.DaemonSets[0].Spec.Template.Spec,
		slim.ReplicaSets[0].Spec.Template.Spec, slim.CronJobs[0].Spec.JobTemplate.Spec.Template.Spec,
		slim.Jobs[0].Spec.Template.Spec, slim.Pods[0].Spec,
	} {
		if c := spec.Containers[0]; c.Env != nil || c.Command != nil || spec.Volumes != nil {
			t.Errorf("want env, command and volumes gone, got %+v", spec)
		}
	}
	if job := slim.Jobs[0]; *job.Spec.ActiveDeadlineSeconds != 5 || *job.Spec.Template.Spec.ActiveDeadlineSeconds != 4 {
		t.Errorf("want the deadlines kept, which the result of a gate names, got %+v", job.Spec)
	}
}

func TestStripKeepsWhatAGateIsReadFrom(t *testing.T) {
	ended := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "m", StartedAt: after(1)}
	pod := makePod("sl-1-x", "Job", "sl-1", api).Labelled(v1alpha1.GateLabel, "smoke").Phase(corev1.PodFailed).
		Status(corev1.ContainerStatus{Name: "c0", ImageID: api + "@" + digestA, State: corev1.ContainerState{Terminated: ended}}).Obj()
	pod.Status.Reason, pod.Status.Message = "DeadlineExceeded", "too slow"
	pod.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: "x"}
	got := stripped(t, pod, StripPod)
	if !reflect.DeepEqual(got.Status, pod.Status) || !reflect.DeepEqual(got.OwnerReferences, pod.OwnerReferences) || !reflect.DeepEqual(got.Labels, pod.Labels) {
		t.Errorf("want status, owner and labels as they were, got %+v", got)
	}
}

func TestStripLetsOthersPass(t *testing.T) {
	other := &corev1.ConfigMap{}
	for _, strip := range []func(any) (any, error){StripPod, StripWorkload, StripEvent} {
		if got, err := strip(other); err != nil || got != any(other) {
			t.Errorf("want another type to pass through, got %v, %v", got, err)
		}
	}
}
