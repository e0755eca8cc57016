package delivery

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestDeploymentSettled(t *testing.T) {
	image := api + "@" + digestA
	for _, c := range []struct {
		reason string
		change func(*appsv1.Deployment)
		pods   int
		want   bool
	}{
		{"all there", func(*appsv1.Deployment) {}, 2, true},
		{"its controller has not seen the spec", func(d *appsv1.Deployment) { d.Generation = 3 }, 2, false},
		{"one is not updated", func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 1 }, 2, false},
		{"one is not ready", func(d *appsv1.Deployment) { d.Status.ReadyReplicas = 1 }, 2, false},
		{"one is ready, but not for minReadySeconds", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 }, 2, false},
		{"an old one is left beside the new ones", func(d *appsv1.Deployment) { d.Status.Replicas = 3 }, 2, false},
		{"an old one lives that the controller no longer counts", func(*appsv1.Deployment) {}, 3, false},
		{"scenario 15: scaled to zero and empty", func(d *appsv1.Deployment) {
			d.Spec.Replicas = ptr[int32](0)
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: 2}
		}, 0, true},
		{"scenario 15: scaled to zero while an old pod runs, which kubectl rollout status calls done", func(d *appsv1.Deployment) {
			d.Spec.Replicas = ptr[int32](0)
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: 2}
		}, 1, false},
		{"scenario 17: an autoscaler asks for more, which have not come yet", func(d *appsv1.Deployment) { d.Spec.Replicas = ptr[int32](4) }, 2, false},
		{"scenario 17: an autoscaler's replicas came", func(d *appsv1.Deployment) {
			d.Spec.Replicas = ptr[int32](3)
			d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = 3, 3, 3, 3
		}, 3, true},
		{"no number is one", func(d *appsv1.Deployment) {
			d.Spec.Replicas = nil
			d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = 1, 1, 1, 1
		}, 1, true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			d := makeDeployment("web", 2, image).With(c.change).Obj()
			if got := deploymentSettled(&d, c.pods); got != c.want {
				t.Errorf("settled = %v, want %v", got, c.want)
			}
		})
	}
}

func TestStatefulSetScenario15(t *testing.T) {
	image := api + "@" + digestA
	for _, c := range []struct {
		reason                         string
		change                         func(*appsv1.StatefulSet)
		settled, partitioned, onDelete bool
	}{
		{"all there", func(*appsv1.StatefulSet) {}, true, false, false},
		{"behind a partition, which kubectl rollout status calls done", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr[int32](1)}
			s.Status.UpdatedReplicas = 1
		}, false, true, false},
		{"a partition that holds nothing back now", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr[int32](1)}
		}, true, true, false},
		{"a partition of none", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr[int32](0)}
		}, true, false, false},
		{"changes when somebody deletes pods", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
			s.Status.UpdatedReplicas = 0
		}, false, false, true},
		{"not ready", func(s *appsv1.StatefulSet) { s.Status.ReadyReplicas = 1 }, false, false, false},
		{"not seen", func(s *appsv1.StatefulSet) { s.Generation = 3 }, false, false, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := makeStatefulSet("db", 2, image)
			c.change(&s)
			got := observeOne(t, Observed{StatefulSets: []appsv1.StatefulSet{s}})
			if got.Settled != c.settled || got.Partitioned != c.partitioned || got.OnDelete != c.onDelete {
				t.Errorf("want settled %v, partitioned %v, onDelete %v; got %+v", c.settled, c.partitioned, c.onDelete, got)
			}
		})
	}
}

func TestDaemonSetScenario15(t *testing.T) {
	image := api + "@" + digestA
	for _, c := range []struct {
		reason            string
		change            func(*appsv1.DaemonSet)
		pods              int
		settled, onDelete bool
	}{
		{"all there", func(*appsv1.DaemonSet) {}, 2, true, false},
		{"no node takes it", func(d *appsv1.DaemonSet) { d.Status = appsv1.DaemonSetStatus{ObservedGeneration: 2} }, 0, true, false},
		{"just made, nothing counted yet", func(d *appsv1.DaemonSet) { d.Status = appsv1.DaemonSetStatus{} }, 0, false, false},
		{"one is not updated", func(d *appsv1.DaemonSet) { d.Status.UpdatedNumberScheduled = 1 }, 2, false, false},
		{"one is not available", func(d *appsv1.DaemonSet) { d.Status.NumberAvailable = 1 }, 2, false, false},
		{"a surge left the old pod beside the new one", func(*appsv1.DaemonSet) {}, 3, false, false},
		{"a pod stays on a node that takes no more", func(d *appsv1.DaemonSet) { d.Status.NumberMisscheduled = 1 }, 3, true, false},
		{"changes when somebody deletes pods", func(d *appsv1.DaemonSet) {
			d.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
			d.Status.UpdatedNumberScheduled = 0
		}, 2, false, true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			d := makeDaemonSet("agent", 2, image)
			c.change(&d)
			var pods []corev1.Pod
			for i := range c.pods {
				pods = append(pods, makePod("agent-"+string(rune('a'+i)), KindDaemonSet, "agent", image).Obj())
			}
			got := observeOne(t, Observed{DaemonSets: []appsv1.DaemonSet{d}, Pods: pods})
			if got.Settled != c.settled || got.OnDelete != c.onDelete {
				t.Errorf("want settled %v, onDelete %v; got %+v", c.settled, c.onDelete, got)
			}
		})
	}
}

func TestPausedScenario15(t *testing.T) {
	d := makeDeployment("web", 1, api).With(func(d *appsv1.Deployment) {
		d.Spec.Paused = true
		d.Status.UpdatedReplicas = 0
	})
	if got := observeOne(t, Observed{Deployments: []appsv1.Deployment{d.Obj()}}); !got.Paused || got.Settled {
		t.Errorf("want it paused and not settled, got %+v", got)
	}
}
