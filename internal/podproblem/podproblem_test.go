package podproblem

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func at(second int) time.Time { return time.Date(2026, 8, 3, 12, 0, second, 0, time.UTC) }

func TestNewer(t *testing.T) {
	event := func(name string, second int) corev1.Event {
		return corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: name}, LastTimestamp: metav1.NewTime(at(second))}
	}
	series, newStyle, old, same := event("a", 1), event("b", 0), event("c", 1), event("d", 1)
	series.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(at(3))}
	newStyle.LastTimestamp, newStyle.EventTime = metav1.Time{}, metav1.NewMicroTime(at(2))
	got := []bool{Newer(&series, &newStyle), Newer(&newStyle, &old), Newer(&old, &series), Newer(&same, &old), Newer(&old, &same)}
	if want := []bool{true, true, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTextsAreShortAndOneLine(t *testing.T) {
	got := Text("R", strings.Repeat("ä\n", 2*maxText))
	if n := len([]rune(got)); n != maxText || !strings.HasSuffix(got, "...") || strings.Contains(got, "\n") {
		t.Errorf("want one line of %d characters that ends in dots, got %d: %q", maxText, n, got)
	}
}

func TestTextsDoNotChangeFromTryToTry(t *testing.T) {
	waiting := func(reason, message string) string {
		return Waiting(&corev1.ContainerStateWaiting{Reason: reason, Message: message})
	}
	for _, c := range []struct{ reason, a, b string }{
		{"the kubelet alternates while it pulls", waiting("ErrImagePull", "not found"), waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: not found`)},
		{"the name of a pod that is refused is generated", Refused("FailedCreate", `pods "web-7d4b9-x2k4p" is forbidden: no`), Refused("FailedCreate", `pods "web-7d4b9-q8z7m" is forbidden: no`)},
		{"many alike are combined", Refused("FailedCreate", "(combined from similar events): no"), Refused("FailedCreate", "no")},
	} {
		if c.a != c.b || c.a == "" {
			t.Errorf("%s: %q and %q", c.reason, c.a, c.b)
		}
	}
	if got := waiting("ContainerCreating", "") + waiting("PodInitializing", ""); got != "" {
		t.Errorf("what is being started has no problem, got %q", got)
	}
}

func TestExit(t *testing.T) {
	for want, ended := range map[string]corev1.ContainerStateTerminated{
		"exit code 1":                  {ExitCode: 1, Reason: "Error"},
		"exit code 0":                  {Reason: "Completed"},
		"exit code 137 (OOMKilled)":    {ExitCode: 137, Reason: "OOMKilled"},
		"exit code 2: p99 is too high": {ExitCode: 2, Reason: "Error", Message: "p99 is too high"},
	} {
		if got := Exit(&ended); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
