package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Problem is a freeze that makes no sense.
type Problem struct {
	// Freeze is the name of the entry.
	Freeze string
	// Message says what is wrong with it, and what to write instead.
	Message string
}

// parser of the five fields that cron has; Kubernetes reads the schedules of CronJobs with the same.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// everyHour are the bits of all hours in a schedule.
const everyHour = 1<<24 - 1

// reference is a moment from which every schedule that ever begins does so within the five years that are searched:
// a 29 February lies among them.
var reference = time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)

// New reads what an Environment lists. The zones are those that its freezes name; a name that is missing there is not
// known. It returns the first entry that makes no sense, or nil.
func New(freezes []v1alpha1.Freeze, zones map[string]*time.Location) (Calendar, *Problem) {
	var c Calendar
	for _, freeze := range freezes {
		e, problem := read(freeze, zones)
		if problem != "" {
			return Calendar{}, &Problem{Freeze: freeze.Name, Message: problem}
		}
		if freeze.Effect == v1alpha1.FreezeAllow {
			c.windows = append(c.windows, e)
			continue
		}
		c.freezes = append(c.freezes, e)
	}
	return c, nil
}

// read makes an entry of a freeze, or says what is wrong with it.
func read(freeze v1alpha1.Freeze, zones map[string]*time.Location) (entry, string) {
	e := entry{Freeze: freeze, zone: time.UTC}
	if freeze.TimeZone != "" && freeze.TimeZone != "UTC" {
		if e.zone = zones[freeze.TimeZone]; e.zone == nil {
			return e, fmt.Sprintf("timeZone %q is not known; write a name of the IANA time zone database, such as Europe/Berlin", freeze.TimeZone)
		}
	}
	if freeze.Schedule == "" {
		if freeze.FromTime == nil || freeze.ToTime == nil || !freeze.FromTime.Before(freeze.ToTime) {
			return e, "it never lasts; write a fromTime and a toTime that is later"
		}
		e.when = once{freeze.FromTime.Time, freeze.ToTime.Time}
		return e, ""
	}
	if freeze.DurationSeconds <= 0 {
		return e, "it never lasts; write durationSeconds"
	}
	spec, problem := readSchedule(freeze.Schedule)
	if problem != "" {
		return e, problem
	}
	e.when = recurring{
		schedule: spec, everyHour: spec.Hour&everyHour == everyHour, zone: e.zone,
		duration: time.Duration(freeze.DurationSeconds) * time.Second,
	}
	return e, ""
}

func readSchedule(schedule string) (*cron.SpecSchedule, string) {
	const wanted = "write five fields: minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC), day of week (0-6 or SUN-SAT), such as 0 18 * * FRI"
	if strings.ContainsAny(schedule, "=@") {
		// The parser takes a zone, and words such as @daily, which the fields of a Freeze say better.
		return nil, fmt.Sprintf("schedule %q is not understood; %s", schedule, wanted)
	}
	parsed, err := parser.Parse(schedule)
	if err != nil {
		return nil, fmt.Sprintf("schedule %q is not understood (%v); %s", schedule, err, wanted)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok || spec.Next(reference).IsZero() {
		return nil, fmt.Sprintf("schedule %q names a day that never comes; write a day of month that the month has", schedule)
	}
	return spec, ""
}
