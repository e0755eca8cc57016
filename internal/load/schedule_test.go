package load

import (
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func stage(seconds, from, to int32) v1alpha1.LoadStage {
	return v1alpha1.LoadStage{DurationSeconds: seconds, FromPerSecond: &from, RequestsPerSecond: &to}
}

func TestSchedule(t *testing.T) {
	for name, test := range map[string]struct {
		gate  v1alpha1.LoadGate
		total uint64
		due   map[uint64]time.Duration
	}{
		"a constant rate": {
			gate:  MakeGate().Rate(200, 10).WarmUp(0).Obj(),
			total: 2000,
			due:   map[uint64]time.Duration{0: 0, 1: 5 * time.Millisecond, 1999: 9995 * time.Millisecond},
		},
		"a warm-up comes before": {
			gate:  MakeGate().Rate(10, 2).WarmUp(3).Obj(),
			total: 50,
			due:   map[uint64]time.Duration{0: 0, 30: 3 * time.Second, 49: 4900 * time.Millisecond},
		},
		"the default warm-up": {
			gate:  MakeGate().Rate(10, 1).Obj(),
			total: 60,
			due:   map[uint64]time.Duration{50: 5 * time.Second},
		},
		// From 0 to 100 within 10 s: t*t*5 are due by t.
		"a ramp": {
			gate:  MakeGate().Stages(stage(10, 0, 100)).WarmUp(0).Obj(),
			total: 500,
			due:   map[uint64]time.Duration{0: 0, 5: time.Second, 125: 5 * time.Second, 320: 8 * time.Second},
		},
		"a ramp down": {
			gate:  MakeGate().Stages(stage(10, 100, 0)).WarmUp(0).Obj(),
			total: 500,
			due:   map[uint64]time.Duration{0: 0, 375: 5 * time.Second, 495: 9 * time.Second},
		},
		"stages": {
			gate:  MakeGate().Stages(stage(2, 10, 10), stage(2, 10, 30), stage(1, 50, 50)).WarmUp(1).Obj(),
			total: 10 + 20 + 40 + 50,
			due:   map[uint64]time.Duration{10: time.Second, 29: 2900 * time.Millisecond, 30: 3 * time.Second, 70: 5 * time.Second, 119: 5980 * time.Millisecond},
		},
		"a ramp from nothing is warmed up for at its end": {
			gate:  MakeGate().Stages(stage(2, 0, 10)).WarmUp(1).Obj(),
			total: 20,
			due:   map[uint64]time.Duration{9: 900 * time.Millisecond, 10: time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			schedule := NewSchedule(test.gate)
			if schedule.Total() != test.total {
				t.Errorf("%d requests, want %d", schedule.Total(), test.total)
			}
			for n, want := range test.due {
				if got := schedule.Due(n); (got - want).Abs() > time.Microsecond {
					t.Errorf("request %d is due after %s, want %s", n, got, want)
				}
			}
			before := time.Duration(-1)
			for n := range schedule.Total() {
				due := schedule.Due(n)
				if due < before || due > schedule.End() {
					t.Fatalf("request %d is due after %s, the one before after %s, the end is %s", n, due, before, schedule.End())
				}
				before = due
			}
		})
	}
}

func TestWorkersTogetherSendTheSchedule(t *testing.T) {
	gate := MakeGate().Stages(stage(2, 3, 40), stage(1, 7, 7)).WarmUp(2).Obj()
	for _, workers := range []uint64{1, 2, 3, 7, 200} {
		schedule := NewSchedule(gate)
		sent := map[uint64]int{}
		measured := uint64(0)
		for worker := range workers {
			share := Share{Schedule: schedule, Worker: worker, Workers: workers}
			for n := range share.Requests() {
				sent[share.Number(n)]++
				if (n < share.WarmUpRequests()) != (share.DueNth(n) < share.WarmUp()) {
					t.Errorf("%d workers: request %d of worker %d is on the wrong side of the warm-up", workers, n, worker)
				}
			}
			measured += share.Requests() - share.WarmUpRequests()
		}
		for n := range schedule.Total() {
			if sent[n] != 1 {
				t.Errorf("%d workers: request %d is sent %d times", workers, n, sent[n])
			}
		}
		if uint64(len(sent)) != schedule.Total() || measured != 43+7 {
			t.Errorf("%d workers send %d requests of %d, and measure %d", workers, len(sent), schedule.Total(), measured)
		}
	}
}

func TestScheduleRate(t *testing.T) {
	schedule := NewSchedule(MakeGate().Stages(stage(10, 0, 100), stage(1, 50, 50)).WarmUp(1).Obj())
	for at, want := range map[time.Duration]float64{0: 100, time.Second: 0, 6 * time.Second: 50, 11 * time.Second: 50, time.Minute: 0} {
		if got := schedule.Rate(at); got != want {
			t.Errorf("%g per second at %s, want %g", got, at, want)
		}
	}
}
