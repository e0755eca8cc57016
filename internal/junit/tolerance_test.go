package junit

import (
	"fmt"
	"strings"
	"testing"
)

// ran is the report of a run: so many test cases named p0, p1, ... passed, f0, ... failed and s0, ... were skipped.
func ran(t *testing.T, passed, failed, skipped int, mustPass ...string) *Report {
	t.Helper()
	var text strings.Builder
	text.WriteString("<testsuite>")
	for name, c := range map[string]struct {
		count int
		inner string
	}{"p": {passed, ""}, "f": {failed, "<failure/>"}, "s": {skipped, "<skipped/>"}} {
		for n := range c.count {
			fmt.Fprintf(&text, `<testcase classname="cart" name="%s%d">%s</testcase>`, name, n, c.inner)
		}
	}
	text.WriteString("</testsuite>")
	r, err := New(mustPass)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(strings.NewReader(text.String())); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestJudge(t *testing.T) {
	none := Tolerance{}
	two, percent := Tolerance{Given: true, MaxFailed: 2}, Tolerance{Given: true, MaxFailedPercent: 10}
	both := Tolerance{Given: true, MaxFailed: 5, MaxFailedPercent: 2}
	everything := Tolerance{Given: true, MaxFailed: 1 << 40, MaxFailedPercent: 100}
	for name, c := range map[string]struct {
		tolerance Tolerance
		exitCode  int32
		report    *Report
		passed    bool
		why       string
	}{
		"all passed":                        {none, 0, ran(t, 3, 0, 1), true, "3 passed, 0 failed, 1 skipped"},
		"one failed":                        {none, 1, ran(t, 3, 1, 0), false, "3 passed, 1 failed, 0 skipped, at most 0 may fail"},
		"a failure behind exit code 0":      {none, 0, ran(t, 3, 1, 0), false, "at most 0 may fail"},
		"no test ran":                       {everything, 0, ran(t, 0, 0, 0), false, "no test ran"},
		"all were skipped":                  {everything, 0, ran(t, 0, 0, 4), false, "no test ran: the reports list 4 test cases, all of them skipped"},
		"exit code 1 without a failure":     {two, 1, ran(t, 3, 0, 0), false, "exit code 1, though no test case failed"},
		"another exit code":                 {two, 2, ran(t, 3, 1, 0), false, "exit code 2"},
		"killed":                            {two, 137, ran(t, 3, 0, 0), false, "exit code 137"},
		"within the tolerance":              {two, 1, ran(t, 3, 2, 0), true, "3 passed, 2 failed"},
		"within it, and exit code 0":        {two, 0, ran(t, 3, 2, 0), true, ""},
		"beyond it":                         {two, 1, ran(t, 3, 3, 0), false, "at most 2 may fail"},
		"a percentage of those that ran":    {percent, 1, ran(t, 9, 1, 90), true, ""},
		"beyond the percentage":             {percent, 1, ran(t, 9, 2, 90), false, "at most 1 may fail"},
		"a percentage is rounded down":      {percent, 1, ran(t, 8, 1, 0), false, "at most 0 may fail"},
		"both limits hold":                  {both, 1, ran(t, 98, 2, 0), true, ""},
		"the smaller one decides":           {both, 1, ran(t, 97, 3, 0), false, "at most 2 may fail"},
		"a tolerance of nothing":            {Tolerance{Given: true}, 1, ran(t, 3, 1, 0), false, "at most 0 may fail"},
		"something has to pass in any case": {everything, 1, ran(t, 0, 3, 0), false, "at most 2 may fail"},

		"those that must pass did":          {two, 1, ran(t, 3, 2, 0, "p.*"), true, ""},
		"with their class":                  {two, 1, ran(t, 3, 2, 0, `cart\.p.*`), true, ""},
		"one that must pass failed":         {two, 1, ran(t, 3, 1, 0, "f.*"), false, "cart.f0 must pass (^(?:f.*)$) and did not"},
		"one that must pass was skipped":    {two, 0, ran(t, 3, 0, 1, "s0"), false, "cart.s0 must pass"},
		"none that must pass is there":      {two, 0, ran(t, 3, 0, 0, "payment.*"), false, "no test case is named ^(?:payment.*)$"},
		"a pattern is for the whole name":   {two, 0, ran(t, 3, 0, 0, "0"), false, "no test case is named"},
		"one of several patterns is missed": {two, 1, ran(t, 3, 1, 0, "p.*", "f0"), false, "cart.f0 must pass"},
	} {
		t.Run(name, func(t *testing.T) {
			passed, why := c.tolerance.Judge(c.exitCode, c.report)
			if passed != c.passed || !strings.Contains(why, c.why) {
				t.Errorf("passed %t: %s\nwant %t: %s", passed, why, c.passed, c.why)
			}
		})
	}
	claimed := ran(t, 3, 0, 0)
	claimed.Unseen = 1
	if passed, why := none.Judge(0, claimed); passed || !strings.Contains(why, "1 claimed that are not there") {
		t.Errorf("a failure that is only claimed: passed %t: %s", passed, why)
	}
}

func TestPatternsAreRegularExpressions(t *testing.T) {
	if _, err := New([]string{"("}); err == nil {
		t.Error("this is none")
	}
}
