package integration_test

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/controlplane"
	inprocess "github.com/sluice-dev/sluice/test/operator"
)

// writeBudget is the most that the operator may write for one promotion: one claim, pin, touch, record and release and
// two Jobs for each of three environments, one wait for sign-off, and a status write for every state that shows.
const writeBudget = 31

func TestOnePromotionFromDevToProd(t *testing.T) {
	s := newShop(t, "writes")
	s.createPipeline()
	for _, environment := range []string{"dev", "test", "prod"} {
		s.awaitReady(environment)
	}
	s.promote("first", digest(1))
	s.approve("alice", "first")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	awaitQuiet(t, s.name)

	// The second promotion is the usual one: everything has run before.
	before := operatorWrites(t, s.name)
	s.promote("second", digest(2))
	s.approve("alice", "second")
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	awaitQuiet(t, s.name)
	for _, environment := range []string{"dev", "test", "prod"} {
		if got := s.templateImage(environment); got != "@"+digest(2) {
			t.Errorf("%s runs %s, want the promoted digest", environment, got)
		}
	}
	total := printWrites(t, before, operatorWrites(t, s.name))
	if asked := rightsAsked(t, s.namespace("prod")); asked == 0 {
		t.Error("nobody was asked whether alice still may sign")
	} else {
		t.Logf("for two promotions, each signed once, the operator asked %d times whether somebody still may sign; that stores nothing", asked)
	}
	if total > writeBudget {
		t.Errorf("the operator wrote %d times for one promotion, want at most %d", total, writeBudget)
	}
}

func (s *shop) approve(user, name string) {
	s.t.Helper()
	s.awaitReason(name, "prod", v1alpha1.ReasonApprovalsMissing)
	eventually(s.t, user+" signs "+name, func() error { return s.sign(user, name, "prod", v1alpha1.DecisionApproved) })
}

// operatorWrites counts the operator's writes in a team's namespaces by verb and resource, as the API server's audit log has them. Events are counted apart: they expire, and are no state.
func operatorWrites(t *testing.T, team string) map[string]int {
	t.Helper()
	events, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range events {
		who := e.User.Username
		if e.ImpersonatedUser != nil {
			who = e.ImpersonatedUser.Username
		}
		if who != inprocess.Name || !controlplane.Writes(e) || e.Stage != "ResponseComplete" || e.ObjectRef == nil || !strings.HasPrefix(cmp.Or(e.ObjectRef.Namespace, e.ObjectRef.Name), team) {
			continue
		}
		what := e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			what += "/" + e.ObjectRef.Subresource
		}
		counts[fmt.Sprintf("%-7s %s", e.Verb, what)]++
	}
	return counts
}

// rightsAsked counts the operator's questions about rights in a namespace.
func rightsAsked(t *testing.T, namespace string) int {
	t.Helper()
	events, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, e := range events {
		if e.RequestObject != nil && e.ObjectRef != nil && e.ObjectRef.Resource == "subjectaccessreviews" && strings.Contains(string(e.RequestObject.Raw), `"namespace":"`+namespace+`"`) {
			asked++
		}
	}
	return asked
}

// printWrites prints the difference of two counts, and returns the total without events.
func printWrites(t *testing.T, before, after map[string]int) int {
	t.Helper()
	var lines []string
	total, events := 0, 0
	for what, n := range after {
		if n -= before[what]; n == 0 {
			continue
		}
		if strings.HasSuffix(what, " events") {
			events += n
			continue
		}
		total += n
		lines = append(lines, fmt.Sprintf("%4d %s", n, what))
	}
	sort.Strings(lines)
	t.Logf("the operator's writes for one promotion:\n%s\n%4d events, which expire and are not counted", strings.Join(lines, "\n"), events)
	fmt.Printf("writes per promotion: %d\n", total)
	return total
}

// quietLooks is how many looks in a row have to find nothing new.
const quietLooks = 30

// awaitQuiet waits until the operator writes nothing any more.
func awaitQuiet(t *testing.T, team string) {
	t.Helper()
	last, same := -1, 0
	eventually(t, "the operator is quiet", func() error {
		total := 0
		for _, n := range operatorWrites(t, team) {
			total += n
		}
		if total != last {
			last, same = total, 0
		}
		same++
		if same < quietLooks {
			return fmt.Errorf("%d writes so far", total)
		}
		return nil
	})
}
