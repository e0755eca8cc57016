package calendar

import (
	"sort"
	"time"

	"github.com/robfig/cron/v3"
)

// maxChanges of the clocks that are looked through for a start: far more than a zone has in five years.
const maxChanges = 64

// once is a stretch of time that does not come back.
type once struct{ from, to time.Time }

func (o once) at(moment time.Time) (stretch, bool) {
	return stretch{end: o.to}, !moment.Before(o.from) && moment.Before(o.to)
}

func (o once) after(moment time.Time) time.Time {
	if o.from.After(moment) {
		return o.from
	}
	return time.Time{}
}

// recurring begins on a schedule, as the clocks of a zone show it, and lasts for a time that has to elapse.
//
// A start that the clocks skip is the moment at which they skip it: a freeze must not be left out because of that. One
// that they show twice counts the first time. A schedule of every hour means elapsed time rather than hours on a clock:
// it knows neither.
type recurring struct {
	// schedule, read as if every day had 24 hours.
	schedule  cron.Schedule
	everyHour bool
	zone      *time.Location
	duration  time.Duration
}

// at returns the stretch that lasts at a moment. Starts that come before the one before is over, or just then, make one
// stretch of both.
func (r recurring) at(moment time.Time) (stretch, bool) {
	begin := r.lastStart(moment)
	if begin.IsZero() {
		return stretch{}, false
	}
	for range maxSteps {
		end, following := begin.Add(r.duration), r.nextStart(begin)
		if following.IsZero() || following.After(end) {
			return stretch{end: end}, true
		}
		begin = following
	}
	return stretch{end: begin.Add(r.duration), endless: true}, true
}

func (r recurring) after(moment time.Time) time.Time { return r.nextStart(moment) }

// lastStart returns the last start up to a moment whose stretch lasts then; zero where none does. Of all that last it is
// the one that lasts longest, as all last as long.
func (r recurring) lastStart(moment time.Time) time.Time {
	before := moment.Add(-r.duration)
	later := func(seconds int) bool {
		start := r.nextStart(before.Add(time.Duration(seconds) * time.Second))
		return start.IsZero() || start.After(moment)
	}
	if later(0) {
		return time.Time{}
	}
	// From here on, no start comes up to the moment. The last one came within the second before: starts are minutes apart.
	none := sort.Search(int(r.duration/time.Second), later)
	return r.nextStart(before.Add(time.Duration(none-1) * time.Second))
}

// nextStart returns the first start after a moment; zero where there is none within five years.
func (r recurring) nextStart(moment time.Time) time.Time {
	if r.everyHour {
		return r.nextElapsed(moment)
	}
	for clock := r.schedule.Next(wall(moment, r.zone)); !clock.IsZero(); clock = r.schedule.Next(clock) {
		if start := momentOf(clock, r.zone); start.After(moment) {
			return start
		}
	}
	return time.Time{}
}

// nextElapsed looks for the next start from one change of the clocks to the next: in between, they go with the time.
func (r recurring) nextElapsed(moment time.Time) time.Time {
	clock := wall(moment, r.zone)
	for range maxChanges {
		shown := r.schedule.Next(clock)
		if shown.IsZero() {
			return time.Time{}
		}
		start := shown.Add(-offset(moment, r.zone))
		_, change := moment.In(r.zone).ZoneBounds()
		if change.IsZero() || start.Before(change) {
			return start
		}
		// The clocks change before that. What they show then may be a start itself.
		moment, clock = change, wall(change, r.zone).Add(-time.Second)
	}
	return time.Time{}
}

// wall is what the clocks of a zone show at a moment, as if it were UTC: a day of it always has 24 hours.
func wall(moment time.Time, zone *time.Location) time.Time {
	return moment.UTC().Add(offset(moment, zone))
}

// offset is by how much the clocks of a zone are ahead of UTC at a moment.
func offset(moment time.Time, zone *time.Location) time.Duration {
	_, seconds := moment.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// momentOf returns when the clocks of a zone show a time, given as wall gives it: the first moment where they show it
// twice, and the moment at which they skip it where they do.
func momentOf(clock time.Time, zone *time.Location) time.Time {
	// Where the time is shown once, this is it; else this lies beside the change that makes the difference.
	near := time.Date(clock.Year(), clock.Month(), clock.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, zone)
	before, after := near.ZoneBounds()
	for _, change := range []time.Time{before, after} {
		if change.IsZero() {
			continue
		}
		early := clock.Add(-offset(change.Add(-time.Second), zone))
		late := clock.Add(-offset(change, zone))
		switch {
		case early.Before(change) && !late.Before(change):
			return early
		case !early.Before(change) && late.Before(change):
			return change
		}
	}
	return near
}
