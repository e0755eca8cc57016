package calendar

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// names of zones that tests write.
const (
	berlin  = "Europe/Berlin"
	newYork = "America/New_York"
	// lordHowe changes its clocks by half an hour.
	lordHowe = "Australia/Lord_Howe"
)

// at reads a moment, as RFC 3339 writes it.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func zones(t testing.TB, freezes ...v1alpha1.Freeze) map[string]*time.Location {
	t.Helper()
	found := map[string]*time.Location{}
	for _, f := range freezes {
		if zone, err := time.LoadLocation(f.TimeZone); err == nil {
			found[f.TimeZone] = zone
		}
	}
	return found
}

func must(t testing.TB, freezes ...v1alpha1.Freeze) Calendar {
	t.Helper()
	c, problem := New(freezes, zones(t, freezes...))
	if problem != nil {
		t.Fatalf("freeze %s: %s", problem.Freeze, problem.Message)
	}
	return c
}

// freeze comes back on a schedule.
func freeze(name, schedule string, duration time.Duration, zone string) v1alpha1.Freeze {
	return v1alpha1.Freeze{Name: name, Schedule: schedule, DurationSeconds: int32(duration / time.Second), TimeZone: zone} //nolint:gosec // within the schema's limits.
}

func window(name, schedule string, duration time.Duration, zone string) v1alpha1.Freeze {
	f := freeze(name, schedule, duration, zone)
	f.Effect = v1alpha1.FreezeAllow
	return f
}

// single is there once.
func single(t testing.TB, name, from, to string) v1alpha1.Freeze {
	begin, end := metav1.NewTime(at(t, from)), metav1.NewTime(at(t, to))
	return v1alpha1.Freeze{Name: name, FromTime: &begin, ToTime: &end}
}

// says writes an answer in one line: the state, what decides, and until when, in UTC.
func says(a Answer) string {
	text := string(a.State)
	switch {
	case a.Freeze != nil:
		text += " by " + a.Freeze.Freeze.Name
	case a.Window != nil:
		text += " until " + a.Window.Freeze.Name
	}
	switch {
	case !a.Until.IsZero():
		return text + ", " + a.Until.UTC().Format("Mon 01-02 15:04:05")
	case a.Again.IsZero():
		return text + ", for ever"
	}
	return text + ", end not in sight"
}

// A case asks one calendar at several moments.
type calendarCase struct {
	name    string
	reason  string
	freezes []v1alpha1.Freeze
	// want holds pairs of a moment and an answer.
	want [][2]string
}

func ask(t *testing.T, cases []calendarCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			times := must(t, c.freezes...)
			for _, pair := range c.want {
				if got := says(times.At(at(t, pair[0]))); got != pair[1] {
					t.Errorf("%s: at %s it is\n%s, want\n%s", c.reason, pair[0], got, pair[1])
				}
			}
		})
	}
}

func TestFreezesAndWindows(t *testing.T) {
	const day = 24 * time.Hour
	weekend := freeze("weekend", "0 18 * * FRI", 60*time.Hour, "UTC")
	office := window("office", "0 9 * * MON-FRI", 8*time.Hour, "")
	year := single(t, "year", "2026-08-01T00:00:00Z", "2027-08-01T00:00:00Z")
	ask(t, []calendarCase{
		{"nothing listed", "always open", nil, [][2]string{{"2026-08-03T12:00:00Z", "Open, for ever"}}},
		{"a freeze that comes back", "from its start, up to its end", []v1alpha1.Freeze{weekend}, [][2]string{
			{"2026-08-07T17:59:59Z", "Open, Fri 08-07 18:00:00"},
			{"2026-08-07T18:00:00Z", "Frozen by weekend, Mon 08-10 06:00:00"},
			{"2026-08-10T05:59:59Z", "Frozen by weekend, Mon 08-10 06:00:00"},
			{"2026-08-10T06:00:00Z", "Open, Fri 08-14 18:00:00"},
		}},
		{"a freeze that is there once", "and never again", []v1alpha1.Freeze{single(t, "audit", "2026-08-03T12:00:30Z", "2026-08-03T13:00:00Z")}, [][2]string{
			{"2026-08-03T12:00:29Z", "Open, Mon 08-03 12:00:30"},
			{"2026-08-03T12:00:30Z", "Frozen by audit, Mon 08-03 13:00:00"},
			{"2026-08-03T13:00:00Z", "Open, for ever"},
		}},
		{"a window", "open in it only", []v1alpha1.Freeze{office}, [][2]string{
			{"2026-08-03T08:59:59Z", "OutsideWindow until office, Mon 08-03 09:00:00"},
			{"2026-08-03T09:00:00Z", "Open, Mon 08-03 17:00:00"},
			{"2026-08-07T17:00:00Z", "OutsideWindow until office, Mon 08-10 09:00:00"},
		}},
		{"a window that is over for good", "nothing opens any more", []v1alpha1.Freeze{func() v1alpha1.Freeze {
			f := single(t, "launch", "2026-08-03T12:00:00Z", "2026-08-03T13:00:00Z")
			f.Effect = v1alpha1.FreezeAllow
			return f
		}()}, [][2]string{
			{"2026-08-03T11:00:00Z", "OutsideWindow until launch, Mon 08-03 12:00:00"},
			{"2026-08-03T14:00:00Z", "OutsideWindow, for ever"},
		}},
		{"Deny wins over Allow", "and it opens when both say so", []v1alpha1.Freeze{office, freeze("lunch", "0 12 * * *", time.Hour, ""), freeze("late", "30 16 * * *", time.Hour, "")}, [][2]string{
			{"2026-08-03T10:00:00Z", "Open, Mon 08-03 12:00:00"},
			{"2026-08-03T12:30:00Z", "Frozen by lunch, Mon 08-03 13:00:00"},
			{"2026-08-03T16:45:00Z", "Frozen by late, Tue 08-04 09:00:00"},
			{"2026-08-03T17:30:00Z", "OutsideWindow until office, Tue 08-04 09:00:00"},
		}},
		{"two windows that overlap", "make one", []v1alpha1.Freeze{office, window("evening", "0 16 * * MON", 4*time.Hour, "")}, [][2]string{
			{"2026-08-03T10:00:00Z", "Open, Mon 08-03 20:00:00"},
		}},
		{"two freezes that overlap", "the one that lasts longest decides, and it opens after both", []v1alpha1.Freeze{
			single(t, "long", "2026-08-03T12:00:00Z", "2026-08-03T15:00:00Z"), single(t, "short", "2026-08-03T12:00:00Z", "2026-08-03T13:00:00Z"),
			single(t, "next", "2026-08-03T14:00:00Z", "2026-08-03T16:00:00Z"),
		}, [][2]string{{"2026-08-03T12:30:00Z", "Frozen by long, Mon 08-03 16:00:00"}}},
		{"starts that come before the one before is over", "make one stretch", []v1alpha1.Freeze{freeze("batch", "0 8,9,10 * * *", 90*time.Minute, "")}, [][2]string{
			{"2026-08-03T08:30:00Z", "Frozen by batch, Mon 08-03 11:30:00"},
		}},
		{"starts that come just when the one before is over", "leave no gap", []v1alpha1.Freeze{freeze("batch", "0 8-17 * * *", time.Hour, "")}, [][2]string{
			{"2026-08-03T08:59:59Z", "Frozen by batch, Mon 08-03 18:00:00"}, {"2026-08-03T09:00:00Z", "Frozen by batch, Mon 08-03 18:00:00"},
		}},
		{"a freeze that begins again before it is over, always", "its end is not in sight", []v1alpha1.Freeze{freeze("all", "0 * * * *", time.Hour, "")}, [][2]string{
			{"2026-08-03T08:59:59Z", "Frozen by all, end not in sight"},
		}},
		{"a window that never closes", "its end is not in sight", []v1alpha1.Freeze{window("all", "* * * * *", time.Minute, "")}, [][2]string{
			{"2026-08-03T08:59:59Z", "Open, end not in sight"},
		}},
		{"a window that never closes, and a freeze", "the freeze ends it", []v1alpha1.Freeze{window("all", "0 * * * *", 2*time.Hour, ""), freeze("lunch", "0 12 * * *", time.Hour, "")}, [][2]string{
			{"2026-08-03T08:59:59Z", "Open, Mon 08-03 12:00:00"}, {"2026-08-03T12:00:00Z", "Frozen by lunch, Mon 08-03 13:00:00"},
		}},
		{"a year that is frozen, and windows every day", "the way through is short", []v1alpha1.Freeze{year, window("daily", "0 9 * * *", time.Hour, "")}, [][2]string{
			{"2026-08-03T09:30:00Z", "Frozen by year, Sun 08-01 09:00:00"},
		}},
		{"a freeze of a whole year, once a year", "it is never over", []v1alpha1.Freeze{freeze("year", "0 0 1 1 *", 365*day, "")}, [][2]string{
			{"2026-08-03T09:30:00Z", "Frozen by year, Sun 12-31 00:00:00"},
		}},
		{"a 29 February", "comes in 2028", []v1alpha1.Freeze{freeze("leap", "0 0 29 2 *", day, "")}, [][2]string{
			{"2026-08-03T09:30:00Z", "Open, Tue 02-29 00:00:00"},
		}},
		{"day of month or day of week", "where both are given, either counts, as in cron", []v1alpha1.Freeze{freeze("odd", "0 0 13 * FRI", time.Hour, "")}, [][2]string{
			{"2026-08-06T00:30:00Z", "Open, Fri 08-07 00:00:00"}, {"2026-08-08T00:30:00Z", "Open, Thu 08-13 00:00:00"},
		}},
	})
}

// The clocks of Berlin go from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC, and from 03:00 to 02:00 on 25 October 2026,
// at 01:00 UTC; those of New York from 02:00 to 03:00 on 8 March, at 07:00 UTC, and from 02:00 to 01:00 on 1 November, at
// 06:00 UTC.
func TestDaylightSaving(t *testing.T) {
	ask(t, []calendarCase{
		{"a start that the clocks skip", "is when they skip it: the freeze is not left out", []v1alpha1.Freeze{freeze("night", "30 2 * * *", time.Hour, berlin)}, [][2]string{
			{"2026-03-28T01:00:00Z", "Open, Sat 03-28 01:30:00"},
			{"2026-03-29T00:59:59Z", "Open, Sun 03-29 01:00:00"},
			{"2026-03-29T01:00:00Z", "Frozen by night, Sun 03-29 02:00:00"},
			{"2026-03-29T02:00:00Z", "Open, Mon 03-30 00:30:00"},
		}},
		{"a start that the clocks show twice", "counts once, the first time", []v1alpha1.Freeze{freeze("night", "30 2 * * *", time.Hour, berlin)}, [][2]string{
			{"2026-10-25T00:29:59Z", "Open, Sun 10-25 00:30:00"},
			{"2026-10-25T00:30:00Z", "Frozen by night, Sun 10-25 01:30:00"},
			{"2026-10-25T01:30:00Z", "Open, Mon 10-26 01:30:00"},
		}},
		{"New York, skipped", "the same there", []v1alpha1.Freeze{freeze("night", "15 2 * * *", 30*time.Minute, newYork)}, [][2]string{
			{"2026-03-07T07:20:00Z", "Frozen by night, Sat 03-07 07:45:00"},
			{"2026-03-08T06:59:59Z", "Open, Sun 03-08 07:00:00"},
			{"2026-03-08T07:00:00Z", "Frozen by night, Sun 03-08 07:30:00"},
			{"2026-03-08T07:30:00Z", "Open, Mon 03-09 06:15:00"},
		}},
		{"New York, twice", "the same there", []v1alpha1.Freeze{freeze("night", "30 1 * * *", 45*time.Minute, newYork)}, [][2]string{
			{"2026-11-01T05:30:00Z", "Frozen by night, Sun 11-01 06:15:00"},
			{"2026-11-01T06:30:00Z", "Open, Mon 11-02 06:30:00"},
		}},
		{"a weekend in which the clocks go forward", "it lasts 60 hours, and ends at 07:00 instead of 06:00 on the clock", []v1alpha1.Freeze{freeze("weekend", "0 18 * * FRI", 60*time.Hour, berlin)}, [][2]string{
			{"2026-03-27T17:00:00Z", "Frozen by weekend, Mon 03-30 05:00:00"},
			{"2026-04-03T16:00:00Z", "Frozen by weekend, Mon 04-06 04:00:00"},
		}},
		{"a weekend in which they go back", "it lasts 60 hours, and ends at 05:00 instead of 06:00 on the clock", []v1alpha1.Freeze{freeze("weekend", "0 18 * * FRI", 60*time.Hour, berlin)}, [][2]string{
			{"2026-10-23T16:00:00Z", "Frozen by weekend, Mon 10-26 04:00:00"},
		}},
		{"every hour, when the clocks go back", "the hour that they show twice has a start each time", []v1alpha1.Freeze{freeze("quarter", "0 * * * *", 15*time.Minute, berlin)}, [][2]string{
			{"2026-10-25T00:00:00Z", "Frozen by quarter, Sun 10-25 00:15:00"},
			{"2026-10-25T00:30:00Z", "Open, Sun 10-25 01:00:00"},
			{"2026-10-25T01:00:00Z", "Frozen by quarter, Sun 10-25 01:15:00"},
			{"2026-10-25T01:30:00Z", "Open, Sun 10-25 02:00:00"},
		}},
		{"every hour, when they go forward", "there is no hour in between", []v1alpha1.Freeze{freeze("quarter", "0 * * * *", 15*time.Minute, berlin)}, [][2]string{
			{"2026-03-29T00:30:00Z", "Open, Sun 03-29 01:00:00"},
			{"2026-03-29T01:00:00Z", "Frozen by quarter, Sun 03-29 01:15:00"},
		}},
		{"clocks that change by half an hour", "02:15 is skipped on 4 October 2026, at 15:30 UTC the day before", []v1alpha1.Freeze{freeze("night", "15 2 * * *", 10*time.Minute, lordHowe)}, [][2]string{
			{"2026-10-03T15:29:59Z", "Open, Sat 10-03 15:30:00"}, {"2026-10-03T15:30:00Z", "Frozen by night, Sat 10-03 15:40:00"},
		}},
		{"a window over the change", "it is open for its two hours", []v1alpha1.Freeze{window("night", "0 1 * * *", 2*time.Hour, berlin)}, [][2]string{
			{"2026-03-29T00:00:00Z", "Open, Sun 03-29 02:00:00"}, {"2026-10-24T23:30:00Z", "Open, Sun 10-25 01:00:00"},
		}},
	})
}

func TestWhatMakesNoSense(t *testing.T) {
	cases := []struct {
		name   string
		freeze v1alpha1.Freeze
		says   string
	}{
		{"30 February", freeze("f", "0 0 30 2 *", time.Hour, ""), "names a day that never comes"},
		{"31 April and 31 June", freeze("f", "0 0 31 4,6 *", time.Hour, ""), "names a day that never comes"},
		{"four fields", freeze("f", "0 0 * *", time.Hour, ""), "write five fields: minute (0-59)"},
		{"six fields", freeze("f", "0 0 0 * * *", time.Hour, ""), "write five fields"},
		{"an hour too many", freeze("f", "0 24 * * *", time.Hour, ""), "write five fields"},
		{"Sunday as 7", freeze("f", "0 0 * * 7", time.Hour, ""), "day of week (0-6 or SUN-SAT)"},
		{"a word", freeze("f", "@daily", time.Hour, ""), "write five fields"},
		{"a zone in the schedule", freeze("f", "TZ=UTC", time.Hour, ""), "write five fields"},
		{"no such zone", freeze("f", "0 0 * * *", time.Hour, "Europe/Atlantis"), `timeZone "Europe/Atlantis" is not known`},
		{"no such zone, once", func() v1alpha1.Freeze {
			f := single(t, "f", "2026-08-03T12:00:00Z", "2026-08-03T13:00:00Z")
			f.TimeZone = "Europe/Atlantis"
			return f
		}(), "is not known"},
		{"no duration", freeze("f", "0 0 * * *", 0, ""), "write durationSeconds"},
		{"no times at all", v1alpha1.Freeze{Name: "f"}, "write a fromTime"},
		{"over before it begins", single(t, "f", "2026-08-03T13:00:00Z", "2026-08-03T13:00:00Z"), "a toTime that is later"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fine := freeze("fine", "0 0 * * *", time.Hour, berlin)
			_, problem := New([]v1alpha1.Freeze{fine, c.freeze}, zones(t, fine, c.freeze))
			if problem == nil || problem.Freeze != "f" || !strings.Contains(problem.Message, c.says) {
				t.Errorf("problem %+v, want one of f that says %q", problem, c.says)
			}
		})
	}
}

func TestText(t *testing.T) {
	moment := at(t, "2026-03-29T23:30:00Z")
	for zone, want := range map[string]string{
		"UTC": "2026-03-29 23:30 UTC", berlin: "2026-03-30 01:30 CEST (2026-03-29 23:30 UTC)", newYork: "2026-03-29 19:30 EDT (23:30 UTC)",
	} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := Text(moment, location); got != want {
			t.Errorf("%s: %q, want %q", zone, got, want)
		}
	}
}

// Whatever is listed, an answer takes a bounded number of steps: the worst that the schema lets through.
func TestTheWorstIsBounded(t *testing.T) {
	var freezes []v1alpha1.Freeze
	for i := range 16 {
		freezes = append(freezes,
			window(fmt.Sprint("w", i), "* * * * 1-5", time.Minute, lordHowe), freeze(fmt.Sprint("f", i), fmt.Sprint(i, ",30-59 */2 * * 0,6"), time.Minute, newYork))
	}
	times := must(t, freezes...)
	looks := 0
	for _, entries := range [][]entry{times.freezes, times.windows} {
		for i := range entries {
			r, _ := entries[i].when.(recurring)
			r.schedule = counted{r.schedule, &looks}
			entries[i].when = r
		}
	}
	answer := times.At(at(t, "2026-08-03T12:00:30Z"))
	if limit := len(freezes) * maxSteps * maxSteps; looks == 0 || looks > limit {
		t.Errorf("%d looks at a schedule for %s, want at most %d", looks, says(answer), limit)
	}
}

// counted counts the looks at a schedule.
type counted struct {
	cron.Schedule
	looks *int
}

func (c counted) Next(moment time.Time) time.Time {
	*c.looks++
	return c.Schedule.Next(moment)
}
