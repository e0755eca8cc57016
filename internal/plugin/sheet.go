package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// place is where a promotion awaits sign-off.
type place struct {
	step     v1alpha1.EnvironmentProgress
	env      *v1alpha1.Environment
	awaiting v1alpha1.AwaitingPromotion
}

// sheet gathers what is signed.
func (s *session) sheet(ctx context.Context, sign signing) (view.SignOff, error) {
	p, err := s.promotion(ctx, sign.promotion)
	if err != nil {
		return view.SignOff{}, err
	}
	at, err := s.place(ctx, p, sign.environment)
	if err != nil {
		return view.SignOff{}, err
	}
	sheet := view.SignOff{
		Decision: sign.decision, Promotion: p, Step: at.step,
		Environment: at.env, Requires: inForce(at.env), Awaiting: at.awaiting,
	}
	sheet.Me, sheet.Groups = s.whoAmI(ctx, quotas(sheet.Requires))
	if sheet.Before, err = s.running(ctx, p, at.step); err != nil {
		return view.SignOff{}, err
	}
	sheet.Evidence, sheet.Unread, err = s.evidence(ctx, sheet)
	return sheet, err
}

// place finds the environment that is meant, and what awaits sign-off there.
func (s *session) place(ctx context.Context, p *v1alpha1.Promotion, environment string) (place, error) {
	steps := p.Status.Environments
	if len(steps) == 0 {
		lines := view.WaitsInstead(p, v1alpha1.EnvironmentProgress{Name: "any environment", State: v1alpha1.StatePending})
		return place{}, s.nothingAwaits(p, lines)
	}
	if environment != "" {
		i := slices.IndexFunc(steps, func(e v1alpha1.EnvironmentProgress) bool { return e.Name == environment })
		if i < 0 {
			i = slices.IndexFunc(steps, func(e v1alpha1.EnvironmentProgress) bool { return e.EnvironmentRef.Namespace == environment })
		}
		if i < 0 {
			return place{}, fmt.Errorf("promotion %s has no environment %s; it goes through: %s", p.Name, environment, names(steps))
		}
		steps = steps[i : i+1]
	}
	found, err := s.places(ctx, p, steps)
	switch {
	case err != nil:
		return place{}, err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var awaiting []v1alpha1.EnvironmentProgress
		for _, f := range found {
			awaiting = append(awaiting, f.step)
		}
		return place{}, fmt.Errorf("promotion %s awaits sign-off in several environments: name one with -e, of: %s", p.Name, names(awaiting))
	}
	return place{}, s.nothingAwaits(p, waitsInstead(p, steps))
}

// places returns where a promotion awaits sign-off, of some of its environments.
func (s *session) places(ctx context.Context, p *v1alpha1.Promotion, steps []v1alpha1.EnvironmentProgress) ([]place, error) {
	var found []place
	for _, step := range steps {
		if step.State != v1alpha1.StateWaiting && len(steps) > 1 {
			continue
		}
		env, err := s.environment(ctx, step.EnvironmentRef.Namespace)
		switch {
		case err != nil:
			return nil, err
		case env == nil && len(steps) == 1:
			return nil, notThere(step.EnvironmentRef.Namespace)
		case env == nil:
			continue
		}
		if entry := entryOf(env, string(p.UID)); entry != nil {
			found = append(found, place{step: step, env: env, awaiting: *entry})
		}
	}
	return found, nil
}

// entryOf is the entry of a promotion in an Environment's inbox; nil where there is none.
func entryOf(env *v1alpha1.Environment, uid string) *v1alpha1.AwaitingPromotion {
	for i := range env.Status.Awaiting {
		if env.Status.Awaiting[i].PromotionRef.UID == uid {
			return &env.Status.Awaiting[i]
		}
	}
	return nil
}

// waitsInstead says what the environments wait for that await no sign-off; of several, those that are under way.
func waitsInstead(p *v1alpha1.Promotion, steps []v1alpha1.EnvironmentProgress) []view.Line {
	var lines []view.Line
	for _, step := range steps {
		if underWay := len(step.Reasons) > 0 && p.Status.Outcome == ""; underWay || len(steps) == 1 {
			lines = append(lines, view.WaitsInstead(p, step)...)
		}
	}
	if len(lines) == 0 {
		return view.WaitsInstead(p, v1alpha1.EnvironmentProgress{Name: "any environment", State: v1alpha1.StatePending})
	}
	return lines
}

func (s *session) nothingAwaits(p *v1alpha1.Promotion, lines []view.Line) error {
	text := view.Style{}.Text(lines)
	return errors.New(text + fmt.Sprintf("see kubectl sluice get promotion %s -n %s", p.Name, p.Namespace))
}

func names(steps []v1alpha1.EnvironmentProgress) string {
	all := make([]string, 0, len(steps))
	for _, e := range steps {
		all = append(all, e.Name)
	}
	return strings.Join(all, ", ")
}

// quotas are the groups of which a number has to sign.
func quotas(requires v1alpha1.RequirementsInForce) []string {
	var groups []string
	if requires.Approvals != nil {
		for _, quota := range requires.Approvals.From {
			groups = append(groups, quota.Name)
		}
	}
	return groups
}

// whoAmI asks the API server, and returns the name and those groups that count. Where it does not say, the signature is
// stamped all the same.
func (s *session) whoAmI(ctx context.Context, counted []string) (name string, groups []string) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := s.client.Create(ctx, review); err != nil {
		return "", nil
	}
	for _, group := range review.Status.UserInfo.Groups {
		if slices.Contains(counted, group) {
			groups = append(groups, group)
		}
	}
	return review.Status.UserInfo.Username, groups
}

// evidence reads every record of the release in the environments of the promotion and in those that count as evidence,
// and names the namespaces whose records the reader may not see.
func (s *session) evidence(ctx context.Context, sheet view.SignOff) (records []v1alpha1.ReleaseRecord, unread []string, err error) {
	var namespaces []string
	for _, e := range sheet.Promotion.Status.Environments {
		namespaces = append(namespaces, e.EnvironmentRef.Namespace)
	}
	for _, requirement := range sheet.Requires.Evidence {
		for _, from := range requirement.From {
			namespaces = append(namespaces, from.Namespace)
		}
	}
	slices.Sort(namespaces)
	for _, namespace := range slices.Compact(namespaces) {
		found, err := s.records(ctx, namespace, "spec.releaseHash", sheet.Awaiting.ReleaseHash)
		switch {
		case err != nil && !apierrors.IsForbidden(err):
			return nil, nil, err
		case err != nil:
			unread = append(unread, namespace)
		}
		records = append(records, found...)
	}
	slices.SortFunc(records, newestFirst)
	return records, unread, nil
}
