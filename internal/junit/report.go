package junit

import (
	"regexp"

	"github.com/sluice-dev/sluice/internal/termination"
)

const (
	// maxBytes of one report are read.
	maxBytes = 16 << 20
	// maxDepth of elements within one another.
	maxDepth = 64
	// maxCases of all reports together.
	maxCases = 200_000
	// maxFailures are kept with their messages.
	maxFailures = 10
	// maxName and maxMessage bound what is kept of a failure, in bytes.
	maxName, maxMessage = 256, 512
	// maxMilliseconds that a test may claim to have taken: a year.
	maxMilliseconds = 365 * 24 * 3600 * 1000
)

// Report is what several reports of one run say together.
type Report struct {
	// Passed, Failed and Skipped test cases. Errors count as failed.
	Passed, Failed, Skipped int64
	// Unseen is how many tests or failures suites claim beyond the test cases that are there; they count as failed.
	Unseen int64
	// Milliseconds that the test cases took together.
	Milliseconds int64
	// Failures are the first of those that failed.
	Failures []Failure
	// Patterns of tests that must pass, and what was found of each.
	Patterns []Pattern
}

// Failure is one test case that failed.
type Failure struct {
	// Name of the test case, with that of its class before it.
	Name string `json:"name"`
	// Message in one line.
	Message string `json:"message,omitempty"`
}

// Pattern is what was found of tests that must pass.
type Pattern struct {
	// Expression that names them.
	Expression *regexp.Regexp
	// Passed is how many of them passed.
	Passed int64
	// NotPassed is how many did not, skipped ones included, and First the name of the first of them.
	NotPassed int64
	First     string
}

// New makes a report that looks for tests that must pass. A pattern is a regular expression (RE2) for the whole name of a
// test case, with or without its class.
func New(mustPass []string) (*Report, error) {
	report := &Report{}
	for _, text := range mustPass {
		expression, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, err
		}
		report.Patterns = append(report.Patterns, Pattern{Expression: expression})
	}
	return report, nil
}

// Run is how many test cases ran: those that were skipped did not.
func (r *Report) Run() int64 { return r.Passed + r.Failed + r.Unseen }

// Bad is how many failed, those that are only claimed included.
func (r *Report) Bad() int64 { return r.Failed + r.Unseen }

// outcome of a test case; the worst of what is said of it counts.
type outcome int

const (
	passed outcome = iota
	skipped
	failed
)

// testCase is one test case as it is read.
type testCase struct {
	name, class  string
	outcome      outcome
	message      string
	milliseconds int64
}

func (c *testCase) fullName() string {
	if c.class == "" {
		return c.name
	}
	return c.class + "." + c.name
}

func (r *Report) add(c *testCase) {
	r.Milliseconds += c.milliseconds
	switch c.outcome {
	case passed:
		r.Passed++
	case skipped:
		r.Skipped++
	default:
		r.Failed++
		if len(r.Failures) < maxFailures {
			r.Failures = append(r.Failures, Failure{Name: termination.OneLine(c.fullName(), maxName), Message: termination.OneLine(c.message, maxMessage)})
		}
	}
	for i := range r.Patterns {
		r.Patterns[i].look(c)
	}
}

func (p *Pattern) look(c *testCase) {
	switch {
	case !p.Expression.MatchString(c.name) && !p.Expression.MatchString(c.fullName()):
	case c.outcome == passed:
		p.Passed++
	default:
		if p.NotPassed == 0 {
			p.First = termination.OneLine(c.fullName(), maxName)
		}
		p.NotPassed++
	}
}
