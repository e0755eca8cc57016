package junit

import (
	"fmt"
	"math"
)

// Tolerance is how many failures of tests were agreed to be acceptable, beforehand. The zero value accepts none.
type Tolerance struct {
	// MaxFailed tests may fail.
	MaxFailed int64
	// MaxFailedPercent of the tests that ran may fail; 0 for as many as MaxFailed says. Both limits hold.
	MaxFailedPercent int32
	// Given says that there is a tolerance at all.
	Given bool
}

// exitFailures is the exit code with which tools say that tests ran and some failed.
const exitFailures = 1

// Judge says whether a run passed, and why not. It begins with the exit code, which the kubelet reports; what the tests
// wrote can only make that worse, with one exception: a run that ended with exit code 1 because of failures that are
// within the tolerance passed.
func (t Tolerance) Judge(exitCode int32, r *Report) (passed bool, why string) {
	switch {
	case r.Run() == 0:
		return false, fmt.Sprintf("no test ran: the reports list %d test cases, all of them skipped", r.Skipped)
	case exitCode != 0 && exitCode != exitFailures:
		return false, fmt.Sprintf("exit code %d; %s", exitCode, r.counts())
	case exitCode == exitFailures && r.Bad() == 0:
		return false, "exit code 1, though no test case failed; " + r.counts()
	}
	for _, pattern := range r.Patterns {
		if why := pattern.missed(); why != "" {
			return false, why + "; " + r.counts()
		}
	}
	if most := t.most(r.Run()); r.Bad() > most {
		return false, fmt.Sprintf("%s, at most %d may fail", r.counts(), most)
	}
	return true, r.counts()
}

// most failures that are tolerated of so many tests.
func (t Tolerance) most(run int64) int64 {
	if !t.Given {
		return 0
	}
	most := int64(math.MaxInt64)
	if t.MaxFailedPercent > 0 {
		most = run * int64(t.MaxFailedPercent) / 100
	}
	if t.MaxFailed > 0 || t.MaxFailedPercent == 0 {
		most = min(most, t.MaxFailed)
	}
	// Where everything may fail, nothing is tested.
	return min(most, run-1)
}

func (p *Pattern) missed() string {
	switch {
	case p.NotPassed > 0:
		return fmt.Sprintf("%s must pass (%s) and did not, with %d more like it", p.First, p.Expression, p.NotPassed-1)
	case p.Passed == 0:
		return fmt.Sprintf("no test case is named %s, and such must pass", p.Expression)
	}
	return ""
}

func (r *Report) counts() string {
	text := fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	if r.Unseen > 0 {
		text += fmt.Sprintf(", %d claimed that are not there", r.Unseen)
	}
	return text
}
