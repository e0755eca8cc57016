package delivery

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodProblem(t *testing.T) {
	ended := &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	pod := func() *podBuilder { return makePod("p", "ReplicaSet", "web-1", api) }
	crashed := func(state corev1.ContainerState) corev1.ContainerStatus {
		return corev1.ContainerStatus{
			Name: "c0", RestartCount: 1, State: state, LastTerminationState: corev1.ContainerState{Terminated: ended},
		}
	}
	backOff := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s restarting"}}
	const loops = "CrashLoopBackOff: container c0 ended with exit code 137 (OOMKilled)"
	for _, c := range []struct {
		reason string
		pod    *podBuilder
		want   string
	}{
		{"nothing is wrong with a Ready pod", pod(), ""},
		{"it is on its way", pod().Waiting("ContainerCreating", ""), ""},
		{"its init containers run", pod().Waiting("PodInitializing", ""), ""},
		{"nothing is known", pod().NotReady(), ""},
		{"the image is not there", pod().Waiting("ErrImagePull", "not found"), "ImagePullBackOff: not found"},
		{"the same, a moment later", pod().Waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: not found`), "ImagePullBackOff: not found"},
		{"the same, of an older kubelet", pod().Waiting("ImagePullBackOff", `Back-off pulling image "x"`), `ImagePullBackOff: Back-off pulling image "x"`},
		{"a Secret is missing", pod().Waiting("CreateContainerConfigError", `secret "db" not found`), `CreateContainerConfigError: secret "db" not found`},
		{"it waits to be started again", pod().NotReady().Status(crashed(backOff)), loops},
		{"it runs for a moment", pod().NotReady().Status(crashed(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})), loops},
		{"it ended again", pod().NotReady().Status(crashed(corev1.ContainerState{Terminated: ended})), loops},
		{"nothing is known of how it ended", pod().Waiting("CrashLoopBackOff", "back-off 10s restarting"), "CrashLoopBackOff: back-off 10s restarting"},
		{"it wrote why", pod().NotReady().Status(corev1.ContainerStatus{Name: "c0", State: backOff, LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "no \x1b[31mdatabase\n"},
		}}), "CrashLoopBackOff: container c0 ended with exit code 1: no [31mdatabase"},
		{"it started well after an accident and is not ready yet", pod().NotReady().Status(corev1.ContainerStatus{
			Name: "c0", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}), ""},
		{"no node takes it", pod().NotReady().Condition(corev1.PodCondition{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available",
		}), "Unschedulable: 0/3 nodes are available"},
		{"an init container comes first", pod().Waiting("PodInitializing", "").Init(api).Status(corev1.ContainerStatus{
			Name: "init", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "InvalidImageName", Message: "x"}},
		}), "InvalidImageName: x"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			p := c.pod.Obj()
			if got := reducePod(&p).Problem; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCreationProblem(t *testing.T) {
	image := api + "@" + digestA
	quota := `Error creating: pods "web-2-x7k2p" is forbidden: exceeded quota`
	const said = `FailedCreate: Error creating: pods "web-2-*" is forbidden: exceeded quota`
	oldPod := makePod("web-1-a", "ReplicaSet", "web-1", image)
	series := makeFailure("c", "web-2", quota, metav1.Time{})
	series.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(after(60).Time)}
	newStyle := makeFailure("d", "web-2", quota, metav1.Time{})
	newStyle.EventTime = metav1.NewMicroTime(after(60).Time)
	other := makeFailure("e", "web-2", "x", after(99))
	other.Reason = "SuccessfulCreate"
	for _, c := range []struct {
		reason string
		pods   []corev1.Pod
		events []corev1.Event
		want   string
	}{
		{"nothing happened", nil, nil, ""},
		{"refused while the old pods still make up the number", []corev1.Pod{oldPod.Obj()}, []corev1.Event{makeFailure("a", "web-2", quota, after(1))}, said},
		{"nothing is missing any more", []corev1.Pod{makePod("web-2-a", "ReplicaSet", "web-2", image).Obj()}, []corev1.Event{makeFailure("a", "web-2", quota, after(1))}, ""},
		{"refused so often that events are combined", nil, []corev1.Event{makeFailure("a", "web-2", "(combined from similar events): "+quota, after(1))}, said},
		{"an old ReplicaSet was refused", nil, []corev1.Event{makeFailure("a", "web-1", quota, after(1))}, ""},
		{"the newest wins", nil, []corev1.Event{makeFailure("a", "web-2", "old", after(1)), makeFailure("b", "web-2", quota, after(2)), makeFailure("c", "web-2", "older", after(0))}, said},
		{"of two at the same time the order decides nothing", nil, []corev1.Event{makeFailure("b", "web-2", quota, after(1)), makeFailure("a", "web-2", "x", after(1))}, said},
		{"a series tells when it was last seen", nil, []corev1.Event{makeFailure("b", "web-2", "old", after(59)), series}, said},
		{"an event of the new API has another time", nil, []corev1.Event{makeFailure("b", "web-2", "old", after(59)), newStyle}, said},
		{"another reason is no refusal", nil, []corev1.Event{makeFailure("a", "web-2", quota, after(1)), other}, said},
	} {
		t.Run(c.reason, func(t *testing.T) {
			in := Observed{
				Deployments: []appsv1.Deployment{makeDeployment("web", 1, image).Obj()},
				ReplicaSets: []appsv1.ReplicaSet{makeReplicaSet("web-1", "web", "9", 1), makeReplicaSet("web-2", "web", "10", 1)},
				Pods:        c.pods, Events: c.events,
			}
			if got := observeOne(t, in).Problem; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			slices.Reverse(in.ReplicaSets)
			slices.Reverse(in.Events)
			if got := observeOne(t, in).Problem; got != c.want {
				t.Errorf("listed the other way round: got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCreationProblemOutlivesEvents(t *testing.T) {
	rs := makeReplicaSet("web-1", "web", "1", 1)
	rs.Status.Conditions = []appsv1.ReplicaSetCondition{{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: `pods "web-1-x7k2p" is forbidden`,
	}}
	got := observeOne(t, Observed{
		Deployments: []appsv1.Deployment{makeDeployment("web", 1, api).Obj()}, ReplicaSets: []appsv1.ReplicaSet{rs},
	})
	if want := `FailedCreate: pods "web-1-*" is forbidden`; got.Problem != want {
		t.Errorf("got %q, want %q", got.Problem, want)
	}
}

func TestCreationProblemOfOthers(t *testing.T) {
	image := api + "@" + digestA
	made := func(kind string, at metav1.Time) []corev1.Pod {
		return []corev1.Pod{makePod("w-0", kind, "w", image).Created(at).Obj()}
	}
	events := []corev1.Event{makeFailure("a", "w", "denied", after(10))}
	surging := makeDaemonSet("w", 1, image)
	surging.Status.UpdatedNumberScheduled = 0
	for _, c := range []struct {
		reason, want string
		in           Observed
	}{
		{"a StatefulSet lacks pods", "FailedCreate: denied", Observed{StatefulSets: []appsv1.StatefulSet{makeStatefulSet("w", 2, image)}, Pods: made(KindStatefulSet, after(0))}},
		{"a StatefulSet lacks none", "", Observed{StatefulSets: []appsv1.StatefulSet{makeStatefulSet("w", 1, image)}, Pods: made(KindStatefulSet, after(0))}},
		{"a pod was made since: the refusal is over", "", Observed{StatefulSets: []appsv1.StatefulSet{makeStatefulSet("w", 2, image)}, Pods: made(KindStatefulSet, after(11))}},
		{"a pod was made in the same second", "FailedCreate: denied", Observed{StatefulSets: []appsv1.StatefulSet{makeStatefulSet("w", 2, image)}, Pods: made(KindStatefulSet, after(10))}},
		{"a DaemonSet lacks pods", "FailedCreate: denied", Observed{DaemonSets: []appsv1.DaemonSet{makeDaemonSet("w", 2, image)}, Pods: made(KindDaemonSet, after(0))}},
		{"a DaemonSet lacks the new pod of a surge", "FailedCreate: denied", Observed{DaemonSets: []appsv1.DaemonSet{surging}, Pods: made(KindDaemonSet, after(0))}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			c.in.Events = events
			if got := observeOne(t, c.in).Problem; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
