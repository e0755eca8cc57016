package junit

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Errors of reports that are not taken.
var (
	// ErrNotJUnit means that a document is none of JUnit's.
	ErrNotJUnit = errors.New("no report of JUnit: its root is neither testsuites nor testsuite")
	// ErrTooLarge means that a report is too long, too deep, or lists too many test cases.
	ErrTooLarge = errors.New("too large")
	// ErrMalformed means that a report is no well-formed XML, or declares types or entities.
	ErrMalformed = errors.New("malformed")
)

// Add reads one report to its end and adds it to what was read before. After an error nothing of what was read counts:
// the report as a whole is of no use then.
func (r *Report) Add(source io.Reader) error {
	p := parser{report: r, suites: []*suite{}}
	limited := &io.LimitedReader{R: source, N: maxBytes + 1}
	decoder := xml.NewDecoder(newCleaner(limited))
	decoder.CharsetReader = charset
	// No entities but the five of XML itself.
	decoder.Entity = nil
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && p.root:
			return nil
		case errors.Is(err, io.EOF):
			return ErrNotJUnit
		case limited.N <= 0:
			return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBytes)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if err := p.take(token); err != nil {
			return err
		}
	}
}

// suite is what a suite claims of the test cases directly in it, and what was seen of them.
type suite struct {
	tests, failures, errors int64
	seen, seenBad           int64
	nested                  bool
}

// unseen is how much worse the claim is than what was seen. Suites that hold suites count differently from tool to tool:
// only the innermost are held to their word. A test that fails when it is torn down is counted twice by pytest, as passed
// and as an error.
func (s *suite) unseen() int64 {
	if s.nested {
		return 0
	}
	return max(0, s.tests-s.errors-s.seen, s.failures+s.errors-s.seenBad)
}

// parser is where in a document it is.
type parser struct {
	report *Report
	root   bool
	depth  int
	suites []*suite
	// current test case; nil outside of one. At is how deep its element is.
	current *testCase
	at      int
	// text says that what follows is the text of a failure.
	text bool
}

func (p *parser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		return fmt.Errorf("%w: it has a document type, which reports need not", ErrMalformed)
	case xml.StartElement:
		return p.open(t)
	case xml.EndElement:
		p.close(t.Name.Local)
	case xml.CharData:
		if p.text && len(p.current.message) < maxMessage {
			p.current.message += clip(string(t))
		}
	}
	return nil
}

func (p *parser) open(e xml.StartElement) error {
	p.depth++
	name := e.Name.Local
	if p.depth > maxDepth {
		return fmt.Errorf("%w: elements lie more than %d deep", ErrTooLarge, maxDepth)
	}
	if p.depth == 1 && !isRoot(name) {
		return ErrNotJUnit
	}
	p.root = true
	switch {
	case name == "testsuite" && p.current == nil:
		p.openSuite(e)
	case name == "testcase" && p.current == nil:
		return p.openCase(e)
	case p.current != nil && p.depth == p.at+1:
		p.say(name, e)
	}
	return nil
}

func isRoot(name string) bool { return name == "testsuites" || name == "testsuite" }

func (p *parser) openSuite(e xml.StartElement) {
	if n := len(p.suites); n > 0 {
		p.suites[n-1].nested = true
	}
	p.suites = append(p.suites, &suite{tests: count(e, "tests"), failures: count(e, "failures"), errors: count(e, "errors")})
}

func (p *parser) openCase(e xml.StartElement) error {
	if p.report.Run()+p.report.Skipped >= maxCases {
		return fmt.Errorf("%w: more than %d test cases", ErrTooLarge, maxCases)
	}
	p.current = &testCase{name: attribute(e, "name"), class: attribute(e, "classname"), milliseconds: milliseconds(attribute(e, "time"))}
	p.at = p.depth
	return nil
}

// say takes what an element directly in a test case says of it. Surefire writes flakyFailure for a test that passed when
// it was repeated, and rerunFailure beside the failure of one that did not.
func (p *parser) say(name string, e xml.StartElement) {
	switch name {
	case "failure", "error":
		// Of several, the first is told of: its message, then its text.
		p.text = p.current.outcome != failed
		p.current.outcome = failed
		if p.text {
			p.current.message = clip(attribute(e, "message")) + " "
		}
	case "skipped":
		p.current.outcome = max(p.current.outcome, skipped)
	}
}

func (p *parser) close(name string) {
	switch {
	case p.current != nil && p.depth == p.at:
		p.report.add(p.current)
		if n := len(p.suites); n > 0 {
			p.suites[n-1].seen++
			if p.current.outcome == failed {
				p.suites[n-1].seenBad++
			}
		}
		p.current = nil
	case p.current != nil && p.depth == p.at+1:
		p.text = false
	case name == "testsuite" && p.current == nil && len(p.suites) > 0:
		last := len(p.suites) - 1
		p.report.Unseen = min(maxCases, p.report.Unseen+p.suites[last].unseen())
		p.suites = p.suites[:last]
	}
	p.depth--
}

// clip keeps of a text what a message may hold of it.
func clip(text string) string { return text[:min(len(text), maxMessage)] }

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// count reads a claim; what is no number claims nothing.
func count(e xml.StartElement, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(attribute(e, name)), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, maxCases)
}

// milliseconds reads seconds, which some tools write with commas between thousands.
func milliseconds(text string) int64 {
	seconds, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 {
		return 0
	}
	return int64(math.Round(min(seconds*1000, maxMilliseconds)))
}
