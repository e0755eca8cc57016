package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/load/result"
)

const (
	// open requests at once, of either generator, where each sends as fast as it can.
	open = 64
	// accurateRate is at what rate percentiles are compared.
	accurateRate = 1000
)

type bench struct {
	self, vegeta string
	address      string
	server       *exec.Cmd
	stdin        io.Closer
}

// start runs the server.
func start(ctx context.Context, vegeta string) (*bench, error) {
	if vegeta == "" {
		return nil, errors.New("there is nothing to compare with: -vegeta $(hack/tools/build.sh vegeta), or make bench-load")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &bench{self: self, vegeta: vegeta, server: exec.CommandContext(ctx, self, "serve")}
	b.server.Stderr = os.Stderr
	stdin, err := b.server.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := b.server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.server.Start(); err != nil {
		return nil, err
	}
	b.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	b.address = strings.TrimSpace(line)
	return b, nil
}

// stop ends the server by closing its input.
func (b *bench) stop() {
	_ = b.stdin.Close()
	_ = b.server.Wait()
}

func (b *bench) gate(path string, rate, seconds, warmUp, workers int32) v1alpha1.LoadGate {
	return v1alpha1.LoadGate{
		Targets:           []v1alpha1.LoadTarget{{URL: "http://" + b.address + path}},
		RequestsPerSecond: rate, DurationSeconds: seconds, WarmUpSeconds: &warmUp, Workers: workers,
	}
}

// worker is the command of one worker.
func (b *bench) worker(ctx context.Context, gate v1alpha1.LoadGate, number, maxOpen int) (*exec.Cmd, *bytes.Buffer, error) {
	spec, err := json.Marshal(gate)
	if err != nil {
		return nil, nil, err
	}
	command := exec.CommandContext(ctx, b.self, "work", "-gate", string(spec), "-worker", strconv.Itoa(number), "-max-open", strconv.Itoa(maxOpen)) //nolint:gosec // this very program
	output := &bytes.Buffer{}
	command.Stdout, command.Stderr = output, os.Stderr
	return command, output, nil
}

// accuracy compares percentiles with those of the server, with one worker and with four whose results are merged. It
// returns the worst error in percent.
func (b *bench) accuracy(ctx context.Context, seconds int) (float64, error) {
	worst := 0.0
	fmt.Printf("percentiles at %d requests a second for %d s, against a server that sleeps:\n", accurateRate, seconds)
	for _, workers := range []int32{1, 4} {
		figures, err := b.measure(ctx, workers, int32(seconds))
		if err != nil {
			return 0, err
		}
		if *figures.Failed > 0 || *figures.Intended != int64(seconds)*accurateRate {
			return 0, fmt.Errorf("%d of %d requests failed: %+v", *figures.Failed, *figures.Intended, figures.Failures)
		}
		for _, p := range []struct {
			percent int
			value   *int64
		}{{50, figures.P50Microseconds}, {95, figures.P95Microseconds}, {99, figures.P99Microseconds}} {
			want, got := truth(p.percent), time.Duration(*p.value)*time.Microsecond
			off := 100 * math.Abs(float64(got-want)) / float64(want)
			worst = max(worst, off)
			fmt.Printf("  %d worker(s)  p%d  truth %8.2f ms  measured %8.2f ms  error %.2f %%\n", workers, p.percent, milliseconds(want), milliseconds(got), off)
		}
		fmt.Printf("  %d worker(s)  %d significant digits, 99 of 100 requests sent at most %s late\n", workers, figures.SignificantDigits, time.Duration(*figures.LateMicroseconds)*time.Microsecond)
	}
	return worst, nil
}

// measure runs workers at the same time, and merges what they leave.
func (b *bench) measure(ctx context.Context, workers, seconds int32) (v1alpha1.LoadFigures, error) {
	gate := b.gate("/known", accurateRate, seconds, 2, workers)
	var commands []*exec.Cmd
	var outputs []*bytes.Buffer
	for number := range int(workers) {
		command, output, err := b.worker(ctx, gate, number, 0)
		if err != nil {
			return v1alpha1.LoadFigures{}, err
		}
		if err := command.Start(); err != nil {
			return v1alpha1.LoadFigures{}, err
		}
		commands, outputs = append(commands, command), append(outputs, output)
	}
	var failures []error
	for _, command := range commands {
		failures = append(failures, command.Wait())
	}
	if err := errors.Join(failures...); err != nil {
		return v1alpha1.LoadFigures{}, err
	}
	var results []*result.Worker
	for _, output := range outputs {
		one, err := result.Decode(strings.TrimSpace(output.String()))
		if err != nil {
			return v1alpha1.LoadFigures{}, err
		}
		results = append(results, one)
	}
	return result.Merge(results)
}

// speed of one run.
type speed struct {
	// perSecond is what the server saw, and perCore how many requests a second of the generator's CPU sent.
	perSecond, perCore float64
}

// compare lets both generators send as fast as they can, in turn, and returns how the medians compare: the lower of the
// rate and of the rate per core.
func (b *bench) compare(ctx context.Context, runs, seconds int) (float64, error) {
	gate := b.gate("/fast", 100_000, int32(seconds), 0, 1)
	// Its schedule asks for more than there can be; it stops when the time for its last answer is over.
	gate.RequestTimeoutSeconds = 1
	fmt.Printf("as fast as each can, %d requests open at once, %d runs in turn:\n", open, runs)
	var ours, theirs []speed
	for n := range runs {
		command, _, err := b.worker(ctx, gate, 0, open)
		if err != nil {
			return 0, err
		}
		own, err := b.time(ctx, command)
		if err != nil {
			return 0, fmt.Errorf("our run %d: %w", n+1, err)
		}
		other, err := b.time(ctx, b.attack(ctx, seconds))
		if err != nil {
			return 0, fmt.Errorf("vegeta's run %d: %w", n+1, err)
		}
		ours, theirs = append(ours, own), append(theirs, other)
		fmt.Printf("  run %d  ours %s   vegeta %s\n", n+1, own, other)
	}
	rate := median(ours, speed.rate) / median(theirs, speed.rate)
	core := median(ours, speed.core) / median(theirs, speed.core)
	fmt.Printf("  medians against vegeta: rate %.2f, rate per core %.2f\n", rate, core)
	return min(rate, core), nil
}

// attack is `vegeta attack` of the version whose library the generator is built on.
func (b *bench) attack(ctx context.Context, seconds int) *exec.Cmd {
	command := exec.CommandContext(ctx, b.vegeta, "attack", "-rate=0", "-max-workers="+strconv.Itoa(open), //nolint:gosec // as the flag says
		"-duration="+strconv.Itoa(seconds)+"s", "-timeout=1s", "-redirects=-1", "-http2=false", "-output="+os.DevNull)
	command.Stdin, command.Stderr = strings.NewReader("GET http://"+b.address+"/fast\n"), os.Stderr
	return command
}

// time runs a generator and asks the server what came of it.
func (b *bench) time(ctx context.Context, command *exec.Cmd) (speed, error) {
	if _, err := take(ctx, b.address); err != nil {
		return speed{}, err
	}
	if err := command.Run(); err != nil {
		return speed{}, err
	}
	seen, err := take(ctx, b.address)
	if err != nil {
		return speed{}, err
	}
	if seen.Requests < 1000 {
		return speed{}, fmt.Errorf("only %d requests came", seen.Requests)
	}
	cpu := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return speed{
		perSecond: float64(seen.Requests-1) / time.Duration(seen.LastNano-seen.FirstNano).Seconds(),
		perCore:   float64(seen.Requests) / cpu.Seconds(),
	}, nil
}

func (s speed) rate() float64 { return s.perSecond }

func (s speed) core() float64 { return s.perCore }

func (s speed) String() string {
	return fmt.Sprintf("%6.0f/s, %6.0f/s per core, %5.1f ms CPU per 1,000", s.perSecond, s.perCore, 1e6/s.perCore)
}

func median(speeds []speed, of func(speed) float64) float64 {
	var values []float64
	for _, s := range speeds {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
