package promotion_test

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// ran is the report of a run in which so many tests passed, failed and were skipped.
func ran(passed, failed, skipped int32, mustPass ...promotion.MustPass) *promotion.TestReport {
	one := int32(1)
	report := &promotion.TestReport{MustPass: mustPass, Figures: v1alpha1.TestFigures{Passed: &passed, Failed: &failed, Skipped: &skipped, Reports: &one}}
	if failed > 0 {
		report.Figures.Failures = []v1alpha1.TestFailure{{Name: "cart.f0", Message: "want 667"}}
	}
	return report
}

func TestJudgeTests(t *testing.T) {
	none := v1alpha1.Tolerance{}
	two, percent := v1alpha1.Tolerance{MaxFailed: 2}, v1alpha1.Tolerance{MaxFailedPercent: 10}
	both := v1alpha1.Tolerance{MaxFailed: 5, MaxFailedPercent: 2}
	everything := v1alpha1.Tolerance{MaxFailed: 100000, MaxFailedPercent: 100}
	payment := v1alpha1.Tolerance{MaxFailed: 2, MustPass: []string{"payment.*"}}
	found := func(passed, not int32) promotion.MustPass {
		return promotion.MustPass{Passed: passed, NotPassed: not, First: "payment.refund"}
	}
	for name, c := range map[string]struct {
		tolerance v1alpha1.Tolerance
		exitCode  int32
		report    *promotion.TestReport
		passed    bool
		why       string
	}{
		"all passed":                        {none, 0, ran(3, 0, 1), true, "3 passed, 0 failed, 1 skipped"},
		"one failed":                        {none, 1, ran(3, 1, 0), false, "1 of 4 tests failed, at most 0 may (cart.f0: want 667)"},
		"a failure behind exit code 0":      {none, 0, ran(3, 1, 0), false, "at most 0 may"},
		"no test ran":                       {everything, 0, ran(0, 0, 0), false, "no test ran"},
		"all were skipped":                  {everything, 0, ran(0, 0, 4), false, "no test ran: 0 passed, 0 failed, 4 skipped in 1 reports"},
		"exit code 1 without a failure":     {two, 1, ran(3, 0, 0), false, "exit code 1, though no test failed"},
		"another exit code":                 {two, 2, ran(3, 1, 0), false, "exit code 2"},
		"killed":                            {two, 137, ran(3, 0, 0), false, "exit code 137"},
		"within the tolerance":              {two, 1, ran(3, 2, 0), true, "3 passed, 2 failed, 0 skipped; at most 2 may fail"},
		"within it, and exit code 0":        {two, 0, ran(3, 2, 0), true, ""},
		"beyond it":                         {two, 1, ran(3, 3, 0), false, "at most 2 may"},
		"a percentage of those that ran":    {percent, 1, ran(9, 1, 90), true, ""},
		"beyond the percentage":             {percent, 1, ran(9, 2, 90), false, "at most 1 may"},
		"a percentage is rounded down":      {percent, 1, ran(8, 1, 0), false, "at most 0 may"},
		"both limits hold":                  {both, 1, ran(98, 2, 0), true, ""},
		"the smaller one decides":           {both, 1, ran(97, 3, 0), false, "at most 2 may"},
		"something has to pass in any case": {everything, 1, ran(0, 3, 0), false, "at most 2 may"},

		"those that must pass did":       {payment, 1, ran(3, 2, 0, found(3, 0)), true, ""},
		"one that must pass did not":     {payment, 1, ran(3, 1, 0, found(2, 1)), false, "payment.refund did not pass, and all that match payment.* have to"},
		"several that must pass did not": {payment, 1, ran(3, 2, 0, found(2, 2)), false, "payment.refund and 1 more did not pass"},
		"none that must pass is there":   {payment, 0, ran(3, 0, 0, found(0, 0)), false, "no test matches payment.*"},
		"nothing is said of those":       {payment, 0, ran(3, 0, 0), false, "no test matches payment.*"},
		"reports that could not be read": {two, 0, &promotion.TestReport{Problem: "the test left no report"}, false, "exit code 0; the test left no report"},
		"no summary":                     {two, 0, nil, false, "exit code 0, and it left no summary"},
		"no figures":                     {two, 0, &promotion.TestReport{}, false, "no test ran"},
	} {
		t.Run(name, func(t *testing.T) {
			state, why := promotion.JudgeTests(v1alpha1.JobGate{Tolerance: c.tolerance}, c.exitCode, c.report)
			if state != map[bool]promotion.RunState{true: promotion.RunPassed, false: promotion.RunFailed}[c.passed] || !strings.Contains(why, c.why) {
				t.Errorf("%s: %s\nwant passed %t: %s", state, why, c.passed, c.why)
			}
		})
	}
}
