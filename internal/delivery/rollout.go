package delivery

import appsv1 "k8s.io/api/apps/v1"

// A workload is settled when its controller has seen the present spec, exactly as many pods live as are desired, and
// all of them are updated, ready and available. `kubectl rollout status` is content with less: with pods of an old
// revision behind a partition, with ready instead of available, and it refuses to judge OnDelete.

func deploymentSettled(d *appsv1.Deployment, livePods int) bool {
	return settled(d.Generation, d.Status.ObservedGeneration, livePods, counts{
		desired:   orOne(d.Spec.Replicas),
		all:       d.Status.Replicas,
		updated:   d.Status.UpdatedReplicas,
		ready:     d.Status.ReadyReplicas,
		available: d.Status.AvailableReplicas,
	})
}

func statefulSetSettled(s *appsv1.StatefulSet, livePods int) bool {
	return settled(s.Generation, s.Status.ObservedGeneration, livePods, counts{
		desired:   orOne(s.Spec.Replicas),
		all:       s.Status.Replicas,
		updated:   s.Status.UpdatedReplicas,
		ready:     s.Status.ReadyReplicas,
		available: s.Status.AvailableReplicas,
	})
}

func daemonSetSettled(d *appsv1.DaemonSet, livePods int) bool {
	return settled(d.Generation, d.Status.ObservedGeneration, livePods-int(d.Status.NumberMisscheduled), counts{
		desired:   d.Status.DesiredNumberScheduled,
		all:       d.Status.CurrentNumberScheduled,
		updated:   d.Status.UpdatedNumberScheduled,
		ready:     d.Status.NumberReady,
		available: d.Status.NumberAvailable,
	})
}

// counts are the pods of a workload as its controller counts them.
type counts struct{ desired, all, updated, ready, available int32 }

// settled also asks for no more live pods than desired: a surge leaves an old pod beside a new one that is ready, and
// the pods may be known here before the controller's count of them is.
func settled(generation, observed int64, livePods int, c counts) bool {
	full := c.all == c.desired && c.updated == c.desired && c.ready == c.desired && c.available == c.desired
	return observed >= generation && full && livePods <= int(c.desired)
}

// partitioned says whether a StatefulSet keeps some pods on the old revision on purpose.
func partitioned(s *appsv1.StatefulSet) bool {
	rolling := s.Spec.UpdateStrategy.RollingUpdate
	return rolling != nil && rolling.Partition != nil && *rolling.Partition > 0
}
