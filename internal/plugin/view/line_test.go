package view

import (
	"strings"
	"testing"
	"time"
)

func TestClean(t *testing.T) {
	for _, tc := range []struct{ reason, in, want string }{
		{"a text stays", "refunds: ½ → 1 ✓", "refunds: ½ → 1 ✓"},
		{"a text is one line long", "one\ntwo\tthree\r", "one two three "},
		{"a text cannot move the cursor", "ok\x1b[2K\x1b[1Aapproved", "ok\uFFFD[2K\uFFFD[1Aapproved"},
		{"a text cannot ring or go back", "a\a\b", "a\uFFFD\uFFFD"},
		{"a text cannot send 8-bit control sequences", "a\u009b2J", "a\uFFFD2J"},
		{"a text cannot turn around", "gpj\u202efdp.exe\u2066x", "gpj\uFFFDfdp.exe\uFFFDx"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if got := clean(tc.in); got != tc.want {
				t.Errorf("clean(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestRenderClips(t *testing.T) {
	l := line(toned(Good, "✓ "), text("日本語 checkout"))
	for _, tc := range []struct {
		reason string
		width  int
		want   string
	}{
		{"no width clips nothing", 0, "✓ 日本語 checkout"},
		{"what fits stays", 17, "✓ 日本語 checkout"},
		{"what does not fit is marked", 16, "✓ 日本語 checko…"},
		{"a wide character is not halved", 6, "✓ 日…"},
		{"nothing but the mark", 1, "…"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := Style{Width: tc.width}.Render(l)
			if got != tc.want {
				t.Errorf("width %d: got %q, want %q", tc.width, got, tc.want)
			}
			if tc.width > 0 && columnsOf(got) > tc.width {
				t.Errorf("width %d: %q takes %d columns", tc.width, got, columnsOf(got))
			}
		})
	}
}

// TestNothingFromOutsideReachesTheTerminal draws a promotion whose every text was written by somebody who means ill.
func TestNothingFromOutsideReachesTheTerminal(t *testing.T) {
	const evil = "\x1b[31m\u202e"
	p := waitingPromotion()
	p.Object.Name += evil
	p.Object.Spec.Reason, p.Object.Status.Message = evil, evil
	p.Object.Spec.Changes[0].Title, p.Object.Spec.Changes[0].URL, p.Object.Spec.Changes[0].Author = evil, evil, evil
	p.Object.Spec.OnBehalfOf[0], p.Object.Spec.Images[0].Tag = evil, evil
	for i := range p.Object.Status.Environments {
		e := &p.Object.Status.Environments[i]
		e.Message, e.Cause = evil, evil
		for j := range e.Reasons {
			e.Reasons[j].Type, e.Reasons[j].Message = evil, evil+"; kubectl "+evil
		}
		for j := range e.Gates {
			e.Gates[j].Name, e.Gates[j].Message = evil, evil
		}
		for j := range e.Approvals {
			e.Approvals[j].Approver, e.Approvals[j].Comment = evil, evil
		}
	}
	sheet := signOff()
	sheet.Promotion, sheet.Step = p.Object, p.Object.Status.Environments[2]
	sheet.Me, sheet.Groups, sheet.Awaiting.RequestedBy = evil, []string{evil}, evil
	sheet.Evidence[0].Name, sheet.Evidence[1].Spec.Message = evil, evil
	o := looking()
	drawn := Style{}.Text(append(append(p.Lines(o), Changes(o, nil, p)...), sheet.Lines(o)...))
	if strings.ContainsAny(drawn, evil[:1]+"\u202e") {
		t.Errorf("a text from an object reached the terminal as it was:\n%q", drawn)
	}
}

func TestSplitCommand(t *testing.T) {
	for _, tc := range []struct{ message, rest, command string }{
		{"waits; kubectl sluice approve x", "waits", "kubectl sluice approve x"},
		{"waits (kubectl rollout status x)", "waits (kubectl rollout status x)", ""},
		{"one; kubectl get x; then more", "one; kubectl get x; then more", ""},
	} {
		if rest, command := splitCommand(tc.message); rest != tc.rest || command != tc.command {
			t.Errorf("splitCommand(%q) = %q, %q", tc.message, rest, command)
		}
	}
}

func TestAgesAreNeverNegative(t *testing.T) {
	if got := looking().age(ago(-time.Hour)); got != "0s" {
		t.Errorf("the API server's clock may be ahead: got %s", got)
	}
	if got := looking().took(ago(0), ago(time.Hour)); got != "0s" {
		t.Errorf("an end before the start: got %s", got)
	}
}
