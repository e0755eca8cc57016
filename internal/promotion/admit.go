package promotion

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Admission says whether an Environment lets a pipeline in with its repositories; the zero Reason means that it does.
func Admission(env *v1alpha1.Environment, ns *corev1.Namespace, pipeline v1alpha1.PipelineReference, repositories []string) v1alpha1.Reason {
	key := pipeline.Namespace + "/" + pipeline.Name
	var admitted []string
	listed := false
	for _, entry := range env.Spec.Pipelines {
		if entry.Namespace == pipeline.Namespace && (entry.Name == pipeline.Name || entry.Name == "*") {
			listed = true
			admitted = append(admitted, entry.Repositories...)
		}
	}
	if !listed {
		return v1alpha1.NewReason(v1alpha1.ReasonNotAdmitted,
			"the Environment of %s does not admit pipeline %s; its owner adds {namespace: %s, name: %s, repositories: [...]} to spec.pipelines",
			env.Namespace, key, pipeline.Namespace, pipeline.Name)
	}
	owners := ParseEnforced(ns).Owners
	for _, repository := range repositories {
		if !slices.ContainsFunc(admitted, func(pattern string) bool { return matchesRepository(pattern, repository) }) {
			return v1alpha1.NewReason(v1alpha1.ReasonRepositoryNotAdmitted,
				"the Environment of %s admits pipeline %s, but not with repository %s; its owner adds it, or a prefix that ends in a slash, to the pipeline's repositories there",
				env.Namespace, key, repository)
		}
		if owner := owners[repository]; owner != "" && owner != key {
			return v1alpha1.NewReason(v1alpha1.ReasonRepositoryOwnedByOther,
				"repository %s belongs to pipeline %s in %s, which was admitted with it first; take it out of one of the two pipelines",
				repository, owner, env.Namespace)
		}
	}
	return v1alpha1.Reason{}
}

// NamesMirror says that a pipeline lists a repository which an Environment pulls in the place of another: one name cannot
// stand for two. The zero Reason means that it lists none.
func NamesMirror(env *v1alpha1.Environment, repositories []string) v1alpha1.Reason {
	mirrors := Mirrors{entries: env.Spec.Repositories}
	for _, repository := range repositories {
		if canonical := mirrors.Canonical(repository); canonical != repository {
			return v1alpha1.NewReason(v1alpha1.ReasonRepositoryNotAdmitted,
				"the Environment of %s pulls %s in the place of %s (spec.repositories); let the pipeline list %s, which is what it means",
				env.Namespace, repository, canonical, canonical)
		}
	}
	return v1alpha1.Reason{}
}

// matchesRepository says whether a repository is the one named, or lies below a prefix that ends in a slash.
func matchesRepository(pattern, repository string) bool {
	return pattern == repository || (strings.HasSuffix(pattern, "/") && strings.HasPrefix(repository, pattern))
}

// PermissionMissing says that the operator may not work in a namespace, and what its owner does about it.
func PermissionMissing(namespace string) v1alpha1.Reason {
	return v1alpha1.NewReason(v1alpha1.ReasonPermissionMissing,
		"no RoleBinding lets the operator work in %s; its owner runs: kubectl create rolebinding sluice -n %s --clusterrole=%s --serviceaccount=sluice-system:sluice",
		namespace, namespace, v1alpha1.EnvironmentRole)
}
