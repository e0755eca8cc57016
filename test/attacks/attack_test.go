package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// threat is what somebody might want, and the ways to get it that were thought of.
type threat struct {
	wants   string
	attacks []attack
}

// attack is a row of the threat model: who wants what of the API server, and what has to happen.
type attack struct {
	by *actor
	// wants is the intent.
	wants string
	// how is tried in each of its ways.
	how  request
	must expectation
	// but is the twin: a request of the same kind that has to work. Otherwise a policy that refuses everything would pass.
	but twin
}

// twin is a request that somebody may make.
type twin struct {
	by   *actor
	does string
	how  request
	// shows checks the answer, where being let through is not enough.
	shows func(answer thing) error
}

// outcome is what one way of an attack came to.
type outcome struct {
	err error
	// answer is the object as the API server returned it.
	answer thing
	// warned is what the API server told the client besides.
	warned string
	// before and after are what was stored.
	before, after string
}

// expectation is what has to happen.
type expectation struct {
	// by is what refuses: a policy, the schema, RBAC; "" where the request is accepted, and comes to nothing.
	by string
	// holds is nil where it did.
	holds func(outcome) error
}

// refusedBy is a refusal by a policy, which says what to do instead.
func refusedBy(policy, instead string) expectation {
	return expectation{by: policy, holds: func(o outcome) error {
		switch {
		case o.err == nil:
			return errLetThrough
		case !apierrors.IsForbidden(o.err):
			return fmt.Errorf("want 403 of %s, got %w", policy, o.err)
		case !strings.Contains(o.err.Error(), "ValidatingAdmissionPolicy '"+policy+"'"):
			return fmt.Errorf("want a refusal of %s, got %w", policy, o.err)
		case !strings.Contains(o.err.Error(), instead):
			return fmt.Errorf("the refusal does not say %q: %w", instead, o.err)
		}
		return o.unchanged()
	}}
}

// refusedBySchema is a refusal of what no request may say, with the words of the schema.
func refusedBySchema(instead string) expectation {
	return expectation{by: "schema", holds: func(o outcome) error {
		switch {
		case o.err == nil:
			return errLetThrough
		case !apierrors.IsInvalid(o.err) || !strings.Contains(o.err.Error(), instead):
			return fmt.Errorf("want 422 that says %q, got %w", instead, o.err)
		}
		return o.unchanged()
	}}
}

// refusedByRBAC is for what roles have to prevent, because no policy can or needs to.
func refusedByRBAC() expectation {
	return expectation{by: "RBAC", holds: func(o outcome) error {
		switch {
		case o.err == nil:
			return errLetThrough
		case !apierrors.IsForbidden(o.err) || strings.Contains(o.err.Error(), "AdmissionPolicy"):
			return fmt.Errorf("want 403 of RBAC, got %w", o.err)
		}
		return o.unchanged()
	}}
}

// pinned means that the request is accepted and comes to nothing: promoted images are stored, what ran runs on, and the
// client is told.
func pinned() expectation {
	return expectation{holds: func(o outcome) error {
		if o.err != nil {
			return fmt.Errorf("want it accepted and pinned, got %w", o.err)
		}
		for _, image := range imagesOf(o.answer) {
			if image != fill("$API@$CURRENT") && image != fill("$WEB@$CURRENT") {
				return fmt.Errorf("%w: %s is stored", errLetThrough, image)
			}
		}
		if !strings.Contains(o.warned, "not deployed as asked") || !strings.Contains(o.warned, "create a Promotion to change what runs") {
			return fmt.Errorf("the client was not told what to do instead: %q", o.warned)
		}
		if o.before != "" {
			return o.unchanged()
		}
		return nil
	}}
}

// keeps means that the request is accepted, and that a field does not say what it was meant to.
func keeps(want string, field ...string) expectation {
	return expectation{holds: func(o outcome) error {
		if o.err != nil {
			return fmt.Errorf("want it accepted, got %w", o.err)
		}
		value, _, err := unstructured.NestedFieldNoCopy(o.answer.Object, field...)
		if err != nil {
			return err
		}
		if got := fmt.Sprint(value); got != want {
			return fmt.Errorf("%w: %s is %s, want %s", errLetThrough, strings.Join(field, "."), got, want)
		}
		return nil
	}}
}

// errLetThrough says that an attack succeeded.
var errLetThrough = errors.New("let through")

func (o outcome) unchanged() error {
	if o.before != o.after {
		return fmt.Errorf("%w: it changed:\n%s", errLetThrough, cmp.Diff(o.before, o.after))
	}
	return nil
}

// try sends one way of the attack, and says what is wrong with what came of it.
func (a attack) try(ctx context.Context, w way, c client.Client) error {
	before, err := stored(ctx, w.about)
	if err != nil {
		return err
	}
	a.by.heard.Take()
	o := outcome{before: before}
	o.answer, o.err = w.send(ctx, c)
	o.warned = a.by.heard.Take()
	if o.after, err = stored(ctx, w.about); err != nil {
		return err
	}
	failure := a.must.holds(o)
	if o.err == nil && w.about.GetName() != "" {
		failure = errors.Join(failure, tidy(ctx, w.about, before))
	}
	return failure
}

// tidy takes away what an accepted request left: the object that it made, or the note of the pin.
func tidy(ctx context.Context, about thing, before string) error {
	now := like(about)
	err := root.Get(ctx, client.ObjectKeyFromObject(about), now)
	_, noted := now.GetAnnotations()["sluice.dev/pinned"]
	switch {
	case err != nil:
		return client.IgnoreNotFound(err)
	case before == "":
		err = root.Delete(ctx, now, client.GracePeriodSeconds(0), client.PropagationPolicy(metav1.DeletePropagationBackground))
		if apierrors.IsForbidden(err) {
			err = operator.Delete(ctx, now)
		}
		return client.IgnoreNotFound(err)
	case !noted:
		return nil
	}
	return root.Patch(ctx, now, client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"annotations": {"sluice.dev/pinned": null}}}`)))
}

// run tries each way of the attack, and then the twin.
func (a attack) run(t *testing.T) {
	var failures []error
	for _, w := range a.how {
		if err := a.try(t.Context(), w, a.by); err != nil {
			failures = append(failures, fmt.Errorf("by %s: %w", w.verb, err))
		}
	}
	failed := errors.Join(failures...)
	switch {
	case failed == nil:
		tally.refused.Add(1)
	case errors.Is(failed, errLetThrough):
		tally.succeeded.Add(1)
		fallthrough
	default:
		t.Error(failed)
	}
	if err := a.but.works(t.Context()); err != nil {
		t.Error(err)
	}
}

// works is nil where the twin is let through. It is tried as a dry run, with all of admission and none of the
// consequences: the scene stays as it is.
func (w twin) works(ctx context.Context) error {
	if w.how == nil {
		return nil
	}
	answer, err := w.how[0].send(ctx, client.NewDryRunClient(w.by))
	if err == nil && w.shows != nil {
		err = w.shows(answer)
	}
	if err != nil {
		return fmt.Errorf("%s, who %s, must be let through: %w", w.by.who, w.does, err)
	}
	return nil
}

func TestAttacksOnTheAPIServer(t *testing.T) {
	operatorIsDown(t)
	for _, threat := range threats() {
		t.Run(threat.wants, func(t *testing.T) {
			for _, a := range threat.attacks {
				t.Run(a.by.who+"/"+a.wants, a.run)
			}
		})
	}
}
