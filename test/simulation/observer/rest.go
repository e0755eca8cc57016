package observer

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// I8: writes are bounded. A promotion through four environments, with two workloads and three gates of two attempts in
// each, needs in each at most: 1 claim, 1 inbox entry and 2 updates of it, 2 pins, 4 touches, 6 Jobs and 6 deletions, 1
// record, 1 release, 8 states; so about 32 x 4, and 3 at the ends. Every act of a person may cost each promotion a few
// more (another wait, another touch), and each fault may repeat one.
const (
	writesPerPromotion = 132
	writesPerAct       = 4
)

func (o *Observer) countWrite(r *memapi.Revision) {
	if !o.byOperator(r) {
		if isPerson(r.Actor) {
			o.people++
		}
		return
	}
	for _, uid := range o.concerned(r) {
		o.writes[uid]++
	}
}

func isPerson(actor string) bool {
	return !strings.HasSuffix(actor, "-controller") && !slices.Contains([]string{"kubelet", "garbage-collector"}, actor)
}

// concerned are the promotions that a write was made for.
func (o *Observer) concerned(r *memapi.Revision) []string {
	switch obj := r.Object.(type) {
	case *v1alpha1.Promotion:
		return []string{string(obj.UID)}
	case *v1alpha1.ReleaseRecord:
		return []string{obj.Spec.Promotion.UID}
	case *batchv1.Job:
		return []string{obj.Labels[v1alpha1.PromotionUIDLabel]}
	case *v1alpha1.Environment:
		before, _ := r.Before.(*v1alpha1.Environment)
		return changed(before, obj)
	}
	if parts := strings.Split(r.Object.GetAnnotations()[v1alpha1.ReleaseAnnotation], ":"); len(parts) > 1 {
		return []string{parts[1]}
	}
	return o.holdersOf(r.Key.Name)
}

func (o *Observer) holdersOf(namespace string) []string {
	key := memapi.Key{Namespace: namespace, Name: v1alpha1.EnvironmentName}
	env, ok := o.state["Environment"][key].(*v1alpha1.Environment)
	if !ok {
		return nil
	}
	var uids []string
	for _, h := range env.Status.Holders {
		uids = append(uids, h.PromotionRef.UID)
	}
	return uids
}

// changed are the promotions whose entries among the holders or in the inbox differ.
func changed(before, after *v1alpha1.Environment) []string {
	entries := func(env *v1alpha1.Environment) map[string]string {
		found := map[string]string{}
		if env == nil {
			return found
		}
		for _, h := range env.Status.Holders {
			found[h.PromotionRef.UID] += "holds"
		}
		for _, a := range env.Status.Awaiting {
			found[a.PromotionRef.UID] += fmt.Sprint(a)
		}
		return found
	}
	was, is := entries(before), entries(after)
	var uids []string
	for uid, entry := range is {
		if was[uid] != entry {
			uids = append(uids, uid)
		}
	}
	for uid := range was {
		if _, there := is[uid]; !there {
			uids = append(uids, uid)
		}
	}
	return uids
}

// checkWrites is asked at the end.
func (o *Observer) checkWrites() {
	limit := writesPerPromotion + writesPerAct*o.people
	for uid, n := range o.writes {
		if uid != "" && n > limit {
			o.found = append(o.found, Violation{Invariant: "I8", Message: fmt.Sprintf("%d writes for promotion %s, more than %d", n, uid, limit)})
		}
	}
}

// MostWrites is the largest number of writes that one promotion took.
func (o *Observer) MostWrites() int {
	most := 0
	for uid, n := range o.writes {
		if uid != "" {
			most = max(most, n)
		}
	}
	return most
}

// activities are reasons that name no input: what they speak of ends by itself, or by a deadline.
var activities = []string{
	v1alpha1.ReasonPending, v1alpha1.ReasonRollingOut, v1alpha1.ReasonGateRunning, v1alpha1.ReasonGateRetrying,
	v1alpha1.ReasonRollingBack, v1alpha1.ReasonPinPropagating, v1alpha1.ReasonGateCannotStart, v1alpha1.ReasonWorkloadScaledToZero,
}

// CheckRest is asked once everything came to rest (I4): every promotion ended, or waits for an input that it names; and
// nobody holds a slot who does not need it.
func (o *Observer) CheckRest() {
	for _, obj := range o.state["Promotion"] {
		p := obj.(*v1alpha1.Promotion)
		if p.Status.Outcome != "" {
			if p.Labels[v1alpha1.OutcomeLabel] == "" {
				o.atRest("%s ended and is not marked", p.Name)
			}
			continue
		}
		o.checkWait(p)
	}
	for _, obj := range o.state["Environment"] {
		o.checkLeftovers(obj.(*v1alpha1.Environment))
	}
}

func (o *Observer) atRest(format string, arguments ...any) {
	o.found = append(o.found, Violation{Invariant: "I4", Message: fmt.Sprintf(format, arguments...)})
}

func (o *Observer) checkWait(p *v1alpha1.Promotion) {
	if len(p.Status.Environments) == 0 {
		resolved := slices.ContainsFunc(p.Status.Conditions, func(c metav1.Condition) bool {
			return c.Type == v1alpha1.ConditionResolved && c.Reason != "" && c.Reason != v1alpha1.ReasonPending && c.Message != ""
		})
		if !resolved {
			o.atRest("%s is not resolved and does not say why", p.Name)
		}
		return
	}
	named := false
	for _, e := range p.Status.Environments {
		if terminal(e.State) {
			continue
		}
		if len(e.Reasons) == 0 || e.Reasons[0].Message == "" {
			o.atRest("%s is %s in %s and says no reason", p.Name, e.State, e.Name)
			continue
		}
		reason := e.Reasons[0].Type
		if slices.Contains(activities, reason) && !slices.ContainsFunc(e.Reasons, func(r v1alpha1.Reason) bool { return !slices.Contains(activities, r.Type) }) {
			o.atRest("%s is %s in %s for %s, and nothing moves: %s", p.Name, e.State, e.Name, reason, e.Reasons[0].Message)
		}
		if reason != v1alpha1.ReasonPredecessorPending {
			named = true
		} else {
			named = named || o.waitsOutside(p, e)
		}
		o.checkBusy(p, e)
	}
	if !named {
		o.atRest("%s has not ended and waits for nothing but itself: %s", p.Name, p.Status.Message)
	}
}

// waitsOutside says whether an environment waits for one that the promotion does not go through.
func (o *Observer) waitsOutside(p *v1alpha1.Promotion, e v1alpha1.EnvironmentProgress) bool {
	return slices.ContainsFunc(p.Status.Environments, func(other v1alpha1.EnvironmentProgress) bool {
		return other.Cause == v1alpha1.CauseNotSelected && other.Name != e.Name
	})
}

func terminal(state v1alpha1.EnvironmentState) bool { return len(forward[state]) == 0 }

// checkBusy sees that who is said to keep an environment busy does.
func (o *Observer) checkBusy(p *v1alpha1.Promotion, e v1alpha1.EnvironmentProgress) {
	for _, reason := range e.Reasons {
		if reason.Type != v1alpha1.ReasonEnvironmentBusy {
			continue
		}
		others := slices.DeleteFunc(o.holdersOf(e.EnvironmentRef.Namespace), func(uid string) bool { return uid == string(p.UID) })
		if len(others) == 0 && !strings.Contains(reason.Message, "InOrder") {
			o.atRest("%s waits in %s for a slot that is free", p.Name, e.Name)
		}
	}
}

// checkLeftovers sees that holders and inboxes hold only promotions that are there and have not ended.
func (o *Observer) checkLeftovers(env *v1alpha1.Environment) {
	alive := func(ref v1alpha1.PromotionReference) bool {
		p, ok := o.state["Promotion"][memapi.Key{Namespace: ref.Namespace, Name: ref.Name}].(*v1alpha1.Promotion)
		return ok && string(p.UID) == ref.UID && p.Status.Outcome == ""
	}
	for _, h := range env.Status.Holders {
		if !alive(h.PromotionRef) {
			o.atRest("%s holds %s and is gone or ended", h.PromotionRef.Name, env.Namespace)
		}
	}
	for _, a := range env.Status.Awaiting {
		if !alive(a.PromotionRef) {
			o.atRest("%s awaits sign-off in %s and is gone or ended", a.PromotionRef.Name, env.Namespace)
		}
	}
}
