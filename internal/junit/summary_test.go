package junit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-dev/sluice/internal/termination"
)

func TestASummaryComesThroughAsItIs(t *testing.T) {
	r, err := New([]string{"quote.*", `.*\$`})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(strings.NewReader(`<testsuite tests="5"><testcase classname="cart" name="quote" time="0.5"/><testcase name="quote2"><failure message="want 3"/></testcase>
		<testcase name="slow"><skipped/></testcase></testsuite>`)); err != nil {
		t.Fatal(err)
	}
	want := Summary{
		Reports: 1, Passed: 1, Failed: 3, Skipped: 1, Milliseconds: 500, Failures: []Failure{{Name: "quote2", Message: "want 3"}},
		MustPass: []Found{{Passed: 1, NotPassed: 1, First: "quote2"}, {}},
	}
	text, err := Summarize(r, 1, "").Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(string(text))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("(-want +got, %v)\n%s", err, diff)
	}
}

// The kubelet cuts longer messages off, and nothing could be read then.
func TestASummaryFits(t *testing.T) {
	long := Summary{Failed: 10, Problem: strings.Repeat("p", maxMessage)}
	for range maxFailures {
		long.Failures = append(long.Failures, Failure{Name: strings.Repeat("n", maxName), Message: strings.Repeat("<", maxMessage)})
	}
	for range 16 {
		long.MustPass = append(long.MustPass, Found{First: strings.Repeat("f", maxName), NotPassed: 1})
	}
	text, err := long.Encode()
	if err != nil || len(text) > termination.MaxBytes {
		t.Fatalf("%d bytes: %v", len(text), err)
	}
	got, err := Decode(string(text))
	if err != nil || got.Failed != 10 || len(got.MustPass) != 16 || got.MustPass[15].NotPassed != 1 {
		t.Errorf("%v: %+v", err, got)
	}
	short := Summary{Failed: 1, Failures: []Failure{{Name: "a", Message: strings.Repeat("m", maxMessage)}}}
	if text, err = short.Encode(); err != nil {
		t.Fatal(err)
	}
	if got, err = Decode(string(text)); err != nil || len(got.Failures[0].Message) != maxMessage {
		t.Errorf("what fits is not shortened: %v %+v", err, got)
	}
}

func TestHostileSummaries(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"text":          "PASSED",
		"a list":        "[]",
		"below zero":    `{"failed": -1}`,
		"too many":      `{"passed": 2000000000}`,
		"no number":     `{"passed": "many"}`,
		"out of range":  `{"passed": 99999999999}`,
		"no whole":      `{"passed": 1.5}`,
		"cut off":       `{"passed": 1`,
		"two summaries": `{"passed": 1}{"passed": 2}`,
	} {
		if s, err := Decode(text); err == nil {
			t.Errorf("%s is read as %+v", name, s)
		}
	}
	s, err := Decode(`{"passed": 1, "failures": [{"name": "a\u001b[31m\nb", "message": "\u0000c"}, {"name": ""}]}`)
	if err != nil || len(s.Failures) != 1 || s.Failures[0].Name != "a [31m b" || s.Failures[0].Message != "c" {
		t.Errorf("%v: %+v", err, s)
	}
}

// Whatever a test writes, what is read of it can be shown and counted.
func FuzzDecodeSummary(f *testing.F) {
	f.Add(`{"reports": 2, "passed": 3, "failed": 1, "failures": [{"name": "a", "message": "b"}], "mustPass": [{"passed": 1}]}`)
	f.Add(`{"problem": "no report"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Decode(text)
		if err != nil {
			return
		}
		if s.Passed < 0 || s.Failed < 0 || s.Skipped < 0 || s.Milliseconds < 0 || len(s.Failures) > maxFailures || len(s.Problem) > maxMessage {
			t.Errorf("%+v", s)
		}
		for _, failure := range s.Failures {
			if failure.Name == "" || len(failure.Name) > maxName || len(failure.Message) > maxMessage || strings.ContainsAny(failure.Name+failure.Message, "\n\x00\x1b") {
				t.Errorf("%q", failure)
			}
		}
	})
}

func TestPatternsAreRegularExpressions(t *testing.T) {
	if _, err := New([]string{"("}); err == nil {
		t.Error("this is none")
	}
}
