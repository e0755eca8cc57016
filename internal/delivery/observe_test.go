package delivery

import (
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// observeOne expects one workload.
func observeOne(t *testing.T, in Observed) promotion.Workload {
	t.Helper()
	in.Repositories = []string{api}
	found := Observe(in)
	if len(found) != 1 {
		t.Fatalf("want one workload, got %+v", found)
	}
	return found[0]
}

func TestObserveFindsWorkloads(t *testing.T) {
	initOnly := makeDeployment("init-only", 1, "busybox").With(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "init", Image: api + ":v1"}}
	})
	deleting := makeDeployment("deleting", 1, api).With(func(d *appsv1.Deployment) { d.DeletionTimestamp = ptr(after(0)) })
	labelled := makeDeployment("labelled", 1, api).With(func(d *appsv1.Deployment) {
		d.Labels = map[string]string{v1alpha1.GateLabel: "smoke"}
	})
	gate := makeJob("sl-1", api)
	gate.Labels = map[string]string{v1alpha1.GateLabel: "smoke"}
	found := Observe(Observed{
		Repositories: []string{api, worker},
		Deployments: []appsv1.Deployment{
			makeDeployment("web", 1, api+":v1").Obj(), makeDeployment("other", 1, api+"2:v1").Obj(),
			initOnly.Obj(), deleting.Obj(), labelled.Obj(),
		},
		StatefulSets: []appsv1.StatefulSet{makeStatefulSet("db", 1, worker+"@"+digestA), makeStatefulSet("alien", 1, "postgres")},
		DaemonSets:   []appsv1.DaemonSet{makeDaemonSet("agent", 1, "sidecar", worker), makeDaemonSet("alien", 1, "fluentd")},
		CronJobs:     []batchv1.CronJob{makeCronJob("nightly", worker), makeCronJob("alien", "curl")},
		Jobs:         []batchv1.Job{gate},
	})
	var got []string
	for _, w := range found {
		got = append(got, w.Kind+"/"+w.Name)
	}
	want := []string{
		"CronJob/nightly", "DaemonSet/agent", "Deployment/init-only", "Deployment/labelled", "Deployment/web", "StatefulSet/db",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("want what runs a repository, sorted, without what is being deleted, and nothing hidden by a gate's label:\ngot  %v\nwant %v", got, want)
	}
}

func TestObserveReduces(t *testing.T) {
	d := makeDeployment("web", 1, api+":v1", "envoy:1").With(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "init", Image: api + ":v1"}}
		d.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: "abc:uid"}
	})
	pod := makePod("web-1-x", "ReplicaSet", "web-1", api+":v1", "envoy:1").Init(api + "@" + digestA).
		Status(corev1.ContainerStatus{Name: "c0", ImageID: api + "@" + digestB, RestartCount: 2}).
		Status(corev1.ContainerStatus{Name: "init", RestartCount: 1})
	got := observeOne(t, Observed{
		Deployments: []appsv1.Deployment{d.Obj()},
		ReplicaSets: []appsv1.ReplicaSet{makeReplicaSet("web-1", "web", "1", 1)},
		Pods:        []corev1.Pod{pod.Obj()},
	})
	want := promotion.Workload{
		Kind: KindDeployment, Name: "web", ResourceVersion: "7", Release: "abc:uid", Desired: 1, Settled: true,
		Images: []promotion.ContainerImage{
			{Container: "c0", Image: api + ":v1"}, {Container: "c1", Image: "envoy:1"}, {Container: "init", Image: api + ":v1"},
		},
		Pods: []promotion.Pod{{Name: "web-1-x", Ready: true, Restarts: 3, Images: []promotion.ContainerImage{
			{Container: "c0", Image: api + "@" + digestB}, {Container: "c1", Image: "envoy"}, {Container: "init", Image: api + "@" + digestA},
		}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestObserveScenario44Ignored(t *testing.T) {
	for _, c := range []struct {
		reason, value string
		want          bool
	}{
		{"asked to be left alone", v1alpha1.DeliveryIgnore, true},
		{"another value is not that wish", "ignore", false},
		{"no annotation", "", false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			d := makeDeployment("green", 1, api).With(func(d *appsv1.Deployment) {
				d.Annotations = map[string]string{v1alpha1.DeliveryAnnotation: c.value}
			})
			if got := observeOne(t, Observed{Deployments: []appsv1.Deployment{d.Obj()}}).Ignored; got != c.want {
				t.Errorf("Ignored = %v, want %v", got, c.want)
			}
		})
	}
}

func TestObservePods(t *testing.T) {
	image := api + "@" + digestA
	for _, c := range []struct {
		reason string
		pod    *podBuilder
		want   int
	}{
		{"a pod of the Deployment's ReplicaSet", makePod("p", "ReplicaSet", "web-1", image), 1},
		{"a pod of the old ReplicaSet lives too", makePod("p", "ReplicaSet", "web-0", image), 1},
		{"a pod of another ReplicaSet", makePod("p", "ReplicaSet", "alien-1", image), 0},
		{"a pod that is not running yet", makePod("p", "ReplicaSet", "web-1", image).Phase(corev1.PodPending), 1},
		{"a pod that is being deleted", makePod("p", "ReplicaSet", "web-1", image).Deleting(), 0},
		{"a pod that was evicted", makePod("p", "ReplicaSet", "web-1", image).Phase(corev1.PodFailed), 0},
		{"a pod that ended", makePod("p", "ReplicaSet", "web-1", image).Phase(corev1.PodSucceeded), 0},
		{"a gate's label hides no pod of a workload", makePod("p", "ReplicaSet", "web-1", image).Labelled(v1alpha1.GateLabel, "smoke"), 1},
		{"a gate's pod", makePod("p", "Job", "sl-1", image).Labelled(v1alpha1.GateLabel, "smoke"), 0},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := observeOne(t, Observed{
				Deployments: []appsv1.Deployment{makeDeployment("web", 1, image).Obj()},
				ReplicaSets: []appsv1.ReplicaSet{
					makeReplicaSet("web-0", "web", "1", 0), makeReplicaSet("web-1", "web", "2", 1), makeReplicaSet("alien-1", "alien", "1", 1),
				},
				Pods: []corev1.Pod{c.pod.Obj()},
			})
			if len(got.Pods) != c.want {
				t.Errorf("want %d pods, got %+v", c.want, got.Pods)
			}
		})
	}
}

func TestObserveDirectlyOwnedPods(t *testing.T) {
	image := api + "@" + digestA
	found := Observe(Observed{
		Repositories: []string{api},
		StatefulSets: []appsv1.StatefulSet{makeStatefulSet("db", 2, image)},
		DaemonSets:   []appsv1.DaemonSet{makeDaemonSet("agent", 1, image)},
		Pods: []corev1.Pod{
			makePod("db-1", KindStatefulSet, "db", image).Obj(), makePod("db-0", KindStatefulSet, "db", image).Obj(),
			makePod("agent-x", KindDaemonSet, "agent", image).Obj(),
		},
	})
	if len(found) != 2 || !found[0].Settled || !found[1].Settled {
		t.Fatalf("want two settled workloads, got %+v", found)
	}
	if len(found[0].Pods) != 1 || len(found[1].Pods) != 2 || found[1].Pods[0].Name != "db-0" {
		t.Errorf("want agent-x, and db-0 before db-1, got %+v", found)
	}
}

func TestObserveScenario16CronJob(t *testing.T) {
	got := observeOne(t, Observed{
		CronJobs: []batchv1.CronJob{makeCronJob("nightly", api+"@"+digestB)},
		Jobs:     []batchv1.Job{makeJob("nightly-1", api+"@"+digestA)},
		Pods:     []corev1.Pod{makePod("nightly-1-x", "Job", "nightly-1", api+"@"+digestA).Obj()},
	})
	if !got.Settled || got.Desired != 0 || len(got.Pods) != 0 {
		t.Errorf("want it patched at once, without waiting for the Job that runs, got %+v", got)
	}
}

func TestInUse(t *testing.T) {
	finishedJob := makeJob("done", api+"@"+digestA)
	finishedJob.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
	gate := makeJob("sl-1", api+"@"+digestA)
	gate.Labels = map[string]string{v1alpha1.GateLabel: "smoke"}
	old := makeReplicaSet("web-0", "web", "1", 0)
	old.Spec.Template = template(api + "@" + digestA)
	scaled := makeReplicaSet("web-1", "web", "2", 1)
	scaled.Spec.Template = template(api + "@" + digestA)
	leaving := makeReplicaSet("web-0", "web", "1", 0)
	leaving.Spec.Template, leaving.Status.Replicas = template(api+"@"+digestA), 1
	tagged := makePod("p", "ReplicaSet", "web-1", api+":v1").Status(corev1.ContainerStatus{Name: "c0", ImageID: api + "@" + digestA})
	used := []string{api + "@" + digestA}
	attached := makePod("p", "ReplicaSet", "w", worker+"@"+digestB).Obj()
	attached.Spec.Volumes = []corev1.Volume{{Name: "files", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: api + "@" + digestA}}}}
	debugged := makePod("p", "ReplicaSet", "w", worker+"@"+digestB).Obj()
	debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "d", Image: api + "@" + digestA}}}
	partitioned := appsv1.StatefulSet{ObjectMeta: meta("db"), Status: appsv1.StatefulSetStatus{CurrentRevision: "db-1", UpdateRevision: "db-2"}}
	moved := *partitioned.DeepCopy()
	moved.Status.CurrentRevision = "db-2"
	revision := func(owner string) []appsv1.ControllerRevision {
		r := appsv1.ControllerRevision{ObjectMeta: meta("db-1"), Revision: 1}
		r.OwnerReferences = ownedBy("StatefulSet", owner)
		r.Data.Raw = []byte(`{"spec":{"template":{"$patch":"replace","spec":{"containers":[{"name":"c0","image":"` + api + "@" + digestA + `","command":["x"]}]}}}}`)
		stripped, err := StripRevision(&r)
		if err != nil || strings.Contains(string(stripped.(*appsv1.ControllerRevision).Data.Raw), "command") {
			t.Fatalf("%v: %+v", err, stripped)
		}
		return []appsv1.ControllerRevision{*stripped.(*appsv1.ControllerRevision)}
	}
	for _, c := range []struct {
		reason string
		in     Observed
		want   []string
	}{
		{"a live pod", Observed{Pods: []corev1.Pod{makePod("p", "ReplicaSet", "w", api+"@"+digestA).Obj()}}, used},
		{"a live pod that asked for a tag", Observed{Pods: []corev1.Pod{tagged.Obj()}}, used},
		{"a live pod of unknown content", Observed{Pods: []corev1.Pod{makePod("p", "ReplicaSet", "w", api+":v1").Obj()}}, nil},
		{"a pod that ended", Observed{Pods: []corev1.Pod{makePod("p", "Job", "j", api+"@"+digestA).Phase(corev1.PodSucceeded).Obj()}}, nil},
		{"another repository", Observed{Pods: []corev1.Pod{makePod("p", "ReplicaSet", "w", worker+"@"+digestA).Obj()}}, nil},
		{"scenario 16: a Job that runs keeps the old digest", Observed{Jobs: []batchv1.Job{makeJob("nightly-1", api+":v1@"+digestA)}}, used},
		{"scenario 16: until it ends", Observed{Jobs: []batchv1.Job{finishedJob}}, nil},
		{"a gate's Job is allowed on its own", Observed{Jobs: []batchv1.Job{gate}}, nil},
		{"and so is its pod", Observed{Pods: []corev1.Pod{makePod("p", "Job", "sl-1", api+"@"+digestA).Labelled(v1alpha1.GateLabel, "smoke").Obj()}}, nil},
		{"a gate's label hides no pod of a workload", Observed{Pods: []corev1.Pod{makePod("p", "ReplicaSet", "w", api+"@"+digestA).Labelled(v1alpha1.GateLabel, "smoke").Obj()}}, used},
		{"a ReplicaSet with replicas", Observed{ReplicaSets: []appsv1.ReplicaSet{scaled}}, used},
		{"a ReplicaSet that is scaled down and still has pods", Observed{ReplicaSets: []appsv1.ReplicaSet{leaving}}, used},
		{"an image volume", Observed{Pods: []corev1.Pod{attached}}, used},
		{"an ephemeral container", Observed{Pods: []corev1.Pod{debugged}}, used},
		{"a revision that a StatefulSet leaves", Observed{StatefulSets: []appsv1.StatefulSet{partitioned}, Revisions: revision("db")}, used},
		{"a revision that it left", Observed{StatefulSets: []appsv1.StatefulSet{moved}, Revisions: revision("db")}, nil},
		{"a revision of another", Observed{StatefulSets: []appsv1.StatefulSet{partitioned}, Revisions: revision("other")}, nil},
		{"a ReplicaSet of the past", Observed{ReplicaSets: []appsv1.ReplicaSet{old}}, nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			c.in.Repositories = []string{api}
			if got := InUse(c.in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
