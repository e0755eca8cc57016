package attacks_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestPolicyMatrix takes each policy away in turn, and tries attacks and twins as dry runs: without the policy, an
// attack has to succeed, or something legitimate to fail. A policy that nothing depends on is not needed, or not tested.
func TestPolicyMatrix(t *testing.T) {
	operatorIsDown(t)
	policies, err := sluicePolicies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows := threats()
	everything := func(attack) bool { return true }
	if broken := depending(t.Context(), rows, everything); len(broken) > 0 {
		t.Fatalf("with all policies in force, these do not hold: %v", broken)
	}
	needed := 0
	var removed []thing
	for _, policy := range slices.Sorted(maps.Keys(policies)) {
		// One wait for both: the one before comes back when the next one goes.
		for _, binding := range removed {
			put(t, binding)
		}
		removed = policies[policy]
		for _, binding := range removed {
			if err := root.Delete(t.Context(), binding.DeepCopy()); err != nil {
				t.Fatal(err)
			}
		}
		inForceNow(t)
		broken := depending(t.Context(), rows, concerns(policy, policies[policy]))
		if len(broken) == 0 {
			t.Errorf("nothing depends on %s: no attack succeeds without it, and nothing fails. Remove it, or write the attack", policy)
		} else {
			needed++
		}
		printRow(policy, broken)
	}
	for _, binding := range removed {
		put(t, binding)
	}
	inForceNow(t)
	if broken := depending(t.Context(), rows, everything); len(broken) > 0 {
		t.Errorf("with all policies back in force, these do not hold: %v", broken)
	}
	tell("policies: %d, needed: %d\n", len(policies), needed)
}

// dependent is a row that does not hold without a policy.
type dependent struct {
	row string
	// legitimate says that a request fails that must not; else an attack succeeds.
	legitimate bool
}

// concerns says which rows can depend on a policy. What a validating policy refuses, it refuses whether others do or not:
// so a row depends on no validating policy but on the one that refuses it. Where nothing refuses, and where what changes
// objects is gone, all rows are tried.
func concerns(policy string, bindings []thing) func(attack) bool {
	mutating := slices.ContainsFunc(bindings, func(b thing) bool { return b.GetKind() == "MutatingAdmissionPolicyBinding" })
	return func(a attack) bool { return mutating || a.must.by == policy || a.must.by == "" }
}

// depending returns the rows that do not hold at the moment, of those that are concerned.
func depending(ctx context.Context, rows []threat, concerned func(attack) bool) []dependent {
	var broken []dependent
	for _, threat := range rows {
		for _, a := range threat.attacks {
			if !concerned(a) {
				continue
			}
			if a.succeeds(ctx) {
				broken = append(broken, dependent{row: a.by.who + ": " + a.wants})
			}
			if err := a.but.works(ctx); err != nil {
				broken = append(broken, dependent{row: a.but.by.who + ": " + a.but.does, legitimate: true})
			}
		}
	}
	slices.SortStableFunc(broken, func(a, b dependent) int { return strings.Compare(a.row, b.row) })
	return slices.Compact(broken) // many attacks have the same twin
}

// succeeds says whether one way of the attack is let through. A refusal by another policy is a refusal.
func (a attack) succeeds(ctx context.Context) bool {
	for _, w := range a.how {
		a.by.heard.Take()
		answer, err := w.send(ctx, client.NewDryRunClient(a.by))
		if err != nil {
			continue
		}
		if a.must.holds(outcome{answer: answer, warned: a.by.heard.Take()}) != nil {
			return true
		}
	}
	return false
}

func inForceNow(t *testing.T) {
	t.Helper()
	if err := awaitPolicies(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// put creates a binding again as it was.
func put(t *testing.T, binding thing) {
	t.Helper()
	again := binding.DeepCopy()
	again.SetResourceVersion("")
	again.SetUID("")
	if err := root.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
}

func printRow(policy string, broken []dependent) {
	attacks, others := 0, 0
	for _, d := range broken {
		if d.legitimate {
			others++
		} else {
			attacks++
		}
	}
	tell("%s: without it %d attacks succeed, %d legitimate requests fail\n", policy, attacks, others)
	for n, d := range broken {
		if n == rowsShown {
			tell("    ... and %d more\n", len(broken)-n)
			break
		}
		what := "succeeds"
		if d.legitimate {
			what = "fails"
		}
		tell("    %s %s\n", what, d.row)
	}
}

// rowsShown is how many dependent rows the matrix lists of a policy.
const rowsShown = 8
