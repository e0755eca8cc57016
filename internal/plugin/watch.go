package plugin

import (
	"context"
	"fmt"

	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// live shows something again whenever it changes, until somebody interrupts it.
func (s *session) live(ctx context.Context, look func(context.Context) (found, error), wide bool) error {
	ctx, stop := context.WithCancel(ctx)
	l := liveView{session: s, find: look, wide: wide, screen: &screen{console: s.Console}, follower: newFollower(s.client)}
	defer l.follower.wait()
	defer stop()
	if err := l.look(ctx); err != nil {
		return err
	}
	ticks, end := s.Ticks()
	defer end()
	for {
		var err error
		select {
		case e := <-l.follower.events:
			err = l.take(ctx, e)
		case <-ticks:
			err = l.tick()
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// liveView is what is shown now.
type liveView struct {
	*session
	find     func(context.Context) (found, error)
	wide     bool
	screen   *screen
	follower *follower
	last     document
}

// take looks again because something happened; what else has happened meanwhile is seen at the same look.
func (l *liveView) take(ctx context.Context, e event) error {
	if last := l.follower.drain(); last.err != nil {
		e = last
	}
	switch {
	case e.err != nil:
		return e.err
	case e.lost != nil:
		// What was seen stays on the screen; when the API server is back, the watch brings what is new.
		return nil
	}
	return l.look(ctx)
}

// look looks again and shows what it finds.
func (l *liveView) look(ctx context.Context) error {
	now, err := l.find(ctx)
	if err != nil {
		return err
	}
	for _, t := range now.watch {
		if err := l.follower.follow(ctx, t); err != nil {
			return err
		}
	}
	before := l.last
	l.last = now.lines
	if l.Console.Screen {
		return l.screen.draw(now.lines(l.options(l.wide)))
	}
	o := l.options(l.wide)
	if before == nil {
		return l.print(now.lines(o))
	}
	return l.print(view.News(o, before(o), now.lines(o)))
}

// tick draws ages again.
func (l *liveView) tick() error {
	if !l.Console.Screen {
		return nil
	}
	return l.screen.draw(l.last(l.options(l.wide)))
}

// trouble says that the connection was lost, for people who wait.
func trouble(err error) view.Line {
	return view.Line{{Text: fmt.Sprintf("connection lost, trying again: %s", explain(err)), Tone: view.Bad}}
}
