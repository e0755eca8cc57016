package junit

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/sluice-dev/sluice/internal/termination"
)

// shortMessage is what is kept of a failure's message where the whole does not fit.
const shortMessage = 120

// Summary is what the runner leaves of the reports of a test. It is written next to the test, so that whoever reads it has
// to take it for what the test says of itself.
type Summary struct {
	// Reports is how many files were read.
	Reports int32 `json:"reports"`
	// Passed, Failed and Skipped test cases; Failed holds those that are only claimed, too.
	Passed  int32 `json:"passed"`
	Failed  int32 `json:"failed"`
	Skipped int32 `json:"skipped"`
	// Milliseconds that the test cases took together.
	Milliseconds int64 `json:"milliseconds,omitempty"`
	// Failures are the first of those that failed.
	Failures []Failure `json:"failures,omitempty"`
	// MustPass is what was found of tests that must pass, in the order of the expressions.
	MustPass []Found `json:"mustPass,omitempty"`
	// Problem says why reports could not be read, or the test could not be started; empty where all is well.
	Problem string `json:"problem,omitempty"`
}

// Found is what was found of the tests that one expression names.
type Found struct {
	// Passed is how many passed, NotPassed how many did not, and First the first of these.
	Passed    int32  `json:"passed"`
	NotPassed int32  `json:"notPassed,omitempty"`
	First     string `json:"first,omitempty"`
}

// Summarize makes the summary of what was read of so many files.
func Summarize(r *Report, files int, problem string) Summary {
	s := Summary{
		Reports: int32(min(files, maxCases)), Passed: int32(r.Passed), Failed: int32(r.Bad()), Skipped: int32(r.Skipped),
		Milliseconds: min(r.Milliseconds, maxMilliseconds), Failures: slices.Clone(r.Failures), Problem: termination.OneLine(problem, maxMessage),
	}
	for _, p := range r.Patterns {
		s.MustPass = append(s.MustPass, Found{Passed: int32(p.Passed), NotPassed: int32(p.NotPassed), First: p.First})
	}
	return s
}

// Encode writes a summary in at most termination.MaxBytes bytes: what does not fit is left out of the failures, their messages first.
func (s Summary) Encode() ([]byte, error) {
	s.Failures, s.MustPass = slices.Clone(s.Failures), slices.Clone(s.MustPass)
	for {
		text, err := json.Marshal(s)
		if err != nil || len(text) <= termination.MaxBytes {
			return text, err
		}
		if !s.shorten() {
			return nil, fmt.Errorf("%d bytes of summary do not fit into %d", len(text), termination.MaxBytes)
		}
	}
}

// shorten leaves something out; false where nothing is left to leave out.
func (s *Summary) shorten() bool {
	for i := len(s.Failures) - 1; i >= 0; i-- {
		if f := &s.Failures[i]; len(f.Message) > shortMessage {
			f.Message = termination.OneLine(f.Message, shortMessage)
			return true
		}
	}
	if n := len(s.Failures); n > 0 {
		s.Failures = s.Failures[:n-1]
		return true
	}
	for i := range s.MustPass {
		if s.MustPass[i].First != "" {
			s.MustPass[i].First = ""
			return true
		}
	}
	return false
}

// Decode reads a summary. Whoever wrote it, its numbers are in range, and its texts fit to print.
func Decode(text string) (Summary, error) {
	var s Summary
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Summary{}, fmt.Errorf("it is no summary of reports: %w", err)
	}
	for _, n := range []*int32{&s.Reports, &s.Passed, &s.Failed, &s.Skipped} {
		if *n < 0 || *n > 2*maxCases {
			return Summary{}, fmt.Errorf("it counts %d", *n)
		}
	}
	s.Milliseconds = min(max(0, s.Milliseconds), maxMilliseconds)
	s.Failures = s.Failures[:min(len(s.Failures), maxFailures)]
	for i := range s.Failures {
		s.Failures[i] = Failure{Name: termination.OneLine(s.Failures[i].Name, maxName), Message: termination.OneLine(s.Failures[i].Message, maxMessage)}
	}
	s.Failures = slices.DeleteFunc(s.Failures, func(f Failure) bool { return f.Name == "" })
	for i := range s.MustPass {
		found := &s.MustPass[i]
		found.First = termination.OneLine(found.First, maxName)
		found.Passed, found.NotPassed = max(0, found.Passed), min(max(0, found.NotPassed), math.MaxInt32)
	}
	s.Problem = termination.OneLine(s.Problem, maxMessage)
	return s, nil
}
