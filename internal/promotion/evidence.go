package promotion

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// evidenceComplete checks that every demanded gate passed for this very release where it counts. Evidence is the newest
// record of the release in an environment, whole: results of different runs are never mixed.
func (v *visit) evidenceComplete() Verdict {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		record := newestOf(v.snapshot.Records, v.namespace(), v.status.ReleaseHash)
		if record == nil || !good(record) {
			return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceMissing,
				"release %s has no record Passed or Adopted here, and a rollback goes back to nothing else; choose one of kubectl get releaserecords -n %s",
				short(v.status.ReleaseHash), v.namespace()))
		}
		return ready()
	}
	verdict, coming := ready(), []string(nil)
	for _, requirement := range v.force.Evidence {
		sources := v.evidenceSources(requirement)
		found, on := v.evidenceFor(requirement, sources), v.underWay(sources)
		if found.State != Ready && len(on) > 0 {
			coming = append(coming, "a passed "+string(requirement.Purpose)+" gate in "+strings.Join(on, " or "))
			continue
		}
		verdict = verdict.and(found)
	}
	if len(coming) > 0 {
		verdict = verdict.and(pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceMissing, "rests on %s, which this Promotion has yet to bring", strings.Join(coming, " and "))))
	}
	return verdict
}

// underWay names the environments among some namespaces that this Promotion has yet to pass: what they show is on its way.
func (v *visit) underWay(namespaces []string) []string {
	var names []string
	for _, p := range v.status.Environments {
		switch p.State {
		case v1alpha1.StatePending, v1alpha1.StateWaiting, v1alpha1.StateDeploying, v1alpha1.StateVerifying:
			if slices.Contains(namespaces, p.EnvironmentRef.Namespace) && p.Name != v.step.Name {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func (v *visit) evidenceFor(requirement v1alpha1.EvidenceRequirement, sources []string) Verdict {
	failed, expired := "", ready()
	for _, namespace := range sources {
		record := newestOf(v.snapshot.Records, namespace, v.status.ReleaseHash)
		switch {
		case record == nil:
		case record.Spec.Result != v1alpha1.ResultPassed:
			failed = v.revocation(record)
		case hasPassed(record, requirement):
			verdict := v.presentTemplate(record, requirement).and(v.freshEnough(record, requirement))
			if verdict.State == Ready {
				return verdict
			}
			expired = verdict
		}
	}
	if expired.State != Ready {
		return expired
	}
	wanted := "a passed " + string(requirement.Purpose) + " gate" + declaredAs(requirement) + " for release " + short(v.status.ReleaseHash)
	if failed != "" {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceFailed,
			"needs %s, and the newest record is no pass: %s; promote the release there again, or promote a fix", wanted, failed))
	}
	if len(sources) == 0 {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceMissing,
			"needs %s from a locked Environment of tier Test, and the pipeline has none; add one to the pipeline, or let the platform team name the environments that count (requires.evidence[].from)", wanted))
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceMissing,
		"needs %s in %s; promote the release through there first, and see that such a gate runs there", wanted, strings.Join(sources, " or ")))
}

// evidenceSources are the namespaces whose records count for a requirement, in order.
func (v *visit) evidenceSources(requirement v1alpha1.EvidenceRequirement) []string {
	var sources []string
	if len(requirement.From) > 0 {
		for _, from := range requirement.From {
			sources = append(sources, from.Namespace)
		}
		return sources
	}
	for namespace, site := range v.snapshot.Sites {
		if site.Environment != nil && site.Environment.Spec.Tier == v1alpha1.TierTest && locked(site.Environment) {
			sources = append(sources, namespace)
		}
	}
	slices.Sort(sources)
	return sources
}

func locked(env *v1alpha1.Environment) bool {
	return InForce(env.Spec).Lock == v1alpha1.LockEnforce && conditionTrue(env.Status.Conditions, v1alpha1.ConditionLocked)
}

// hasPassed says whether a record holds a gate that a requirement asks for. One of the GateTemplate that is demanded by
// name counts whoever listed it, as its bounds are the platform team's; another template's counts for who listed it.
func hasPassed(record *v1alpha1.ReleaseRecord, requirement v1alpha1.EvidenceRequirement) bool {
	return slices.ContainsFunc(record.Spec.Gates, func(g v1alpha1.GateStatus) bool {
		declared := requirement.DeclaredBy == v1alpha1.DeclaredByAnyone || g.DeclaredBy == v1alpha1.DeclaredByPlatform
		if template := requirement.GateTemplateRef.Name; template != "" {
			declared = g.GateTemplate.Name == template
		}
		return g.State == v1alpha1.GatePassed && g.Purpose == requirement.Purpose && declared
	})
}

func (v *visit) freshEnough(record *v1alpha1.ReleaseRecord, requirement v1alpha1.EvidenceRequirement) Verdict {
	if requirement.MaxAgeSeconds == 0 || record.Spec.CompletionTime == nil {
		return ready()
	}
	limit := time.Duration(requirement.MaxAgeSeconds) * time.Second
	if v.overdue(record.Spec.CompletionTime, limit) {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceExpired,
			"the %s evidence of %s/%s is older than %s; promote the release through there again",
			requirement.Purpose, record.Namespace, record.Name, limit))
	}
	return ready()
}

// evidence returns every record of the release that an approver looks at: in the environments that count, in those that
// come before, and here. Failed ones belong to it: who retries until it is green is seen to do so.
func (v *visit) evidence() []*v1alpha1.ReleaseRecord {
	places := []string{v.namespace()}
	for _, requirement := range v.force.Evidence {
		places = append(places, v.evidenceSources(requirement)...)
	}
	for _, ancestor := range v.ancestors() {
		places = append(places, ancestor.EnvironmentRef.Namespace)
	}
	var records []*v1alpha1.ReleaseRecord
	for _, r := range v.snapshot.Records {
		if r.Spec.ReleaseHash == v.status.ReleaseHash && slices.Contains(places, r.Namespace) {
			records = append(records, r)
		}
	}
	return records
}

// ancestors are all environments that come before this one, near and far.
func (v *visit) ancestors() []v1alpha1.PipelineEnvironment {
	environments := v.status.Pipeline.Environments
	before := map[string]bool{}
	names := Predecessors(environments, v.index)
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if before[name] {
			continue
		}
		before[name] = true
		i := slices.IndexFunc(environments, func(e v1alpha1.PipelineEnvironment) bool { return e.Name == name })
		names = append(names, Predecessors(environments, i)...)
	}
	return slices.DeleteFunc(slices.Clone(environments), func(e v1alpha1.PipelineEnvironment) bool { return !before[e.Name] })
}

// predecessorsPassed checks the edges of the graph. An edge to an environment that the Promotion does not go through
// needs the release to have passed there, newer than any failure.
func (v *visit) predecessorsPassed() Verdict {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return ready()
	}
	verdict := ready()
	for _, name := range Predecessors(v.status.Pipeline.Environments, v.index) {
		verdict = verdict.and(v.predecessorPassed(name))
	}
	return verdict
}

func (v *visit) predecessorPassed(name string) Verdict {
	i := slices.IndexFunc(v.status.Environments, func(p v1alpha1.EnvironmentProgress) bool { return p.Name == name })
	before := v.status.Environments[i]
	if before.Cause != v1alpha1.CauseNotSelected {
		if before.State == v1alpha1.StatePassed {
			return v.stillPassed(name, before.EnvironmentRef.Namespace)
		}
		return pending(v1alpha1.NewReason(v1alpha1.ReasonPredecessorPending, "waits for %s to pass", name))
	}
	namespace := before.EnvironmentRef.Namespace
	record := newestOf(v.snapshot.Records, namespace, v.status.ReleaseHash)
	if record != nil && record.Spec.Result == v1alpha1.ResultPassed {
		return ready()
	}
	found := "it never ran there"
	if record != nil {
		found = "its newest record there says " + string(record.Spec.Result)
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonPredecessorPending,
		"comes after %s, which this Promotion leaves out, and release %s has not passed there: %s; promote it through %s first",
		name, short(v.status.ReleaseHash), found, name))
}

func conditionTrue(conditions []metav1.Condition, conditionType string) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
		return c.Type == conditionType && c.Status == metav1.ConditionTrue
	})
}
