package admission_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

var latency = flag.Int("latency", 0, "how many creates of each kind TestLockLatency measures; 0 leaves it out")

// warmUp is how many creates of each kind go before those that are measured.
const warmUp = 100

// TestLockLatency measures what lock and pin add to the creation of a pod: dry runs in a namespace without and in one with
// the lock, in turn, so that whatever else the machine does is the same for both. `make lock-latency` prints it.
func TestLockLatency(t *testing.T) {
	if *latency == 0 {
		t.Skip("it measures; make lock-latency")
	}
	plain := open(t, "latency-open")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "repositories\timages by\topen p50\tp99\tlocked p50\tp99\tadds p50\tp99\t")
	var last comparison
	for _, repositories := range []int{10, 250} {
		namespace, references := fullNamespace(repositories)
		create(t, namespace)
		for _, by := range []string{"digest", "tag"} {
			last = compare(t, plain, namespace.Name, twoContainers(references, by == "tag"))
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", repositories, by,
				milliseconds(last.open, 50), milliseconds(last.open, 99), milliseconds(last.locked, 50), milliseconds(last.locked, 99),
				last.adds(50), last.adds(99))
		}
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	// The last of them is the dearest: 250 repositories, and tags to pin.
	fmt.Printf("lock adds: %s ms p50 (open %s ms, locked %s ms)\n", last.adds(50), milliseconds(last.open, 50), milliseconds(last.locked, 50))
}

// fullNamespace is locked and holds a current and a previous reference of each repository.
func fullNamespace(repositories int) (*corev1.Namespace, []string) {
	var images, pins, owners []string
	for n := range repositories {
		repository := fmt.Sprintf("registry.example.com/team-%02d/service-%03d", n%20, n)
		images = append(images, repository+"@"+fmt.Sprintf("sha256:%064x", n), repository+"@"+fmt.Sprintf("sha256:%064x", 1000+n))
		pins = append(pins, repository+"@"+fmt.Sprintf("sha256:%064x", n))
		owners = append(owners, fmt.Sprintf("%s=team-%02d/pipeline-%03d", repository, n%20, n))
	}
	namespace := MakeNamespace(fmt.Sprintf("latency-%d", repositories), v1alpha1.LockEnforce).
		Note(v1alpha1.ImagesAnnotation, strings.Join(images, " ")).
		Note(v1alpha1.PinsAnnotation, strings.Join(pins, " ")).
		Note(v1alpha1.OwnersAnnotation, strings.Join(owners, " ")).
		Note(v1alpha1.UnmanagedAnnotation, string(v1alpha1.UnmanagedDeny)).Obj()
	return namespace, pins
}

// twoContainers is a pod of the last repository and one in the middle, by digest or by tag.
func twoContainers(pins []string, byTag bool) podBuilder {
	image := func(n int) string {
		if byTag {
			repository, _, _ := strings.Cut(pins[n], "@")
			return repository + ":v5"
		}
		return pins[n]
	}
	return MakePod(image(len(pins)-1)).Sidecar("sidecar", image(len(pins)/2))
}

// comparison holds the durations of creates without and with the lock, sorted.
type comparison struct{ open, locked []time.Duration }

func compare(t *testing.T, plain, locked string, pod podBuilder) comparison {
	t.Helper()
	dave := person("dave")
	var c comparison
	for n := range warmUp + *latency {
		for namespace, durations := range map[string]*[]time.Duration{plain: &c.open, locked: &c.locked} {
			object := pod.Pod(namespace, "p")
			start := time.Now()
			if err := dave.Create(t.Context(), object, dryRun); err != nil {
				t.Fatal(err)
			}
			if n >= warmUp {
				*durations = append(*durations, time.Since(start))
			}
		}
	}
	slices.Sort(c.open)
	slices.Sort(c.locked)
	return c
}

func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)-1)*percent/100]
}

func milliseconds(sorted []time.Duration, percent int) string {
	return fmt.Sprintf("%.2f", percentile(sorted, percent).Seconds()*1000)
}

func (c comparison) adds(percent int) string {
	return fmt.Sprintf("%.2f", (percentile(c.locked, percent)-percentile(c.open, percent)).Seconds()*1000)
}
