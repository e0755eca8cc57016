package integration_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// awaitOutcome waits for the end of a Promotion.
func (s *shop) awaitOutcome(name string, outcome v1alpha1.PromotionOutcome) *v1alpha1.Promotion {
	s.t.Helper()
	var p *v1alpha1.Promotion
	eventually(s.t, name+" ends as "+string(outcome), func() error {
		if p = s.promotion(s.t.Context(), name); p.Status.Outcome == "" {
			return errors.New(p.Status.Message)
		}
		return nil
	})
	if p.Status.Outcome != outcome {
		s.t.Fatalf("%s ended as %s instead of %s: %s", name, p.Status.Outcome, outcome, p.Status.Message)
	}
	return p
}

// awaitReason waits until an environment of a Promotion gives a reason.
func (s *shop) awaitReason(name, environment, reason string) {
	s.t.Helper()
	eventually(s.t, name+" waits in "+environment+" for "+reason, func() error {
		p := s.promotion(s.t.Context(), name)
		for _, progress := range p.Status.Environments {
			for _, r := range progress.Reasons {
				if progress.Name == environment && r.Type == reason {
					return nil
				}
			}
		}
		return fmt.Errorf("status: %s %+v", p.Status.Message, p.Status.Environments)
	})
}

// templateImage is what the Deployment of an environment names.
func (s *shop) templateImage(environment string) string {
	s.t.Helper()
	d := &appsv1.Deployment{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace(environment), Name: "api"}, d); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(d.Spec.Template.Spec.Containers[0].Image, s.repository)
}

// awaitTemplate waits until the Deployment of an environment names an image.
func (s *shop) awaitTemplate(environment, want string) {
	s.t.Helper()
	eventually(s.t, environment+" runs "+want, func() error {
		if got := s.templateImage(environment); got != want {
			return fmt.Errorf("it names %s", got)
		}
		return nil
	})
}

// progress of a Promotion in an environment; the zero value before it is resolved.
func (s *shop) progress(name, environment string) v1alpha1.EnvironmentProgress {
	s.t.Helper()
	for _, progress := range s.promotion(s.t.Context(), name).Status.Environments {
		if progress.Name == environment {
			return progress
		}
	}
	return v1alpha1.EnvironmentProgress{}
}

// assertProgress checks how a Promotion ended in an environment.
func (s *shop) assertProgress(name, environment string, state v1alpha1.EnvironmentState, cause v1alpha1.EnvironmentCause) {
	s.t.Helper()
	if p := s.progress(name, environment); p.State != state || p.Cause != cause {
		s.t.Errorf("%s is %s/%s in %s, want %s/%s: %s", name, p.State, p.Cause, environment, state, cause, p.Message)
	}
}

// awaitMessage waits until an environment of a Promotion gives a reason with a message that holds a text.
func (s *shop) awaitMessage(name, environment, reason, text string) {
	s.t.Helper()
	eventually(s.t, name+" waits in "+environment+" for "+reason+" and says "+text, func() error {
		progress := s.progress(name, environment)
		for _, r := range progress.Reasons {
			if r.Type == reason && strings.Contains(r.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("reasons: %+v", progress.Reasons)
	})
}

// awaitCondition waits for a condition of an object that is read anew each time.
func (s *shop) awaitCondition(what string, read func() []metav1.Condition, kind string, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	eventually(s.t, what+": "+kind+"="+string(status)+"/"+reason, func() error {
		conditions := read()
		for _, c := range conditions {
			if c.Type == kind && c.Status == status && c.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("conditions: %+v", conditions)
	})
}

func (s *shop) pipelineConditions() []metav1.Condition {
	p := &v1alpha1.DeliveryPipeline{}
	s.get(s.name, "checkout", p)
	return p.Status.Conditions
}

func (s *shop) get(namespace, name string, object client.Object) {
	s.t.Helper()
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		s.t.Fatal(err)
	}
}

// change writes an object after a change, again where somebody else wrote first.
func (s *shop) change(namespace, name string, object client.Object, change func()) {
	s.t.Helper()
	eventually(s.t, "change "+namespace+"/"+name, func() error {
		if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
			return err
		}
		change()
		return s.admin.Update(s.t.Context(), object)
	})
}

func (s *shop) changePipeline(change func(*v1alpha1.DeliveryPipeline)) {
	s.t.Helper()
	p := &v1alpha1.DeliveryPipeline{}
	s.change(s.name, "checkout", p, func() { change(p) })
}

func (s *shop) changeEnvironment(environment string, change func(*v1alpha1.Environment)) {
	s.t.Helper()
	e := &v1alpha1.Environment{}
	s.change(s.namespace(environment), v1alpha1.EnvironmentName, e, func() { change(e) })
}

func (s *shop) changeDeployment(environment string, change func(*appsv1.Deployment)) {
	s.t.Helper()
	d := &appsv1.Deployment{}
	s.change(s.namespace(environment), "api", d, func() { change(d) })
}

func (s *shop) delete(object client.Object) {
	s.t.Helper()
	if err := s.admin.Delete(s.t.Context(), object, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		s.t.Fatal(err)
	}
}

// pods of an environment that have not ended, with a label.
func (s *shop) pods(environment, label, value string) []corev1.Pod {
	s.t.Helper()
	var list corev1.PodList
	if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace(environment)), client.MatchingLabels{label: value}); err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
}

// awaitGatePod waits until the pod of a gate is in a phase, and returns it.
func (s *shop) awaitGatePod(environment, gate string, phase corev1.PodPhase) *corev1.Pod {
	s.t.Helper()
	var pod *corev1.Pod
	eventually(s.t, "gate "+gate+" is "+string(phase)+" in "+environment, func() error {
		pods := s.pods(environment, v1alpha1.GateLabel, gate)
		if len(pods) == 0 || pods[0].Status.Phase != phase {
			return fmt.Errorf("%d pods", len(pods))
		}
		pod = &pods[0]
		return nil
	})
	return pod
}

// endGate ends the pod of a gate that waits, with an exit code.
func (s *shop) endGate(environment, gate, exitCode string) {
	s.t.Helper()
	pod := s.awaitGatePod(environment, gate, corev1.PodRunning)
	before := pod.DeepCopy()
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test.sluice.dev/exit-code", exitCode)
	if err := s.admin.Patch(s.t.Context(), pod, client.MergeFrom(before)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) gateJobs(environment, gate string) []batchv1.Job {
	s.t.Helper()
	var list batchv1.JobList
	if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace(environment)), client.MatchingLabels{v1alpha1.GateLabel: gate}); err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// awaitRecord waits for a record with a result in an environment, and returns it.
func (s *shop) awaitRecord(environment string, result v1alpha1.RecordResult) *v1alpha1.ReleaseRecord {
	s.t.Helper()
	var found *v1alpha1.ReleaseRecord
	eventually(s.t, "record "+string(result)+" in "+environment, func() error {
		var list v1alpha1.ReleaseRecordList
		if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace(environment))); err != nil {
			return err
		}
		for i := range list.Items {
			if list.Items[i].Spec.Result == result {
				found = &list.Items[i]
				return nil
			}
		}
		return fmt.Errorf("%d other records", len(list.Items))
	})
	return found
}
