package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func (s *shop) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.namespace("dev"), Name: name}
}

func selector(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

func (s *shop) makeStatefulSet() *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: s.meta("db"), Spec: appsv1.StatefulSetSpec{
		Replicas: new(int32(2)), Selector: selector("db"), ServiceName: "db", Template: s.template("db"),
	}}
}

func (s *shop) makeDaemonSet() *appsv1.DaemonSet {
	return &appsv1.DaemonSet{ObjectMeta: s.meta("agent"), Spec: appsv1.DaemonSetSpec{Selector: selector("agent"), Template: s.template("agent")}}
}

func (s *shop) makeCronJob() *batchv1.CronJob {
	template := s.template("report")
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	template.Spec.Containers[0].Args = []string{"wait"}
	return &batchv1.CronJob{ObjectMeta: s.meta("report"), Spec: batchv1.CronJobSpec{
		Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}},
	}}
}

// withInit gives the Deployment an init container of the same repository.
func withInit(_ string, d *appsv1.Deployment) *appsv1.Deployment {
	migrate := d.Spec.Template.Spec.Containers[0]
	migrate.Name = "migrate"
	d.Spec.Template.Spec.InitContainers = []corev1.Container{migrate}
	return d
}

func imagesIn(spec corev1.PodSpec) []string {
	var found []string
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		found = append(found, c.Image)
	}
	return found
}

func TestEveryKindOfWorkloadIsDeliveredTo(t *testing.T) {
	t.Parallel()
	s := newShop(t, "kinds", recipe{environments: []string{"dev"}, bare: true, deployment: withInit})
	d, set, agent, report := s.makeDeployment("dev"), s.makeStatefulSet(), s.makeDaemonSet(), s.makeCronJob()
	s.create(set)
	s.create(agent)
	s.create(report)
	s.createPipeline()
	s.awaitReady("dev")
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	for _, object := range []client.Object{d, set, agent, report} {
		s.get(object.GetNamespace(), object.GetName(), object)
	}
	for what, images := range map[string][]string{
		"Deployment": imagesIn(d.Spec.Template.Spec), "StatefulSet": imagesIn(set.Spec.Template.Spec),
		"DaemonSet": imagesIn(agent.Spec.Template.Spec), "CronJob": imagesIn(report.Spec.JobTemplate.Spec.Template.Spec),
	} {
		if slices.ContainsFunc(images, func(image string) bool { return image != s.repository+"@"+digest(1) }) {
			t.Errorf("%s names %v", what, images)
		}
	}
	for _, app := range []string{"api", "db", "agent"} {
		for _, pod := range s.pods("dev", "app", app) {
			if images := imagesIn(pod.Spec); slices.ContainsFunc(images, func(image string) bool { return !strings.HasSuffix(image, digest(1)) }) {
				t.Errorf("pod %s runs %v", pod.Name, images)
			}
		}
	}
}

func TestScenario16AJobThatRunsKeepsItsDigest(t *testing.T) {
	t.Parallel()
	s := newShop(t, "cronjob", recipe{environments: []string{"dev"}, bare: true})
	report := s.makeCronJob()
	s.create(report)
	s.createPipeline()
	s.awaitReady("dev")
	s.create(&batchv1.Job{ObjectMeta: s.meta("report-1"), Spec: report.Spec.JobTemplate.Spec})
	eventually(t, "the Job runs", func() error {
		if pods := s.pods("dev", "app", "report"); len(pods) != 1 || pods[0].Status.Phase != corev1.PodRunning {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
	allowed := func() bool {
		ns := &corev1.Namespace{}
		s.get("", s.namespace("dev"), ns)
		return slices.Contains(strings.Fields(ns.Annotations[v1alpha1.ImagesAnnotation]), s.repository+"@"+s.adopted)
	}
	for i, name := range []string{"first", "second"} {
		s.promote(name, digest(i+1))
		s.awaitOutcome(name, v1alpha1.OutcomeSucceeded)
	}
	pod := &s.pods("dev", "app", "report")[0]
	if !allowed() || strings.Contains(pod.Spec.Containers[0].Image, digest(2)) {
		t.Errorf("the Job's digest is allowed: %t; it runs %s", allowed(), pod.Spec.Containers[0].Image)
	}
	s.change(pod.Namespace, pod.Name, pod, func() { pod.Annotations["test.sluice.dev/exit-code"] = "0" })
	job := &batchv1.Job{}
	eventually(t, "the Job ends", func() error {
		s.get(s.namespace("dev"), "report-1", job)
		if job.Status.Succeeded == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	s.promote("third", digest(3))
	s.awaitOutcome("third", v1alpha1.OutcomeSucceeded)
	if allowed() {
		t.Error("a digest that nothing runs any more is still allowed")
	}
}

// TestScenario15RolloutsThatStandStill names what holds each of them, and goes on once that is gone.
func TestScenario15RolloutsThatStandStill(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason, says string
		workload     func(s *shop) client.Object
		mend         func(s *shop)
	}{
		"paused": {
			reason: v1alpha1.ReasonRolloutPaused, says: "kubectl rollout resume deployment/api -n paused-dev",
			workload: func(s *shop) client.Object {
				d := s.makeDeployment("dev")
				d.Spec.Paused = true
				return d
			},
			mend: func(s *shop) { s.changeDeployment("dev", func(d *appsv1.Deployment) { d.Spec.Paused = false }) },
		},
		"zero": {
			reason: v1alpha1.ReasonWorkloadScaledToZero, says: "kubectl scale --replicas=1 -n zero-dev",
			workload: func(s *shop) client.Object {
				d := s.makeDeployment("dev")
				d.Spec.Replicas = new(int32)
				return d
			},
			mend: func(s *shop) { s.changeDeployment("dev", func(d *appsv1.Deployment) { *d.Spec.Replicas = 1 }) },
		},
		"partitioned": {
			reason: v1alpha1.ReasonRolloutPartitioned, says: "partition to 0",
			workload: func(s *shop) client.Object {
				set := s.makeStatefulSet()
				set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(1))}
				return set
			},
			mend: func(s *shop) {
				set := &appsv1.StatefulSet{}
				s.change(s.namespace("dev"), "db", set, func() { *set.Spec.UpdateStrategy.RollingUpdate.Partition = 0 })
			},
		},
		"ondelete": {
			reason: v1alpha1.ReasonPodsMustBeDeleted, says: "delete them",
			workload: func(s *shop) client.Object {
				agent := s.makeDaemonSet()
				agent.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
				return agent
			},
			mend: func(s *shop) {
				for _, pod := range s.pods("dev", "app", "agent") {
					s.delete(&pod)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, name, recipe{
				environments: []string{"dev"},
				environment:  func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = functional() },
				deployment:   func(string, *appsv1.Deployment) *appsv1.Deployment { return nil },
			})
			s.create(c.workload(s))
			s.awaitStarted(c.workload(s))
			s.createPipeline()
			s.awaitReady("dev")
			s.promote("first", digest(1))
			s.awaitMessage("first", "dev", c.reason, c.says)
			c.mend(s)
			s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
		})
	}
}

// awaitStarted waits until the pods of a StatefulSet or DaemonSet are all ready: old ones have to be there.
func (s *shop) awaitStarted(object client.Object) {
	s.t.Helper()
	eventually(s.t, "the workload runs", func() error {
		if err := s.admin.Get(s.t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		ready := true
		switch w := object.(type) {
		case *appsv1.StatefulSet:
			ready = w.Status.ReadyReplicas == 2
		case *appsv1.DaemonSet:
			ready = w.Status.NumberReady == 2
		}
		if !ready {
			return fmt.Errorf("not ready")
		}
		return nil
	})
}

func TestScenario17ReplicasChangeDuringTheRollout(t *testing.T) {
	t.Parallel()
	s := openShop(t, "scaled", waiting())
	s.promote("first", digest(1))
	s.awaitTemplate("dev", "@"+digest(1))
	s.changeDeployment("dev", func(d *appsv1.Deployment) { *d.Spec.Replicas = 4 })
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	s.changeDeployment("dev", func(d *appsv1.Deployment) { *d.Spec.Replicas = 3 })
	s.awaitPods("dev", 3)
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	d := &appsv1.Deployment{}
	s.get(s.namespace("dev"), "api", d)
	if *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas, want the autoscaler's 3", *d.Spec.Replicas)
	}
}

func TestScenario44AWorkloadThatMustNotBeTouched(t *testing.T) {
	t.Parallel()
	s := newShop(t, "ignored", recipe{environments: []string{"dev"}, bare: true})
	green := s.deploymentOf("green", s.repository+":v1")
	green.Annotations = map[string]string{v1alpha1.DeliveryAnnotation: v1alpha1.DeliveryIgnore}
	s.create(green)
	s.createPipeline()
	s.awaitReady("dev")
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.get(s.namespace("dev"), "green", green)
	if got := green.Spec.Template.Spec.Containers[0].Image; got != s.repository+":v1" || green.Generation != 1 {
		t.Errorf("green names %s at generation %d", got, green.Generation)
	}
	if got := s.templateImage("dev"); got != "@"+digest(1) {
		t.Errorf("dev runs %s", got)
	}
}

func TestManifestsWithTagsThatAreAppliedAgainChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, "gitops", recipe{
		environments: []string{"test"}, bare: true,
		deployment: func(string, *appsv1.Deployment) *appsv1.Deployment { return nil },
	})
	s.apply("v1")
	s.createPipeline()
	s.awaitReady("test")
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	pods := s.podUIDs("test")
	// The first time, the annotation sluice.dev/pinned takes down what the manifest says.
	s.apply("v1")
	before, after := &appsv1.Deployment{}, &appsv1.Deployment{}
	s.get(s.namespace("test"), "api", before)
	s.apply("v1")
	s.apply("v1")
	s.get(s.namespace("test"), "api", after)
	if after.Generation != before.Generation {
		t.Errorf("the same manifest brought generation %d after %d", after.Generation, before.Generation)
	}
	s.apply("v7")
	s.get(s.namespace("test"), "api", after)
	const revision = "deployment.kubernetes.io/revision"
	if s.templateImage("test") != "@"+digest(1) || after.Annotations[revision] != before.Annotations[revision] {
		t.Errorf("it names %s, revision %s after %s", s.templateImage("test"), after.Annotations[revision], before.Annotations[revision])
	}
	if now := s.podUIDs("test"); !slices.Equal(pods, now) {
		t.Errorf("pods were restarted: %v, then %v", pods, now)
	}
	s.promote("second", digest(2))
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	s.apply("v1")
	if got := s.templateImage("test"); got != "@"+digest(2) {
		t.Errorf("test runs %s", got)
	}
}

// apply applies the Deployment's manifest with a tag, server-side and without force, as a GitOps tool does.
func (s *shop) apply(tag string) {
	s.t.Helper()
	d := s.makeDeployment("test")
	d.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}
	d.Spec.Template.Spec.Containers[0].Image = s.repository + ":" + tag
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
	if err != nil {
		s.t.Fatal(err)
	}
	delete(content, "status")
	manifest := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content})
	if err := s.admin.Apply(s.t.Context(), manifest, client.FieldOwner("gitops")); err != nil {
		s.t.Errorf("apply %s: %v", tag, err)
	}
}
