// Package calendar says when deployments may begin in an environment, from the freezes and windows that it lists.
//
// It is pure, as package promotion is: the present time and the rules of time zones are given to it. What it looks for
// it finds in a bounded number of steps, whatever is listed.
package calendar

import (
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// maxSteps bounds every walk from one stretch of time to the next. Who lists more than so many in a row is told that the
// end is not in sight.
const maxSteps = 100

// Calendar is what an Environment lists, ready to be asked. The zero value is always open.
type Calendar struct {
	freezes, windows []entry
}

// entry is a freeze or a window.
type entry struct {
	v1alpha1.Freeze
	zone *time.Location
	when occurrences
}

// occurrences are the stretches of time of an entry. None of them touches another.
type occurrences interface {
	// at returns the stretch that lasts at a moment; false where none does.
	at(moment time.Time) (stretch, bool)
	// after returns when the next stretch begins, of an entry that does not last at that moment; zero where none does.
	after(moment time.Time) time.Time
}

// stretch of time, up to but not including its end.
type stretch struct {
	end time.Time
	// endless says that it goes on after that, and that its end is not in sight.
	endless bool
}

// Span is one stretch of time of an entry: the one that lasts, or the one that comes next.
type Span struct {
	// Freeze is the entry.
	Freeze v1alpha1.Freeze
	// Zone in which people read its times.
	Zone *time.Location
	// Begin of the stretch, where it comes next.
	Begin time.Time
	// End of the stretch that lasts; zero where it is not in sight.
	End time.Time
	// looked is how far was looked for the end: to the end, where it is in sight.
	looked time.Time
}

// Answer says whether deployments may begin at a moment.
type Answer struct {
	// State at that moment.
	State v1alpha1.DeploymentsState
	// Freeze that lasts longest; nil where none lasts.
	Freeze *Span
	// Window that opens next where one is needed and none is open; nil where none opens any more, or none is needed.
	Window *Span
	// Windowless says that a window is needed and that none is open.
	Windowless bool
	// Until is when the state changes from Open to another, or to Open; zero where that is not in sight.
	Until time.Time
	// Again is when to look again: at Until, or as far as was looked; zero where nothing changes by itself any more.
	Again time.Time
}

// Open says whether deployments may begin.
func (a Answer) Open() bool { return a.State == v1alpha1.DeploymentsOpen }

// Empty says whether nothing is listed, so that it is always open.
func (c Calendar) Empty() bool { return len(c.freezes)+len(c.windows) == 0 }

// At says whether deployments may begin at a moment.
func (c Calendar) At(now time.Time) Answer {
	answer := Answer{State: v1alpha1.DeploymentsOpen, Freeze: c.frozen(now), Windowless: !c.inWindow(now)}
	if answer.Windowless {
		answer.State, answer.Window = v1alpha1.DeploymentsOutsideWindow, next(c.windows, now)
	}
	if answer.Freeze != nil {
		answer.State = v1alpha1.DeploymentsFrozen
	}
	look := c.closes
	if !answer.Open() {
		look = c.opens
	}
	inSight := false
	if answer.Again, inSight = look(now); inSight {
		answer.Until = answer.Again
	}
	return answer
}

// opens returns when deployments may begin next; or, with false, how far was looked for it: zero where nothing would
// change by itself.
func (c Calendar) opens(at time.Time) (time.Time, bool) {
	for range maxSteps {
		if freeze := c.frozen(at); freeze != nil {
			if freeze.End.IsZero() {
				return freeze.looked, false
			}
			at = freeze.End
			continue
		}
		if c.inWindow(at) {
			return at, true
		}
		window := next(c.windows, at)
		if window == nil {
			return time.Time{}, false
		}
		at = window.Begin
	}
	return at, false
}

// closes returns when deployments may no longer begin; or, with false, how far was looked for it: zero where nothing
// would change by itself.
func (c Calendar) closes(at time.Time) (time.Time, bool) {
	var limit time.Time
	if freeze := next(c.freezes, at); freeze != nil {
		limit = freeze.Begin
	}
	if len(c.windows) == 0 {
		return limit, !limit.IsZero()
	}
	for range maxSteps {
		window := lasting(c.windows, at)
		switch {
		case window == nil, !limit.IsZero() && !at.Before(limit):
			return earliest(at, limit), true
		case window.End.IsZero() && (limit.IsZero() || window.looked.Before(limit)):
			return window.looked, false
		}
		at = window.looked
	}
	return earliest(at, limit), false
}

// frozen returns the freeze that lasts longest; nil where none lasts.
func (c Calendar) frozen(at time.Time) *Span { return lasting(c.freezes, at) }

// inWindow says whether a window is open, or none is needed.
func (c Calendar) inWindow(at time.Time) bool {
	return len(c.windows) == 0 || lasting(c.windows, at) != nil
}

// lasting returns the stretch that lasts longest of those that last at a moment; nil where none does. Of two that end
// together it is the one that is listed first.
func lasting(entries []entry, at time.Time) *Span {
	var longest *Span
	for _, e := range entries {
		found, lasts := e.when.at(at)
		if !lasts {
			continue
		}
		span := &Span{Freeze: e.Freeze, Zone: e.zone, End: found.end, looked: found.end}
		if found.endless {
			span.End = time.Time{}
		}
		if longest == nil || span.outlasts(longest) {
			longest = span
		}
	}
	return longest
}

func (s *Span) outlasts(other *Span) bool {
	switch {
	case other.End.IsZero():
		return false
	case s.End.IsZero():
		return true
	}
	return s.End.After(other.End)
}

// next returns the stretch that begins first after a moment; nil where none does.
func next(entries []entry, at time.Time) *Span {
	var first *Span
	for _, e := range entries {
		begin := e.when.after(at)
		if !begin.IsZero() && (first == nil || begin.Before(first.Begin)) {
			first = &Span{Freeze: e.Freeze, Zone: e.zone, Begin: begin}
		}
	}
	return first
}

// earliest of two moments, of which the second may be none.
func earliest(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// Text writes a moment as people of a time zone read it, and in UTC.
func Text(moment time.Time, zone *time.Location) string {
	const layout = "2006-01-02 15:04"
	local, universal := moment.In(zone), moment.UTC()
	text := local.Format(layout + " MST")
	if _, offset := local.Zone(); offset == 0 {
		return text
	}
	if local.Format(time.DateOnly) == universal.Format(time.DateOnly) {
		return text + " (" + universal.Format("15:04 MST") + ")"
	}
	return text + " (" + universal.Format(layout+" MST") + ")"
}
