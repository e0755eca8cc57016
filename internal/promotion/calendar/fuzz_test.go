package calendar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// FuzzAt lists freezes and windows as the bytes say, near a change of the clocks or far from one, and compares every
// answer with what comes of looking at each minute.
func FuzzAt(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(8) {
		f.Add(randomBytes(seed))
	}
	f.Fuzz(compare)
}

// TestRandomCalendars compares what random bytes say: the same as FuzzAt, without its search for new paths.
func TestRandomCalendars(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { compare(t, randomBytes(1000+seed)) })
	}
}

func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // it has to be the same every time.
	bytes := make([]byte, 60)
	for i := range bytes {
		bytes[i] = byte(r.UintN(256))
	}
	return bytes
}

// dice are thrown from bytes; once they are used up, every throw is 0.
type dice struct{ bytes []byte }

func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	n := int(d.bytes[0]) % sides
	d.bytes = d.bytes[1:]
	return n
}

func choose[T any](d *dice, values ...T) T { return values[d.roll(len(values))] }

// scan is how far the oracle looks ahead, and how long an entry lasts at most.
const scan = 60 * time.Hour

// listed is one entry as the oracle sees it.
type listed struct {
	freeze v1alpha1.Freeze
	zone   *time.Location
	// minutes, hours, days of the month and of the week; an empty list is every one.
	minutes, hours, days, weekdays []int
	// starts in order, by looking at each minute.
	starts []time.Time
}

func compare(t *testing.T, bytes []byte) {
	d := &dice{bytes}
	now := choose(d, "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-10-03T15:30:00Z", "2026-08-03T00:00:00Z", "2026-02-28T00:00:00Z")
	moment := at(t, now).Add(time.Duration(d.roll(256)-128) * 13 * time.Minute)
	var entries []listed
	var freezes []v1alpha1.Freeze
	for i := range 1 + d.roll(4) {
		entries = append(entries, randomEntry(t, d, fmt.Sprint("f", i)))
		entries[i].look(moment)
		freezes = append(freezes, entries[i].freeze)
	}
	times := must(t, freezes...)
	answer := times.At(moment)
	if want := open(entries, moment); answer.Open() != want {
		t.Fatalf("at %s it is %s; looking at each minute says open=%t\n%s", moment, says(answer), want, text(entries))
	}
	for m := moment.Add(time.Minute); m.Before(moment.Add(scan)); m = m.Add(time.Minute) {
		notInSight := answer.Until.IsZero() && !answer.Again.After(m)
		if changed := open(entries, m) != answer.Open(); changed || m.Equal(answer.Until) {
			if !changed || !m.Equal(answer.Until) && !notInSight {
				t.Fatalf("at %s it is %s; looking at each minute, it changes at %s: %t\n%s", moment, says(answer), m, changed, text(entries))
			}
			return
		}
	}
}

func text(entries []listed) string {
	var all string
	for _, e := range entries {
		all += fmt.Sprintf("%s %s: %s for %ds in %s\n", e.freeze.Effect, e.freeze.Name, e.freeze.Schedule, e.freeze.DurationSeconds, e.zone)
	}
	return all
}

func randomEntry(t *testing.T, d *dice, name string) listed {
	e := listed{minutes: choose(d, []int{0}, []int{30}, []int{15, 45}, []int{59}, nil)}
	e.hours = choose(d, []int{2}, []int{1}, []int{0, 12}, []int{3}, []int{22, 23}, []int{1, 2}, nil)
	e.days, e.weekdays = choose(d, nil, nil, []int{1, 8, 25, 29}), choose(d, nil, nil, []int{0}, []int{5, 6})
	e.freeze.Name, e.freeze.Effect = name, choose(d, v1alpha1.FreezeDeny, v1alpha1.FreezeAllow)
	e.freeze.Schedule = fmt.Sprintf("%s %s %s * %s", field(e.minutes), field(e.hours), field(e.days), field(e.weekdays))
	e.freeze.DurationSeconds = choose[int32](d, 60, 600, 1800, 3600, 5400, 7200, 28800, 86400)
	e.freeze.TimeZone = choose(d, berlin, newYork, "UTC", lordHowe)
	zone, err := time.LoadLocation(e.freeze.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	e.zone = zone
	return e
}

func field(numbers []int) string {
	if numbers == nil {
		return "*"
	}
	written := ""
	for _, n := range numbers {
		written += fmt.Sprint(",", n)
	}
	return written[1:]
}

// look finds the starts from a day and a half before a moment until the end of the scan, minute by minute.
func (e *listed) look(moment time.Time) {
	last := map[string]time.Time{}
	for m := moment.Add(-36 * time.Hour); m.Before(moment.Add(scan + 36*time.Hour)); m = m.Add(time.Minute) {
		clock := m.In(e.zone)
		shown, again := clock.Format("2006-01-02 15:04"), false
		if before, seen := last[shown]; seen && !before.Equal(m) {
			again = true
		}
		last[shown] = m
		starts := e.matches(clock) && (e.hours == nil || !again)
		if e.hours != nil {
			starts = starts || e.skipped(m)
		}
		if starts {
			e.starts = append(e.starts, m)
		}
	}
}

// skipped says whether the clocks skip a start at a moment.
func (e *listed) skipped(m time.Time) bool {
	_, before := m.Add(-time.Minute).In(e.zone).Zone()
	_, after := m.In(e.zone).Zone()
	for jump := range (after - before) / 60 {
		// What they would have shown: a zone that does not change gives it the name of a weekday and a month.
		would := m.In(time.FixedZone("before", before)).Add(time.Duration(jump) * time.Minute)
		if e.matches(would) {
			return true
		}
	}
	return false
}

func (e *listed) matches(clock time.Time) bool {
	one := func(numbers []int, n int) bool { return numbers == nil || slices.Contains(numbers, n) }
	day := one(e.days, clock.Day()) && one(e.weekdays, int(clock.Weekday()))
	if e.days != nil && e.weekdays != nil {
		day = one(e.days, clock.Day()) || one(e.weekdays, int(clock.Weekday()))
	}
	return day && one(e.minutes, clock.Minute()) && one(e.hours, clock.Hour())
}

func (e *listed) lasts(m time.Time) bool {
	i := sort.Search(len(e.starts), func(i int) bool { return e.starts[i].After(m) })
	return i > 0 && m.Before(e.starts[i-1].Add(time.Duration(e.freeze.DurationSeconds)*time.Second))
}

func open(entries []listed, m time.Time) bool {
	windows, inside := false, false
	for i := range entries {
		e := &entries[i]
		switch {
		case e.freeze.Effect == v1alpha1.FreezeAllow:
			windows, inside = true, inside || e.lasts(m)
		case e.lasts(m):
			return false
		}
	}
	return inside || !windows
}
