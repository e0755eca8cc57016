package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-dev/sluice/internal/junit"
)

const passing = `<testsuite tests="2"><testcase name="a"/><testcase name="b"/></testsuite>`

// ran is how a script ended that runs in a directory of its own, and what the runner left.
func ran(t *testing.T, script string, change func(*Runner)) (int, junit.Summary, string) {
	t.Helper()
	directory, result := t.TempDir(), filepath.Join(t.TempDir(), "termination-log")
	var output bytes.Buffer
	r := Runner{Command: []string{"/bin/sh", "-c", "cd " + directory + "\n" + script}, Directory: directory, Reports: "*.xml", Result: result, Output: &output, Errors: &output}
	if change != nil {
		change(&r)
	}
	code, err := r.Run(t.Context())
	text, readErr := os.ReadFile(result)
	if readErr != nil {
		t.Fatalf("%v (%v)", readErr, err)
	}
	summary, decodeErr := junit.Decode(string(text))
	if decodeErr != nil {
		t.Fatalf("%v: %s", decodeErr, text)
	}
	return code, summary, output.String()
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		script          string
		code            int
		passed, failed  int32
		reports         int32
		problem, output string
	}{
		"passes":                     {`echo hello; echo '` + passing + `' > r.xml`, 0, 2, 0, 1, "", "hello"},
		"fails":                      {`echo '<testsuite><testcase name="a"><failure/></testcase></testsuite>' > r.xml; exit 1`, 1, 0, 1, 1, "", ""},
		"several reports":            {`for n in 1 2 3; do echo '` + passing + `' > $n.xml; done; exit 3`, 3, 6, 0, 3, "", ""},
		"no report":                  {`echo oops >&2`, 0, 0, 0, 0, "left no report", "oops"},
		"one of two is broken":       {`echo '` + passing + `' > a.xml; echo '<testsuite>' > b.xml`, 0, 2, 0, 1, "report b.xml cannot be read", ""},
		"a pipe":                     {`mkfifo r.xml`, 0, 0, 0, 0, "report r.xml is no file", ""},
		"a directory":                {`mkdir r.xml`, 0, 0, 0, 0, "report r.xml is no file", ""},
		"ended by a signal":          {`echo '` + passing + `' > r.xml; kill -9 $$`, 137, 2, 0, 1, "", ""},
		"other files are left alone": {`echo '` + passing + `' > r.xml; echo junk > r.txt`, 0, 2, 0, 1, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, s, output := ran(t, c.script, nil)
			if code != c.code || s.Passed != c.passed || s.Failed != c.failed || s.Reports != c.reports || !strings.Contains(s.Problem, c.problem) || (c.problem == "") != (s.Problem == "") {
				t.Errorf("exit code %d, %+v", code, s)
			}
			if !strings.Contains(output, c.output) {
				t.Errorf("it prints %q", output)
			}
		})
	}
}

func TestTestsThatMustPass(t *testing.T) {
	_, s, _ := ran(t, `echo '`+passing+`' > r.xml`, func(r *Runner) { r.MustPass = []string{"a", "c.*"} })
	if len(s.MustPass) != 2 || s.MustPass[0].Passed != 1 || s.MustPass[1].Passed != 0 {
		t.Errorf("%+v", s.MustPass)
	}
	code, s, _ := ran(t, "", func(r *Runner) { r.MustPass = []string{"("} })
	if code != ExitNotStarted || !strings.Contains(s.Problem, "mustPass") {
		t.Errorf("a pattern that is none: exit code %d, %+v", code, s)
	}
}

func TestATestThatCannotBeStarted(t *testing.T) {
	code, s, _ := ran(t, "", func(r *Runner) { r.Command = []string{"/there/is/none"} })
	if code != ExitNotStarted || !strings.Contains(s.Problem, "could not be started") {
		t.Errorf("exit code %d, %+v", code, s)
	}
}

func TestMoreReportsThanAreRead(t *testing.T) {
	_, s, _ := ran(t, `n=0; while [ $n -le 1000 ]; do : > $n.xml; n=$((n+1)); done`, nil)
	if !strings.Contains(s.Problem, "1000 are the most") {
		t.Errorf("%+v", s)
	}
}

// started writes once what it is told to.
type started struct{ seen chan struct{} }

func (s started) Write(p []byte) (int, error) {
	close(s.seen)
	return len(p), nil
}

func TestSignalsReachTheTest(t *testing.T) {
	seen := started{make(chan struct{})}
	go func() {
		<-seen.seen
		_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	}()
	code, _, _ := ran(t, `trap 'kill $!; exit 7' USR1; sleep 60 & echo ready; wait`, func(r *Runner) { r.Output = seen })
	if code != 7 {
		t.Errorf("exit code %d", code)
	}
}

func TestInstall(t *testing.T) {
	directory := t.TempDir()
	for range 2 { // the second time over the first, which may not have been finished
		if err := Install(directory); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(directory); err != nil || len(files) != 1 {
		t.Errorf("%v: %v", err, files)
	}
	info, err := os.Stat(filepath.Join(directory, "sluice"))
	if err != nil || info.Mode().Perm() != programMode || info.Size() == 0 {
		t.Errorf("%v: %v", err, info)
	}
	if err := Install(filepath.Join(directory, "none")); err == nil {
		t.Error("there is no such directory")
	}
}
