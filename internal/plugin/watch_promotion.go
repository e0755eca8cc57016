package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// promotionWatch follows one promotion to its end.
type promotionWatch struct {
	*session
	wide   bool
	screen *screen
	// now is the promotion as it stands; shown is what was shown last, nil before the first time.
	now   view.Promotion
	shown *view.Promotion
	jobs  map[types.NamespacedName]batchv1.Job
	// heard is when logs were read last.
	heard time.Time
	// compared says that what ran before is known.
	compared bool
	// lost is why the API server cannot be reached for now.
	lost error
}

// watchPromotion shows a promotion as it goes on. It returns when the promotion has ended: nil only if it succeeded.
func (s *session) watchPromotion(ctx context.Context, name string, wide bool) error {
	p, err := s.promotion(ctx, name)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	f := newFollower(s.client)
	defer f.wait()
	defer stop()
	w := &promotionWatch{
		session: s, wide: wide, screen: &screen{console: s.Console},
		now: view.Promotion{Object: p}, jobs: map[types.NamespacedName]batchv1.Job{},
	}
	if w.now.Jobs, err = s.jobs(ctx, p); err != nil {
		return err
	}
	for i := range w.now.Jobs {
		w.jobs[keyOf(&w.now.Jobs[i])] = w.now.Jobs[i]
	}
	if over, err := w.show(ctx); over || err != nil {
		return err
	}
	if err := f.follow(ctx, promotionTarget(p.Namespace, p.Name)); err != nil {
		return err
	}
	return w.loop(ctx, f)
}

func (w *promotionWatch) loop(ctx context.Context, f *follower) error {
	ticks, end := w.Ticks()
	defer end()
	for {
		if err := w.followJobs(ctx, f); err != nil {
			return err
		}
		over := false
		var err error
		select {
		case e := <-f.events:
			if err = w.take(e); err == nil {
				over, err = w.show(ctx)
			}
		case <-ticks:
			w.listen(ctx)
			err = w.draw()
		case <-ctx.Done():
			err = ctx.Err()
		}
		if over || err != nil {
			return err
		}
	}
}

// followJobs watches the Jobs of gates in every environment that is known by now.
func (w *promotionWatch) followJobs(ctx context.Context, f *follower) error {
	for _, e := range w.now.Object.Status.Environments {
		if err := f.follow(ctx, jobTarget(e.EnvironmentRef.Namespace, string(w.now.Object.UID))); err != nil {
			return err
		}
	}
	return nil
}

// listen hears how far the gates are that run, now and then. Lines elsewhere than on a screen tell of transitions alone.
func (w *promotionWatch) listen(ctx context.Context) {
	if now := w.Clock.Now(); w.Console.Screen && now.Sub(w.heard) >= logEvery {
		w.heard = now
		w.now.Saying = w.saying(ctx, w.now.Jobs)
	}
}

// take takes over what happened.
func (w *promotionWatch) take(e event) error {
	w.lost = e.lost
	switch object := e.object.(type) {
	case *v1alpha1.Promotion:
		return w.takePromotion(object, e.gone)
	case *batchv1.Job:
		w.takeJob(object, e.gone)
	}
	return e.err
}

func (w *promotionWatch) takePromotion(p *v1alpha1.Promotion, gone bool) error {
	switch {
	case p.Name != w.now.Object.Name:
		// An API server sends no other; what stands in for one may.
		return nil
	case gone || p.UID != w.now.Object.UID:
		return fmt.Errorf("promotion %s in namespace %s was deleted while it was watched; what it left is in kubectl get releaserecords", p.Name, p.Namespace)
	}
	w.now.Object = p
	return nil
}

func (w *promotionWatch) takeJob(job *batchv1.Job, gone bool) {
	if job.Labels[v1alpha1.PromotionUIDLabel] != string(w.now.Object.UID) {
		return
	}
	if gone {
		delete(w.jobs, keyOf(job))
	} else {
		w.jobs[keyOf(job)] = *job
	}
	w.now.Jobs = slices.Collect(maps.Values(w.jobs))
}

func keyOf(job *batchv1.Job) types.NamespacedName {
	return types.NamespacedName{Namespace: job.Namespace, Name: job.Name}
}

// show shows how the promotion stands, and says whether it is over.
func (w *promotionWatch) show(ctx context.Context) (over bool, err error) {
	if err := w.compare(ctx); err != nil {
		return false, err
	}
	w.listen(ctx)
	outcome := w.now.Object.Status.Outcome
	switch {
	case !w.Console.Screen:
		err = w.print(view.Changes(w.options(w.wide), w.shown, w.now))
	case outcome != "":
		err = w.screen.finish(w.now.Lines(w.options(w.wide)))
	default:
		err = w.draw()
	}
	shown := w.now
	w.shown = &shown
	if err != nil || outcome == "" {
		return false, err
	}
	if outcome != v1alpha1.OutcomeSucceeded {
		return true, errEnded
	}
	return true, nil
}

// compare reads what ran before, once the release is known.
func (w *promotionWatch) compare(ctx context.Context) error {
	if w.compared || len(w.now.Object.Status.Environments) == 0 {
		return nil
	}
	w.compared = true
	var err error
	w.now.Before, err = w.before(ctx, w.now.Object)
	return err
}

// draw draws it on a screen; elsewhere there is nothing to draw.
func (w *promotionWatch) draw() error {
	if !w.Console.Screen {
		return nil
	}
	lines := w.now.Lines(w.options(w.wide))
	if w.lost != nil {
		lines = append(lines, trouble(w.lost))
	}
	return w.screen.draw(lines)
}
