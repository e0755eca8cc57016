package load

import (
	"math"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// defaultWarmUpSeconds is long enough for the addresses of a Service to settle after a rollout.
const defaultWarmUpSeconds = 5

// segment is a time in which the rate changes evenly from one value to another.
type segment struct {
	// start and length in seconds.
	start, length float64
	// from and to are requests per second.
	from, to float64
	// before is how many requests are due before the segment.
	before float64
}

// requests that are due within the segment.
func (s segment) requests() float64 { return (s.from + s.to) / 2 * s.length }

// at is when the request is due before which n others of this segment are, in seconds from its start.
func (s segment) at(n float64) float64 {
	if n <= 0 {
		return 0
	}
	// The rate is from + slope*x, so n = from*x + slope/2*x*x; solved in the form that loses no digits for a small slope.
	slope := (s.to - s.from) / s.length
	return 2 * n / (s.from + math.Sqrt(math.Max(0, s.from*s.from+2*slope*n)))
}

// Schedule says when each request is due. It is the same for all workers: they divide its requests among them.
type Schedule struct {
	segments []segment
	warmUp   time.Duration
	end      time.Duration
	total    uint64
}

// NewSchedule makes the schedule of a gate: the warm-up, then its rate or stages.
func NewSchedule(gate v1alpha1.LoadGate) Schedule {
	stages := gate.Stages
	if len(stages) == 0 {
		stages = []v1alpha1.LoadStage{{DurationSeconds: gate.DurationSeconds, RequestsPerSecond: &gate.RequestsPerSecond}}
	}
	warmUp := int32(defaultWarmUpSeconds)
	if gate.WarmUpSeconds != nil {
		warmUp = *gate.WarmUpSeconds
	}
	s := Schedule{warmUp: time.Duration(warmUp) * time.Second}
	// A ramp from nothing is warmed up for at its end.
	first := rates(stages[0])
	if first.from == 0 {
		first.from = first.to
	}
	s.add(segment{from: first.from, to: first.from, length: float64(warmUp)})
	for _, stage := range stages {
		s.add(rates(stage))
	}
	return s
}

func rates(stage v1alpha1.LoadStage) segment {
	var to int32
	if stage.RequestsPerSecond != nil {
		to = *stage.RequestsPerSecond
	}
	from := to
	if stage.FromPerSecond != nil {
		from = *stage.FromPerSecond
	}
	return segment{from: float64(from), to: float64(to), length: float64(stage.DurationSeconds)}
}

// add appends a segment; one without length or requests only passes time.
func (s *Schedule) add(next segment) {
	next.start = s.end.Seconds()
	if last := len(s.segments) - 1; last >= 0 {
		next.before = s.segments[last].before + s.segments[last].requests()
	}
	s.end += time.Duration(next.length * float64(time.Second))
	if next.length == 0 {
		return
	}
	s.segments = append(s.segments, next)
	s.total = uint64(math.Ceil(next.before + next.requests()))
}

// WarmUp is how long requests are sent that do not count.
func (s *Schedule) WarmUp() time.Duration { return s.warmUp }

// End is when the last request was due.
func (s *Schedule) End() time.Duration { return s.end }

// Total is the number of requests, those of the warm-up included.
func (s *Schedule) Total() uint64 { return s.total }

// Due is when a request is due, from the beginning; they are numbered from 0.
func (s *Schedule) Due(request uint64) time.Duration {
	n := float64(request)
	i := s.segmentOf(n)
	if i < 0 {
		return s.end
	}
	return time.Duration((s.segments[i].start + s.segments[i].at(n-s.segments[i].before)) * float64(time.Second))
}

// segmentOf finds the last segment that begins with at most n requests before it, and sends any.
func (s *Schedule) segmentOf(n float64) int {
	for i := len(s.segments) - 1; i >= 0; i-- {
		if s.segments[i].before <= n && s.segments[i].requests() > 0 {
			return i
		}
	}
	return -1
}

// Rate is how many requests per second are due at a time.
func (s *Schedule) Rate(at time.Duration) float64 {
	for _, part := range s.segments {
		if x := at.Seconds() - part.start; x >= 0 && x < part.length {
			return part.from + (part.to-part.from)*x/part.length
		}
	}
	return 0
}

// Share is the part of a schedule that one of several workers sends: every so many-th request, so that the workers
// together send exactly the schedule.
type Share struct {
	Schedule
	// Worker is the number of this one, from 0.
	Worker uint64
	// Workers is how many share the schedule.
	Workers uint64
}

// Requests of this worker.
func (s *Share) Requests() uint64 {
	if s.Total() <= s.Worker {
		return 0
	}
	return (s.Total()-s.Worker-1)/s.Workers + 1
}

// Number in the whole schedule of the n-th request of this worker.
func (s *Share) Number(n uint64) uint64 { return n*s.Workers + s.Worker }

// DueNth is when the n-th request of this worker is due.
func (s *Share) DueNth(n uint64) time.Duration { return s.Due(s.Number(n)) }

// WarmUpRequests of this worker: those that are due before the measured time.
func (s *Share) WarmUpRequests() uint64 {
	low, high := uint64(0), s.Requests()
	for low < high {
		if middle := low + (high-low)/2; s.DueNth(middle) < s.WarmUp() {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
