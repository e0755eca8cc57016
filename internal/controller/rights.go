package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const (
	// rightHolds is how long an answer is good while RBAC does not change. It spares questions when one pass follows
	// another; a right that another authorizer gives cannot be watched, and is asked for again at the next pass after it.
	rightHolds = 10 * time.Second
	// firstReview and lastReview bound the interval at which the API server is asked again: where it failed, and where it
	// says something else than its own RBAC objects, which it may not have seen yet.
	firstReview, lastReview = 200 * time.Millisecond, time.Minute
	// maxDoubts is how often it is asked again in the latter case. Then its word stands: another authorizer decided.
	maxDoubts = 6
)

// Reviewer asks whether somebody may do something.
type Reviewer interface {
	// MaySign says whether somebody may create Approvals in a namespace.
	MaySign(ctx context.Context, namespace string, who v1alpha1.Approver) (bool, error)
}

// AccessReviewer asks the API server, by a SubjectAccessReview. It stores nothing, so that no cache can wait for it.
type AccessReviewer struct {
	// Client to ask with.
	Client client.Writer
}

// MaySign as Reviewer.
func (r AccessReviewer) MaySign(ctx context.Context, namespace string, who v1alpha1.Approver) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.Username, Groups: append(slices.Clone(who.Groups), everybody),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "approvals",
		},
	}}
	if who.UID != nil {
		review.Spec.UID = *who.UID
	}
	if err := r.Client.Create(ctx, review, client.DisableReadYourWritesConsistency); err != nil {
		return false, fmt.Errorf("ask whether %s may create approvals in %s: %w", who.Username, namespace, err)
	}
	return review.Status.Allowed, nil
}

// ApproverRights knows whether people who signed still may, and asks where it does not.
type ApproverRights struct {
	// Reviewer to ask.
	Reviewer Reviewer
	// Gatherer of who may sign, as far as RBAC says.
	Gatherer *Gatherer
	// Clock for the intervals.
	Clock clock.Clock

	mutex   sync.Mutex
	entries map[types.UID]rightEntry
}

type rightEntry struct {
	answer promotion.Right
	// expected is what the RBAC objects of the cache said when it was asked.
	expected promotion.Right
	// until is when the answer is good no more.
	until time.Time
	// doubts is how often it was asked in vain: failed, or against expectation.
	doubts int
}

// Answer returns what is known about the authors of approvals, and asks for the rest.
func (r *ApproverRights) Answer(ctx context.Context, approvals []*v1alpha1.Approval) (promotion.Rights, error) {
	rights := promotion.Rights{Answers: map[types.UID]promotion.Right{}}
	r.forgetOld()
	for _, a := range approvals {
		allowed, err := r.Gatherer.signersIn(ctx, a.Namespace)
		if err != nil {
			return rights, err
		}
		expected := promotion.RightLost
		if allowed.include(a.Spec.Approver) {
			expected = promotion.RightHeld
		}
		entry := r.look(a.UID)
		if now := r.Clock.Now(); entry.expected != expected || !now.Before(entry.until) {
			entry = r.ask(ctx, a, expected, entry)
		}
		rights.Answers[a.UID] = entry.answer
		if entry.doubtful() && (rights.Next.IsZero() || entry.until.Before(rights.Next)) {
			rights.Next = entry.until
		}
	}
	return rights, nil
}

// doubtful says whether the answer may not be the last word, though nothing changes any more that could be watched.
func (e rightEntry) doubtful() bool {
	return e.answer == promotion.RightUnknown || e.answer != e.expected && e.doubts < maxDoubts
}

func (r *ApproverRights) ask(ctx context.Context, a *v1alpha1.Approval, expected promotion.Right, before rightEntry) rightEntry {
	entry := rightEntry{answer: promotion.RightLost, expected: expected}
	may, err := r.Reviewer.MaySign(ctx, a.Namespace, a.Spec.Approver)
	switch {
	case err != nil:
		log.FromContext(ctx).Error(err, "An approval does not count until the API server answers", "approval", a.Name)
		entry.answer = promotion.RightUnknown
	case may:
		entry.answer = promotion.RightHeld
	}
	holds := rightHolds
	if entry.answer != expected {
		if before.expected == expected {
			entry.doubts = before.doubts + 1
		}
		if entry.doubtful() {
			holds = min(firstReview<<min(entry.doubts, 16), lastReview)
		}
	}
	entry.until = r.Clock.Now().Add(holds)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.entries == nil {
		r.entries = map[types.UID]rightEntry{}
	}
	r.entries[a.UID] = entry
	return entry
}

func (r *ApproverRights) look(approval types.UID) rightEntry {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.entries[approval]
}

// forgetOld drops what nobody asked for in a while.
func (r *ApproverRights) forgetOld() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now := r.Clock.Now()
	for uid, entry := range r.entries {
		if now.Sub(entry.until) > 2*lastReview {
			delete(r.entries, uid)
		}
	}
}
