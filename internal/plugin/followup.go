package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// followUp says whether the signature counts and what is still missing. The operator decides that: it is given a while
// to say so.
func (s *session) followUp(ctx context.Context, sheet view.SignOff, signed *v1alpha1.Approval) error {
	ctx, stop := context.WithTimeout(ctx, s.CountedWithin)
	f := newFollower(s.client)
	defer f.wait()
	defer stop()
	p := sheet.Promotion
	if err := f.follow(ctx, promotionTarget(p.Namespace, p.Name)); err != nil {
		return err
	}
	for {
		select {
		case e := <-f.events:
			if e.err != nil {
				return s.uncounted(p)
			}
			now, ok := e.object.(*v1alpha1.Promotion)
			if !ok || now.UID != p.UID {
				continue
			}
			if answer := answerTo(now, sheet.Step.Name, signed); answer != "" {
				return s.say("%s", answer)
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return s.uncounted(p)
			}
			return ctx.Err()
		}
	}
}

func (s *session) uncounted(p *v1alpha1.Promotion) error {
	return s.say("The operator has not counted it yet; see kubectl sluice get promotion %s -n %s", p.Name, p.Namespace)
}

// answerTo says what the operator made of a signature; empty as long as it has not looked at it.
func answerTo(p *v1alpha1.Promotion, environment string, signed *v1alpha1.Approval) string {
	i := slices.IndexFunc(p.Status.Environments, func(e v1alpha1.EnvironmentProgress) bool { return e.Name == environment })
	if i < 0 {
		return ""
	}
	step := p.Status.Environments[i]
	j := slices.IndexFunc(step.Approvals, func(a v1alpha1.ApprovalStatus) bool { return a.ApprovalRef.Name == signed.Name })
	if j < 0 {
		return ""
	}
	return verdict(step.Approvals[j]) + " " + whatNow(p, step)
}

func verdict(a v1alpha1.ApprovalStatus) string {
	switch {
	case a.State == v1alpha1.ApprovalIgnored:
		return fmt.Sprintf("It does not count: %s.", a.Reason)
	case a.Decision == v1alpha1.DecisionRejected:
		return "It ends the promotion."
	}
	return "It counts."
}

func whatNow(p *v1alpha1.Promotion, step v1alpha1.EnvironmentProgress) string {
	if p.Status.Outcome != "" {
		return fmt.Sprintf("Promotion %s ended: %s.", p.Name, p.Status.Outcome)
	}
	if missing := view.Missing(step); step.State == v1alpha1.StateWaiting && missing != "" {
		return "Still missing: it " + missing + "."
	}
	if step.State != v1alpha1.StateWaiting || len(step.Reasons) == 0 {
		return fmt.Sprintf("No signature is missing: %s is %s.", step.Name, step.State)
	}
	return fmt.Sprintf("No signature is missing; it waits for %s: %s", step.Reasons[0].Type, step.Reasons[0].Message)
}

// advice says what to do about a refusal.
func (s *session) advice(ctx context.Context, refusal error, sheet view.SignOff) string {
	p, namespace := sheet.Promotion, sheet.Environment.Namespace
	again := fmt.Sprintf("kubectl sluice get promotion %s -n %s", p.Name, p.Namespace)
	env, err := s.environment(ctx, namespace)
	if err == nil && env != nil {
		entry := entryOf(env, string(p.UID))
		switch {
		case entry == nil:
			return "It awaits no sign-off any more: " + again
		case entry.EvidenceHash != sheet.Awaiting.EvidenceHash || entry.ReleaseHash != sheet.Awaiting.ReleaseHash:
			return "The evidence changed while you read it: run the command again, and read it again."
		}
	}
	switch {
	case sheet.Decision == v1alpha1.DecisionApproved && sheet.Excluded():
		return fmt.Sprintf("Somebody else has to sign: not one of %s.", strings.Join(sheet.Awaiting.Excluded, ", "))
	case apierrors.IsForbidden(refusal) && strings.Contains(refusal.Error(), "cannot create resource"):
		return fmt.Sprintf("You have no right to sign in namespace %s; its owner grants it: kubectl create rolebinding sluice-approver -n %s --clusterrole=sluice-approver --user=%s",
			namespace, namespace, sheet.Me)
	}
	return "Nothing was signed; " + again + " shows how it stands."
}
