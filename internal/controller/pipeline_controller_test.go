package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func testFacts(t *testing.T) pipelineFacts {
	t.Helper()
	objects := testPlace()
	ns, _ := objects[0].(*corev1.Namespace)
	env, _ := objects[1].(*v1alpha1.Environment)
	pipeline, ok := objects[3].(*v1alpha1.DeliveryPipeline)
	if !ok {
		t.Fatal("the fourth object is the pipeline")
	}
	return pipelineFacts{
		now: time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC), pipeline: pipeline,
		sites: map[string]promotion.Site{testSpace: {Namespace: ns, Environment: env}},
	}
}

func TestPipelineStatus(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*pipelineFacts)
		want    string
		message string
	}{
		{"all is well", func(*pipelineFacts) {}, "Accepted=Accepted Admitted=Admitted Ready=Ready", "promotions may begin"},
		{"a circle", func(f *pipelineFacts) { f.pipeline.Spec.Environments[0].After = []string{"test"} },
			"Accepted=CycleInEnvironments Admitted=Admitted Ready=CycleInEnvironments", "test"},
		{"an unknown predecessor", func(f *pipelineFacts) { f.pipeline.Spec.Environments[0].After = []string{"dev"} },
			"Accepted=UnknownPredecessor Admitted=Admitted Ready=UnknownPredecessor", "dev"},
		{"no ServiceAccount", func(f *pipelineFacts) { f.accountMissing = true },
			"Accepted=ServiceAccountNotFound Admitted=Admitted Ready=ServiceAccountNotFound", "create it"},
		{"no Environment", func(f *pipelineFacts) { f.sites = nil },
			"Accepted=Accepted Admitted=EnvironmentNotFound Ready=EnvironmentNotFound", "its owner creates one"},
		{"not admitted", func(f *pipelineFacts) { f.sites[testSpace].Environment.Spec.Pipelines = nil },
			"Accepted=Accepted Admitted=NotAdmitted Ready=NotAdmitted", "spec.pipelines"},
		{"repository not admitted", func(f *pipelineFacts) { f.pipeline.Spec.Images[0].Repository = "evil.example.com/x" },
			"Accepted=Accepted Admitted=RepositoryNotAdmitted Ready=RepositoryNotAdmitted", "evil.example.com/x"},
		{"scenario 2: owned by another", func(f *pipelineFacts) {
			f.sites[testSpace].Namespace.Annotations = map[string]string{v1alpha1.OwnersAnnotation: testImage + "=shop/other"}
		}, "Accepted=Accepted Admitted=RepositoryOwnedByOther Ready=RepositoryOwnedByOther", "shop/other"},
		{"scenario 35: gates of the team refused", func(f *pipelineFacts) {
			f.sites[testSpace].Environment.Spec.TeamGates = v1alpha1.TeamGatesRefuse
			f.pipeline.Spec.Environments[0].Gates = []v1alpha1.Gate{{Name: "smoke"}}
		}, "Accepted=Accepted Admitted=TeamGatesRefused Ready=TeamGatesRefused", "teamGates: Allow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts := testFacts(t)
			c.change(&facts)
			status := pipelineStatus(facts)
			var got []string
			for _, condition := range status.Conditions {
				got = append(got, condition.Type+"="+condition.Reason)
				if condition.ObservedGeneration != 1 {
					t.Errorf("%s observed generation %d", condition.Type, condition.ObservedGeneration)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("conditions are %q, want %q", got, c.want)
			}
			if message := status.Conditions[2].Message; !strings.Contains(message, c.message) {
				t.Errorf("Ready says %q, want %q in it", message, c.message)
			}
		})
	}
}

func TestPipelineStateStaysWhileAPromotionIsAtWork(t *testing.T) {
	facts := testFacts(t)
	for _, step := range []struct{ environment, want v1alpha1.DeliveryState }{
		{"", v1alpha1.DeliveryNotDeployed},
		{v1alpha1.DeliveryChanging, v1alpha1.DeliveryNotDeployed},
		{v1alpha1.DeliveryCurrent, v1alpha1.DeliveryCurrent},
		{v1alpha1.DeliveryChanging, v1alpha1.DeliveryCurrent},
		{v1alpha1.DeliveryHeld, v1alpha1.DeliveryHeld},
	} {
		env := facts.sites[testSpace].Environment
		env.Status.Pipelines = nil
		if step.environment != "" {
			env.Status.Pipelines = []v1alpha1.DeliveredPipeline{{Pipeline: "shop/checkout", State: step.environment}}
		}
		facts.pipeline.Status = pipelineStatus(facts)
		if got := facts.pipeline.Status.Environments[0].State; got != step.want {
			t.Errorf("the Environment says %q, the pipeline %s, want %s", step.environment, got, step.want)
		}
	}
}

func TestPipelineReconcilerWritesOnceAndPrunesHistory(t *testing.T) {
	objects := testPlace()
	pipeline, ok := objects[3].(*v1alpha1.DeliveryPipeline)
	if !ok {
		t.Fatal("the fourth object is the pipeline")
	}
	pipeline.Spec.HistoryLimit = 2
	for i := range 5 {
		p := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprintf("p%d", i), UID: types.UID(fmt.Sprint(i)), CreationTimestamp: metav1.NewTime(time.Unix(int64(i), 0)),
		}}
		p.Spec.PipelineRef.Name = "checkout"
		if i != 1 {
			p.Status.Outcome = v1alpha1.OutcomeSucceeded
		}
		objects = append(objects, p)
	}
	bed := newEnvironmentBed(t, objects...)
	r := &DeliveryPipelineReconciler{Client: bed.client, Gatherer: bed.Gatherer, Clock: bed.clock}
	for pass, want := range [][]string{{"status checkout", "delete p2", "delete p0"}, nil} {
		bed.writes = nil
		found := &v1alpha1.DeliveryPipeline{}
		if err := bed.client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "checkout"}, found); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Reconcile(t.Context(), found); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(bed.writes, want) {
			t.Errorf("pass %d writes %q, want %q: the unfinished p1 and the two newest stay", pass, bed.writes, want)
		}
	}
}

func TestHistoryKeepsWhatRecordsDoNotTell(t *testing.T) {
	pipeline := &v1alpha1.DeliveryPipeline{}
	pipeline.Spec.HistoryLimit = 1
	pipeline.Spec.Environments = []v1alpha1.PipelineEnvironment{{Name: "prod", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: testSpace}}}
	var promotions []*v1alpha1.Promotion
	for i, p := range []struct {
		name  string
		state v1alpha1.EnvironmentState
	}{
		{"superseded long ago", v1alpha1.StateNotEntered}, {"passed long ago", v1alpha1.StatePassed}, {"passed last", v1alpha1.StatePassed},
		{"failed", v1alpha1.StateRolledBack}, {"failed last", v1alpha1.StateRolledBack}, {"superseded last", v1alpha1.StateNotEntered},
	} {
		made := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Name: p.name, UID: types.UID(p.name), CreationTimestamp: metav1.NewTime(time.Unix(int64(i), 0))}}
		progress := v1alpha1.EnvironmentProgress{Name: "prod", State: p.state}
		progress.EnvironmentRef.Namespace = testSpace
		if p.state != v1alpha1.StateNotEntered {
			progress.RecordRef.Name = "record"
		}
		made.Status = v1alpha1.PromotionStatus{Outcome: v1alpha1.OutcomeFailed, Environments: []v1alpha1.EnvironmentProgress{progress}}
		promotions = append(promotions, made)
	}
	var names []string
	for _, p := range beyondLimit(promotions, pipeline) {
		names = append(names, p.Name)
	}
	if want := []string{"failed", "passed long ago", "superseded long ago"}; !slices.Equal(names, want) {
		t.Errorf("beyond the limit are %q, want %q", names, want)
	}
}
