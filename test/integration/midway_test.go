package integration_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// waiting is a shop with one environment, whose functional gate ends when the test says so.
func waiting(args ...string) recipe {
	return recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional(append([]string{"wait"}, args...)...)
	}}
}

func TestAGateWhosePodsTheQuotaRefusesGoesOnOnceItIsRaised(t *testing.T) {
	t.Parallel()
	s := newShop(t, "quota", recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = functional() }})
	// Of the pods here, those of gates alone have a deadline.
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("dev"), Name: "gates"},
		Spec: corev1.ResourceQuotaSpec{
			Hard:   corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
			Scopes: []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeTerminating},
		},
	}
	s.create(quota)
	eventually(t, "the quota is in force", func() error {
		s.get(quota.Namespace, quota.Name, quota)
		if len(quota.Status.Hard) == 0 {
			return fmt.Errorf("no status")
		}
		return nil
	})
	s.createPipeline()
	s.promote("first", digest(1))
	s.awaitMessage("first", "dev", v1alpha1.ReasonGateCannotStart, "exceeded quota")
	s.change(quota.Namespace, quota.Name, quota, func() { quota.Spec.Hard[corev1.ResourcePods] = resource.MustParse("2") })
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestAGateWhoseImageCannotBePulledGoesOnOnceItCan(t *testing.T) {
	t.Parallel()
	s := openShop(t, "unpullable", recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional("unpullable")
	}})
	s.promote("first", digest(1))
	pod := s.awaitGatePod("dev", "functional", corev1.PodPending)
	say := func(phase corev1.PodPhase, state corev1.ContainerState) {
		s.get(pod.Namespace, pod.Name, pod)
		pod.Status.Phase = phase
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "test", Image: pod.Spec.Containers[0].Image, State: state}}
		if err := as(t, "system:node:node-0", "system:nodes", "system:masters").Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the pod has a node", func() error {
		s.get(pod.Namespace, pod.Name, pod)
		if pod.Spec.NodeName == "" {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	say(corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}})
	s.awaitMessage("first", "dev", v1alpha1.ReasonGateCannotStart, "not found")
	say(corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestARoleBindingThatIsRemovedMidwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := openShop(t, "withdrawn", waiting())
	s.promote("first", digest(1))
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	s.delete(s.consent("dev"))
	s.awaitMessage("first", "dev", v1alpha1.ReasonPermissionMissing, "kubectl create rolebinding sluice -n withdrawn-dev")
	s.create(s.consent("dev"))
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestScenario24APromotionThatIsDeletedMidwayLeavesTheStableRelease(t *testing.T) {
	t.Parallel()
	s := openShop(t, "orphan", waiting())
	s.promote("first", digest(1))
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	s.delete(s.promotion(t.Context(), "first"))
	record := s.awaitRecord("dev", v1alpha1.ResultRolledBack)
	if record.Spec.Cause != v1alpha1.CausePromotionDeleted || record.Spec.Promotion.Name != "first" {
		t.Errorf("the record says %s of %s", record.Spec.Cause, record.Spec.Promotion.Name)
	}
	s.awaitTemplate("dev", "@"+s.adopted)
	s.awaitFree("dev")
	eventually(t, "its gate stops", func() error {
		if pods := s.pods("dev", v1alpha1.GateLabel, "functional"); len(pods) > 0 {
			return fmt.Errorf("%d pods of its gate still run", len(pods))
		}
		return nil
	})
	// The one that is made again under the same name is another one.
	s.promote("first", digest(1))
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

// awaitFree waits until nobody holds a slot in an environment.
func (s *shop) awaitFree(environment string) {
	s.t.Helper()
	eventually(s.t, environment+" is free", func() error {
		if holders := s.environment(environment).Status.Holders; len(holders) > 0 {
			return fmt.Errorf("holders: %+v", holders)
		}
		return nil
	})
}

func TestAGateWhoseJobIsDeletedMidwayRunsAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t, "joblost", waiting())
	s.promote("first", digest(1))
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	first := s.gateJobs("dev", "functional")[0]
	// People may not delete the Job of a gate.
	err := s.admin.Delete(t.Context(), &first)
	if !apierrors.IsForbidden(err) {
		t.Errorf("the administrator deletes the Job of a gate: %v", err)
	}
	collector := as(t, "system:serviceaccount:kube-system:ttl-after-finished-controller")
	if err := collector.Delete(t.Context(), &first, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gate has another Job of the same name", func() error {
		jobs := s.gateJobs("dev", "functional")
		if len(jobs) != 1 || jobs[0].Name != first.Name || jobs[0].UID == first.UID {
			return fmt.Errorf("%d Jobs", len(jobs))
		}
		return s.onlyPodOf("dev", jobs[0].UID)
	})
	s.endGate("dev", "functional", "0")
	p := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	if gate := p.Status.Environments[0].Gates[0]; gate.State != v1alpha1.GatePassed || *gate.Attempts != 1 {
		t.Errorf("gate: %+v", gate)
	}
}

func (s *shop) onlyPodOf(environment string, job types.UID) error {
	pods := s.pods(environment, v1alpha1.GateLabel, "functional")
	if len(pods) != 1 || pods[0].OwnerReferences[0].UID != job {
		return fmt.Errorf("%d pods", len(pods))
	}
	return nil
}

// Not parallel: every other test would stand still.
func TestScenario43AnotherOperatorGoesOnWhereTheFirstStopped(t *testing.T) {
	s := openShop(t, "restart", waiting())
	s.promote("first", digest(1))
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	operator.Stop()
	s.endGate("dev", "functional", "0")
	eventually(t, "the Job ends while nobody looks", func() error {
		if s.gateJobs("dev", "functional")[0].Status.Succeeded == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if p := s.promotion(t.Context(), "first"); p.Status.Outcome != "" {
		t.Fatalf("it ended as %s without an operator", p.Status.Outcome)
	}
	var err error
	if operator, err = startOperator(operations); err != nil {
		t.Fatal(err)
	}
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	if jobs := s.gateJobs("dev", "functional"); len(jobs) != 1 {
		t.Errorf("%d Jobs for one gate", len(jobs))
	}
}
