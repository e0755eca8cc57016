package controller

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// pipelineFacts are all that the status of a pipeline depends on.
type pipelineFacts struct {
	now      time.Time
	pipeline *v1alpha1.DeliveryPipeline
	// sites by namespace, for every environment of the pipeline; Namespace and Environment are nil where they do not exist.
	sites map[string]promotion.Site
	// accountMissing says that the ServiceAccount of registryCredentials does not exist.
	accountMissing bool
}

// pipelineStatus judges a pipeline. It is pure.
func pipelineStatus(facts pipelineFacts) v1alpha1.DeliveryPipelineStatus {
	status := *facts.pipeline.Status.DeepCopy()
	accepted, admitted := facts.accepted(), facts.admitted()
	ready := v1alpha1.NewCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "promotions may begin")
	for _, c := range []metav1.Condition{admitted, accepted} {
		if c.Status != metav1.ConditionTrue {
			ready = v1alpha1.NewCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, c.Reason, c.Message)
		}
	}
	now := metav1.NewTime(facts.now.Truncate(time.Second))
	for _, c := range []metav1.Condition{accepted, admitted, ready} {
		promotion.SetCondition(&status.Conditions, c, facts.pipeline.Generation, &now)
	}
	status.Environments = facts.environments()
	return status
}

func (f pipelineFacts) accepted() metav1.Condition {
	spec := f.pipeline.Spec
	if err := promotion.CheckGraph(spec.Environments); err != nil {
		return v1alpha1.NewCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, err.Reason, err.Message)
	}
	if f.accountMissing {
		name := spec.RegistryCredentials.ServiceAccountName
		return v1alpha1.NewCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound,
			"namespace "+f.pipeline.Namespace+" has no ServiceAccount "+name+", which registryCredentials name; create it, or name another")
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "the pipeline makes sense")
}

// admitted says whether every environment lets the pipeline in; the first that does not gives the reason, all give
// their message.
func (f pipelineFacts) admitted() metav1.Condition {
	var reason string
	var messages []string
	for _, e := range f.pipeline.Spec.Environments {
		if r := f.admission(e); r.Type != "" {
			messages = append(messages, e.Name+": "+r.Message)
			if reason == "" {
				reason = r.Type
			}
		}
	}
	if reason != "" {
		return v1alpha1.NewCondition(v1alpha1.ConditionAdmitted, metav1.ConditionFalse, reason, strings.Join(messages, "; "))
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionAdmitted, metav1.ConditionTrue, v1alpha1.ReasonAdmitted, "every environment lets the pipeline in")
}

func (f pipelineFacts) admission(e v1alpha1.PipelineEnvironment) v1alpha1.Reason {
	site := f.sites[e.EnvironmentRef.Namespace]
	ref := v1alpha1.PipelineReference{Namespace: f.pipeline.Namespace, Name: f.pipeline.Name}
	if site.Environment == nil {
		return v1alpha1.NewReason(v1alpha1.ReasonEnvironmentNotFound,
			"namespace %s has no Environment; its owner creates one, named environment, that admits pipeline %s/%s", e.EnvironmentRef.Namespace, ref.Namespace, ref.Name)
	}
	repositories := make([]string, 0, len(f.pipeline.Spec.Images))
	for _, image := range f.pipeline.Spec.Images {
		repositories = append(repositories, image.Repository)
	}
	if reason := promotion.Admission(site.Environment, site.Namespace, ref, repositories); reason.Type != "" {
		return reason
	}
	if reason := promotion.NamesMirror(site.Environment, repositories); reason.Type != "" {
		return reason
	}
	if len(e.Gates) > 0 && promotion.InForce(site.Environment.Spec).TeamGates == v1alpha1.TeamGatesRefuse {
		return v1alpha1.NewReason(v1alpha1.ReasonTeamGatesRefused,
			"the pipeline has gates of its own here, and the Environment of %s runs none of a team; take them out of the pipeline, or let the platform team set teamGates: Allow",
			e.EnvironmentRef.Namespace)
	}
	return v1alpha1.Reason{}
}

// environments says how the pipeline stands in each of its environments. While a promotion is at work there the entry
// stays as it was: from Current to Current nothing is written.
func (f pipelineFacts) environments() []v1alpha1.DeliveredEnvironment {
	before := map[string]v1alpha1.DeliveryState{}
	for _, e := range f.pipeline.Status.Environments {
		before[e.Name] = e.State
	}
	entries := make([]v1alpha1.DeliveredEnvironment, 0, len(f.pipeline.Spec.Environments))
	for _, e := range f.pipeline.Spec.Environments {
		state := f.stateIn(e.EnvironmentRef.Namespace)
		if state == v1alpha1.DeliveryChanging {
			state = before[e.Name]
		}
		if state == "" {
			state = v1alpha1.DeliveryNotDeployed
		}
		entries = append(entries, v1alpha1.DeliveredEnvironment{Name: e.Name, State: state})
	}
	return entries
}

// stateIn is what the Environment says of the pipeline; empty where it says nothing.
func (f pipelineFacts) stateIn(namespace string) v1alpha1.DeliveryState {
	env := f.sites[namespace].Environment
	if env == nil {
		return ""
	}
	key := PipelineKey(f.pipeline.Namespace, f.pipeline.Name)
	i := slices.IndexFunc(env.Status.Pipelines, func(d v1alpha1.DeliveredPipeline) bool { return d.Pipeline == key })
	if i < 0 {
		return ""
	}
	return env.Status.Pipelines[i].State
}
