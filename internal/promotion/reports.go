package promotion

import (
	"fmt"
	"math"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// exitFailures is the exit code with which tools say that tests ran and some failed.
const exitFailures int32 = 1

// maxShownFailure bounds what a message shows of the first failure, in bytes.
const maxShownFailure = 300

// TestReport is what a test left in reports. It is the test's own account: it can make a result worse, and never better,
// with one exception that was agreed beforehand.
type TestReport struct {
	// Figures that were read.
	Figures v1alpha1.TestFigures
	// MustPass is what was found of the tests that must pass, in the order of the gate's expressions.
	MustPass []MustPass
	// Problem says why reports could not be read; empty where all could.
	Problem string
}

// MustPass is what was found of the tests that one expression names.
type MustPass struct {
	// Passed and NotPassed count the tests that it matches, skipped ones among the latter; First is the first of these.
	Passed, NotPassed int32
	First             string
}

// HasReports says whether a gate reads reports.
func HasReports(gate v1alpha1.Gate) bool { return gate.Job.JUnit != "" }

// JudgeTests turns the exit code that the kubelet reports, and the reports of the test, into a verdict. It begins with the
// exit code: only a test that ended with 1 because of failures within the tolerance passes although it did not end with 0.
func JudgeTests(gate v1alpha1.JobGate, exitCode int32, report *TestReport) (RunState, string) {
	switch {
	case report == nil:
		return RunFailed, fmt.Sprintf("exit code %d, and it left no summary of reports", exitCode)
	case report.Problem != "":
		return RunFailed, fmt.Sprintf("exit code %d; %s", exitCode, report.Problem)
	}
	figures := report.Figures
	counts, failed := countsOf(figures), value(figures.Failed)
	ran := value(figures.Passed) + failed
	switch {
	case ran == 0:
		return RunFailed, fmt.Sprintf("no test ran: %s in %d reports", counts, value(figures.Reports))
	case exitCode != 0 && exitCode != exitFailures:
		return RunFailed, fmt.Sprintf("exit code %d; %s", exitCode, counts)
	case exitCode == exitFailures && failed == 0:
		return RunFailed, "exit code 1, though no test failed; " + counts
	}
	return judgeFailures(gate.Tolerance, report, ran)
}

// judgeFailures compares what failed of the tests that ran with what was agreed.
func judgeFailures(tolerance v1alpha1.Tolerance, report *TestReport, ran int32) (RunState, string) {
	figures := report.Figures
	counts, failed := countsOf(figures), value(figures.Failed)
	if missed := missedTests(tolerance.MustPass, report.MustPass); missed != "" {
		return RunFailed, missed + "; " + counts
	}
	most := tolerated(tolerance, ran)
	if failed > most {
		return RunFailed, fmt.Sprintf("%d of %d tests failed, at most %d may%s", failed, ran, most, firstFailure(figures))
	}
	if failed > 0 {
		return RunPassed, fmt.Sprintf("%s; at most %d may fail", counts, most)
	}
	return RunPassed, counts
}

// tolerated is how many of the tests that ran may fail. Where everything may fail nothing is tested, so that one has to pass.
func tolerated(t v1alpha1.Tolerance, ran int32) int32 {
	if t.MaxFailed == 0 && t.MaxFailedPercent == 0 {
		return 0
	}
	most := int64(math.MaxInt32)
	if t.MaxFailedPercent > 0 {
		most = int64(ran) * int64(t.MaxFailedPercent) / 100
	}
	if t.MaxFailed > 0 {
		most = min(most, int64(t.MaxFailed))
	}
	return int32(min(most, int64(ran)-1))
}

// missedTests says which tests that must pass did not; empty where all did.
func missedTests(expressions []string, found []MustPass) string {
	for i, expression := range expressions {
		seen := MustPass{}
		if i < len(found) {
			seen = found[i]
		}
		switch {
		case seen.NotPassed > 1:
			return fmt.Sprintf("%s and %d more did not pass, and all that match %s have to", seen.First, seen.NotPassed-1, expression)
		case seen.NotPassed == 1:
			return fmt.Sprintf("%s did not pass, and all that match %s have to", seen.First, expression)
		case seen.Passed == 0:
			return fmt.Sprintf("no test matches %s, and such have to pass", expression)
		}
	}
	return ""
}

func countsOf(f v1alpha1.TestFigures) string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", value(f.Passed), value(f.Failed), value(f.Skipped))
}

// firstFailure shows the first test that failed, after the rest of a message.
func firstFailure(f v1alpha1.TestFigures) string {
	if len(f.Failures) == 0 {
		return ""
	}
	text := f.Failures[0].Name
	if f.Failures[0].Message != "" {
		text += ": " + f.Failures[0].Message
	}
	return " (" + v1alpha1.Clip(text, maxShownFailure) + ")"
}

// judgedByReports judges what a test with reports left. One that completed passes by its reports alone: without a pod that
// tells of them nobody knows what they say.
func judgedByReports(job v1alpha1.JobGate, run Run) Run {
	switch {
	case run.State != RunPassed && run.State != RunFailed:
	case run.ExitCode != nil:
		run.State, run.Message = JudgeTests(job, *run.ExitCode, run.Tests)
	case run.State == RunPassed:
		run.State, run.Message = RunInconclusive, "its Job completed, and no pod is left that tells of its reports"
	}
	return run
}
