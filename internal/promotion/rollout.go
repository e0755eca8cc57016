package promotion

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// runs says whether a workload's template names a repository, given by its canonical name.
func (w Workload) runs(repository string, mirrors Mirrors) bool {
	return slices.ContainsFunc(w.Images, func(i ContainerImage) bool { return mirrors.Canonical(repositoryOf(i.Image)) == repository })
}

// carries says whether the template names the references exactly, wherever it names their repositories.
func (w Workload) carries(references map[string]string) bool { return agree(w.Images, references) }

// runsOnly says whether a pod runs the references exactly, wherever it runs their repositories.
func (p Pod) runsOnly(references map[string]string) bool { return agree(p.Images, references) }

// agree compares images with the exact reference that belongs to each name of a repository.
func agree(have []ContainerImage, references map[string]string) bool {
	for _, container := range have {
		if reference, ours := references[repositoryOf(container.Image)]; ours && container.Image != reference {
			return false
		}
	}
	return true
}

// rolloutOf says what the rollout of a touched workload waits for; nothing where every live pod runs the images and is
// ready. It looks at pods, not at what the workload's controller calls done: that is said of partitions and of
// zero replicas while old pods run.
func rolloutOf(w Workload, references map[string]string, namespace string) []v1alpha1.Reason {
	if w.Kind == "CronJob" {
		return nil
	}
	old, unready := 0, 0
	problem := w.Problem
	for _, pod := range w.Pods {
		switch {
		case !pod.runsOnly(references):
			old++
		case !pod.Ready:
			unready++
			if problem == "" && pod.Problem != "" {
				problem = "pod " + pod.Name + ": " + pod.Problem
			}
		}
	}
	if old == 0 && unready == 0 && w.Settled {
		return nil
	}
	return []v1alpha1.Reason{stuckRollout(w, old, problem, namespace)}
}

func stuckRollout(w Workload, old int, problem, namespace string) v1alpha1.Reason {
	target := strings.ToLower(w.Kind) + "/" + w.Name
	switch {
	case w.Paused:
		return v1alpha1.NewReason(v1alpha1.ReasonRolloutPaused, "%s %s is paused; kubectl rollout resume %s -n %s", w.Kind, w.Name, target, namespace)
	case w.Partitioned && old > 0:
		return v1alpha1.NewReason(v1alpha1.ReasonRolloutPartitioned,
			"StatefulSet %s keeps pods of the old revision: set spec.updateStrategy.rollingUpdate.partition to 0", w.Name)
	case w.OnDelete && old > 0:
		return v1alpha1.NewReason(v1alpha1.ReasonPodsMustBeDeleted,
			"%s %s changes pods only when they are deleted (updateStrategy OnDelete), and old ones live: delete them", w.Kind, w.Name)
	case strings.Contains(problem, "forbidden") || strings.Contains(problem, "denied"):
		return v1alpha1.NewReason(v1alpha1.ReasonAdmissionRefused, "%s %s cannot make pods: %s", w.Kind, w.Name, problem)
	case problem != "":
		return v1alpha1.NewReason(v1alpha1.ReasonRollingOut, "%s %s is rolling out: %s", w.Kind, w.Name, problem)
	}
	return rollingOut(w, namespace)
}

func rollingOut(w Workload, namespace string) v1alpha1.Reason {
	return v1alpha1.NewReason(v1alpha1.ReasonRollingOut, "%s %s is rolling out; kubectl rollout status %s/%s -n %s",
		w.Kind, w.Name, strings.ToLower(w.Kind), w.Name, namespace)
}

// touching says what a workload that does not carry the release yet waits for. The first touch is often some
// milliseconds ahead of the pin, and is repeated at once: not worth a status write. Where the second left other images
// too, it can be seen.
func touching(w Workload, release, namespace string) v1alpha1.Reason {
	if !strings.HasPrefix(w.Release, release+":") {
		return rollingOut(w, namespace)
	}
	return v1alpha1.NewReason(v1alpha1.ReasonPinPropagating,
		"%s %s was touched, and the API server did not write the release into it: the pin of %s has not reached it yet; it is tried again. If this lasts, the platform team looks whether the policy is there: kubectl get mutatingadmissionpolicies,mutatingadmissionpolicybindings sluice-pin",
		w.Kind, w.Name, namespace)
}
