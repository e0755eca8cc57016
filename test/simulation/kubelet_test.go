package simulation

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// now in the resolution of the API.
func (w *world) now() metav1.Time { return metav1.NewTime(w.sim.clock.now.Truncate(time.Second)) }

// jobChores play the Job controller, its TTL and the garbage collector of its pods.
func (w *world) jobChores(job *batchv1.Job) []chore {
	const actor = "job-controller"
	if ended := jobEnd(job); ended != nil {
		if ttl := job.Spec.TTLSecondsAfterFinished; ttl != nil && !w.sim.clock.now.Before(ended.Add(time.Duration(*ttl)*time.Second)) {
			return []chore{{"TTL of Job " + job.Name, func() { w.remove("ttl-controller", job) }}}
		}
		return nil
	}
	pods := w.owned("Pod", job)
	switch {
	case job.Status.StartTime == nil:
		return []chore{{"Job " + job.Name + " starts", func() {
			now := w.now()
			w.updateStatus(actor, job, func(o client.Object) { o.(*batchv1.Job).Status.StartTime = &now })
		}}}
	case w.jobOverdue(job):
		return []chore{{"Job " + job.Name + " is overdue", func() { w.endJob(job, batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded) }}}
	case len(pods) == 0 && w.mayRetry(job):
		return []chore{{"Job " + job.Name + " makes a pod", func() {
			w.makePod(actor, job, "Job", job.Spec.Template, job.Spec.Template.Labels)
		}}}
	case len(pods) == 0:
		return nil
	}
	switch pods[0].(*corev1.Pod).Status.Phase {
	case corev1.PodSucceeded:
		return []chore{{"Job " + job.Name + " is complete", func() { w.endJob(job, batchv1.JobComplete, "CompletionsReached") }}}
	case corev1.PodFailed:
		return []chore{{"Job " + job.Name + " failed", func() { w.endJob(job, batchv1.JobFailed, "BackoffLimitExceeded") }}}
	}
	return nil
}

func (w *world) jobOverdue(job *batchv1.Job) bool {
	at := jobDeadline(job)
	return !at.IsZero() && !w.sim.clock.now.Before(at)
}

// jobDeadline is when a Job that runs has to end; zero where nothing says.
func jobDeadline(job *batchv1.Job) time.Time {
	if jobEnd(job) != nil || job.Status.StartTime == nil || job.Spec.ActiveDeadlineSeconds == nil {
		return time.Time{}
	}
	return job.Status.StartTime.Add(time.Duration(*job.Spec.ActiveDeadlineSeconds) * time.Second)
}

// jobEnd is when a Job ended; nil while it did not.
func jobEnd(job *batchv1.Job) *metav1.Time {
	for i := range job.Status.Conditions {
		if c := job.Status.Conditions[i]; c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed {
			return &c.LastTransitionTime
		}
	}
	return nil
}

func (w *world) endJob(job *batchv1.Job, kind batchv1.JobConditionType, reason string) {
	now := w.now()
	w.updateStatus("job-controller", job, func(o client.Object) {
		status := &o.(*batchv1.Job).Status
		status.Conditions = append(status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "it ended", LastTransitionTime: now,
		})
		if kind == batchv1.JobComplete {
			status.CompletionTime = &now
		}
	})
	if reason == batchv1.JobReasonDeadlineExceeded {
		for _, pod := range w.owned("Pod", job) {
			w.remove("job-controller", pod)
		}
	}
}

// podChores play the kubelet and the garbage collector.
func (w *world) podChores(pod *corev1.Pod) []chore {
	if w.orphaned(pod) {
		return []chore{{"collect pod " + pod.Name, func() { w.remove("garbage-collector", pod) }}}
	}
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && owner.Kind == "Job" {
		return w.testPodChores(pod)
	}
	fate := w.sim.plan.podFate(pod)
	switch {
	case pod.Status.Phase == "":
		return []chore{{"pod " + pod.Name + " runs", func() { w.runPod(pod, false, fate) }}}
	case !isReady(pod) && fate == goesWell:
		return []chore{{"pod " + pod.Name + " is ready", func() { w.runPod(pod, true, fate) }}}
	}
	return nil
}

func (w *world) runPod(pod *corev1.Pod, ready bool, fate podFate) {
	w.updateStatus("kubelet", pod, func(o client.Object) {
		status := &o.(*corev1.Pod).Status
		status.Phase, status.ContainerStatuses = corev1.PodRunning, nil
		for _, c := range pod.Spec.Containers {
			s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: w.sim.imageID(c.Image), Ready: ready}
			if fate == neverStarts {
				s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off"}
			} else {
				s.State.Running = &corev1.ContainerStateRunning{StartedAt: w.now()}
			}
			status.ContainerStatuses = append(status.ContainerStatuses, s)
		}
		value := corev1.ConditionFalse
		if ready {
			value = corev1.ConditionTrue
		}
		status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: value, LastTransitionTime: w.now()}}
	})
}

// testPodChores play the kubelet for the pod of a gate.
func (w *world) testPodChores(pod *corev1.Pod) []chore {
	fate := w.sim.plan.gateFate(w.jobOf(pod))
	switch {
	case pod.Status.Phase == "" && fate == gateCannotStart:
		return []chore{{"test " + pod.Name + " cannot start", func() { w.stateTest(pod, corev1.PodPending, nil) }}}
	case pod.Status.Phase == "":
		return []chore{{"test " + pod.Name + " runs", func() { w.stateTest(pod, corev1.PodRunning, nil) }}}
	case pod.Status.Phase == corev1.PodRunning && fate == gatePasses:
		return []chore{{"test " + pod.Name + " passes", func() { w.stateTest(pod, corev1.PodSucceeded, new(int32)) }}}
	case pod.Status.Phase == corev1.PodRunning && fate == gateFails:
		one := int32(1)
		return []chore{{"test " + pod.Name + " fails", func() { w.stateTest(pod, corev1.PodFailed, &one) }}}
	}
	return nil
}

func (w *world) jobOf(pod *corev1.Pod) *batchv1.Job {
	owner := metav1.GetControllerOfNoCopy(pod)
	job, _ := w.sim.api.Get("Job", memapi.Key{Namespace: pod.Namespace, Name: owner.Name}).(*batchv1.Job)
	return job
}

func (w *world) stateTest(pod *corev1.Pod, phase corev1.PodPhase, exit *int32) {
	w.updateStatus("kubelet", pod, func(o client.Object) {
		status := &o.(*corev1.Pod).Status
		s := corev1.ContainerStatus{Name: pod.Spec.Containers[0].Name, ImageID: w.sim.imageID(pod.Spec.Containers[0].Image)}
		switch {
		case exit != nil:
			s.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: *exit, StartedAt: w.now(), FinishedAt: w.now()}
		case phase == corev1.PodRunning:
			s.State.Running = &corev1.ContainerStateRunning{StartedAt: w.now()}
		default:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}
		}
		status.Phase, status.ContainerStatuses = phase, []corev1.ContainerStatus{s}
	})
}

// deadlines of the cluster, the next of which time may jump to.
func (w *world) nextDeadline() time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(w.sim.clock.now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, obj := range w.sim.api.All("Job") {
		job := obj.(*batchv1.Job)
		consider(jobDeadline(job))
		if ended := jobEnd(job); ended != nil && job.Spec.TTLSecondsAfterFinished != nil && job.Labels[v1alpha1.GateLabel] != "" {
			consider(ended.Add(time.Duration(*job.Spec.TTLSecondsAfterFinished) * time.Second))
		}
	}
	return next
}
