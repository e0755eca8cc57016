package junit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/internal/termination"
)

// read parses reports, one after the other.
func read(t *testing.T, reports ...string) (*Report, error) {
	t.Helper()
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range reports {
		if err := r.Add(strings.NewReader(text)); err != nil {
			return r, err
		}
	}
	return r, nil
}

func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "reports", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The samples of go-junit-report, pytest and Jest were written by these tools; the others are as their documentation has them.
func TestReportsOfTools(t *testing.T) {
	for tool, want := range map[string]struct {
		passed, failed, skipped, milliseconds int64
		first                                 Failure
	}{
		"go-junit-report": {2, 2, 1, 0, Failure{"example.com/checkout.TestQuote", "Failed"}},
		"pytest": {2, 2, 1, 18, Failure{"test_checkout.TestQuote.test_with_a_discount[15]",
			"assert (666 + 15 == 0) == 667 self = <test_checkout.TestQuote object"}},
		"jest":       {1, 2, 1, 14, Failure{"quote with a discount.quote with a discount", "Error: expect(received).toBe(expected) // Object.is equality Expected: 667 Received: 666"}},
		"junit5":     {2, 2, 1, 1234500, Failure{"com.example.checkout.QuoteTest.withADiscount{int}[2]", "expected: <667> but was: <666> org.opentest4j.AssertionFailedError"}},
		"playwright": {1, 1, 1, 3902, Failure{"checkout.spec.ts.quote › with a discount", "checkout.spec.ts:9:7 with a discount [chromium] › checkout.spec.ts:9:7"}},
		"chainsaw":   {1, 1, 0, 12400, Failure{"tests/checkout.quota", "| test | assert | deployment/checkout-api | ERROR | spec.replicas: Invalid value: 1"}},
	} {
		t.Run(tool, func(t *testing.T) {
			r, err := read(t, sample(t, tool))
			if err != nil {
				t.Fatal(err)
			}
			if r.Passed != want.passed || r.Failed != want.failed || r.Skipped != want.skipped || r.Unseen != 0 || r.Milliseconds != want.milliseconds {
				t.Errorf("%d passed, %d failed, %d skipped, %d unseen, %d ms; want %+v", r.Passed, r.Failed, r.Skipped, r.Unseen, r.Milliseconds, want)
			}
			if int64(len(r.Failures)) != r.Failed || r.Failures[0].Name != want.first.Name || !strings.HasPrefix(r.Failures[0].Message, want.first.Message) {
				t.Errorf("failures %+v, want first %+v", r.Failures, want.first)
			}
		})
	}
}

func TestSeveralReportsAddUp(t *testing.T) {
	r, err := read(t, sample(t, "junit5"), sample(t, "playwright"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Passed != 3 || r.Failed != 3 || r.Skipped != 2 || len(r.Failures) != 3 {
		t.Errorf("%+v", r)
	}
}

// A report that claims more tests or failures than it shows is believed that far; one that claims fewer is not.
func TestLyingCounts(t *testing.T) {
	for name, c := range map[string]struct {
		text           string
		failed, unseen int64
	}{
		"fewer failures than there are": {`<testsuite tests="1" failures="0"><testcase name="a"><failure/></testcase></testsuite>`, 1, 0},
		"more failures":                 {`<testsuite tests="1" failures="3"><testcase name="a"><failure/></testcase></testsuite>`, 1, 2},
		"more errors":                   {`<testsuite errors="2"><testcase name="a"/></testsuite>`, 0, 2},
		"more tests":                    {`<testsuite tests="5"><testcase name="a"/></testsuite>`, 0, 4},
		"tests that are not there":      {`<testsuites><testsuite tests="5" failures="1"/></testsuites>`, 0, 5},
		"no numbers":                    {`<testsuite tests="many" failures="-3"><testcase name="a"/></testsuite>`, 0, 0},
		"a huge number":                 {`<testsuite failures="9223372036854775807" errors="9223372036854775807"/>`, 0, maxCases},
		"a suite within a suite":        {`<testsuite tests="2" failures="1"><testsuite tests="2" failures="1"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite></testsuite>`, 1, 0},
		"a total over all is no claim":  {`<testsuites tests="99"><testsuite tests="1"><testcase name="a"/></testsuite></testsuites>`, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := read(t, c.text)
			if err != nil || r.Failed != c.failed || r.Unseen != c.unseen {
				t.Errorf("%d failed, %d unseen (%v), want %d and %d", r.Failed, r.Unseen, err, c.failed, c.unseen)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	for inner, want := range map[string][3]int64{
		``:                                    {1, 0, 0},
		`<skipped/>`:                          {0, 0, 1},
		`<failure/>`:                          {0, 1, 0},
		`<error/>`:                            {0, 1, 0},
		`<failure/><error/>`:                  {0, 1, 0},
		`<failure/><skipped/>`:                {0, 1, 0},
		`<skipped/><failure/>`:                {0, 1, 0},
		`<flakyFailure/>`:                     {1, 0, 0},
		`<system-out><failure/></system-out>`: {1, 0, 0},
		`<testcase name="b"><failure/></testcase>`:            {1, 0, 0},
		`<properties><property name="failure"/></properties>`: {1, 0, 0},
	} {
		r, err := read(t, `<testsuite><testcase name="a">`+inner+`</testcase></testsuite>`)
		if got := [3]int64{r.Passed, r.Failed, r.Skipped}; err != nil || got != want {
			t.Errorf("%s: passed, failed, skipped %v (%v), want %v", inner, got, err, want)
		}
	}
}

func TestHostileReports(t *testing.T) {
	deep := strings.Repeat("<testsuite>", maxDepth+1)
	for name, c := range map[string]struct {
		source io.Reader
		want   error
	}{
		"nothing":             {strings.NewReader(""), ErrNotJUnit},
		"text":                {strings.NewReader("all tests passed"), ErrNotJUnit},
		"HTML":                {strings.NewReader("<html><testsuite/></html>"), ErrNotJUnit},
		"cut off":             {strings.NewReader(`<testsuite><testcase name="a">`), ErrMalformed},
		"not closed":          {strings.NewReader(`<testsuite><testcase></testsuite>`), ErrMalformed},
		"an entity":           {strings.NewReader(`<!DOCTYPE t [<!ENTITY a "b">]><testsuite name="&a;"/>`), ErrMalformed},
		"an external entity":  {strings.NewReader(`<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite/>`), ErrMalformed},
		"an unknown entity":   {strings.NewReader(`<testsuite>&a;</testsuite>`), ErrMalformed},
		"another encoding":    {strings.NewReader(`<?xml version="1.0" encoding="UTF-7"?><testsuite/>`), ErrMalformed},
		"deep":                {strings.NewReader(deep), ErrTooLarge},
		"deep in a test case": {strings.NewReader("<testsuite><testcase>" + strings.Repeat("<a>", maxDepth)), ErrTooLarge},
		"endless text":        {io.MultiReader(strings.NewReader("<testsuite><testcase><failure>"), endless("x")), ErrTooLarge},
		"endless cases":       {io.MultiReader(strings.NewReader("<testsuite>"), endless("<testcase/>")), ErrTooLarge},
		"an endless name":     {io.MultiReader(strings.NewReader(`<testsuite name="`), endless("x")), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Report{}
			if err := r.Add(c.source); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// endless text.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("<testsuite>")
	for n := range 100 {
		fmt.Fprintf(&text, `<testcase name="%d%s"><failure message="%s">%s</failure></testcase>`, n, strings.Repeat("ä", 5000), strings.Repeat("é\n", 5000), strings.Repeat("x", 5000))
	}
	text.WriteString("</testsuite>")
	r, err := read(t, text.String())
	if err != nil || r.Failed != 100 || len(r.Failures) != maxFailures {
		t.Fatalf("%d failed, %d kept: %v", r.Failed, len(r.Failures), err)
	}
	for _, failure := range r.Failures {
		if len(failure.Name) > maxName || len(failure.Message) > maxMessage || strings.Contains(failure.Message, "\n") || !strings.HasPrefix(failure.Message, "é é") {
			t.Errorf("kept %d and %d bytes: %q", len(failure.Name), len(failure.Message), failure.Message)
		}
	}
}

// Bytes that are no UTF-8 and control characters, as tests print them, keep nobody from reading the report.
func TestInvalidCharacters(t *testing.T) {
	r, err := read(t, "<testsuite><testcase name=\"a\xff\xfeb\"><failure message=\"\x1b[31mred\x00\">\xed\xa0\x80</failure></testcase></testsuite>")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Failure{"a??b", "?[31mred? ???"}); r.Failures[0] != want {
		t.Errorf("%+q, want %+q", r.Failures[0], want)
	}
	for _, encoding := range []string{"UTF-8", "ISO-8859-1", "us-ascii", "windows-1252"} {
		if r, err := read(t, `<?xml version="1.0" encoding="`+encoding+`"?><testsuite><testcase name="a"/></testsuite>`); err != nil || r.Passed != 1 {
			t.Errorf("%s: %v", encoding, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "1": 1000, "0.0004": 0, "0.0006": 1, "1,234.5": 1234500, "-3": 0, "NaN": 0, "Inf": maxMilliseconds, "1e300": maxMilliseconds, "soon": 0,
	} {
		if got := milliseconds(text); got != want {
			t.Errorf("%q is %d ms, want %d", text, got, want)
		}
	}
}

// Whatever a report holds, reading ends, and what comes of it holds together.
func FuzzAdd(f *testing.F) {
	for _, tool := range []string{"go-junit-report", "pytest", "jest", "junit5", "playwright", "chainsaw"} {
		f.Add([]byte(sample(f, tool)))
	}
	f.Add([]byte(`<testsuite tests="3"><testsuite><testcase><failure>a</failure><error/></testcase></testsuite></testsuite>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := New([]string{"a.*"})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(strings.NewReader(string(text))); err != nil {
			if !errors.Is(err, ErrNotJUnit) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrMalformed) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if r.Passed < 0 || r.Failed < 0 || r.Skipped < 0 || r.Unseen < 0 || r.Milliseconds < 0 {
			t.Errorf("a count below zero: %+v", r)
		}
		if int64(len(r.Failures)) != min(r.Failed, maxFailures) {
			t.Errorf("%d failures kept of %d", len(r.Failures), r.Failed)
		}
		for _, failure := range r.Failures {
			if len(failure.Name) > maxName || len(failure.Message) > maxMessage {
				t.Errorf("a failure that is too long: %q", failure)
			}
		}
		if p := r.Patterns[0]; p.Passed > r.Passed || p.NotPassed > r.Failed+r.Skipped {
			t.Errorf("more tests of a pattern than tests: %+v of %+v", p, r)
		}
		text, err = Summarize(r, 1, "").Encode()
		if err != nil || len(text) > termination.MaxBytes {
			t.Errorf("%d bytes of summary: %v", len(text), err)
		}
		if s, err := Decode(string(text)); err != nil || int64(s.Failed) != r.Bad() || int64(s.Passed) != r.Passed || int64(s.Skipped) != r.Skipped {
			t.Errorf("the summary says %+v (%v) of %+v", s, err, r)
		}
	})
}
