package promotion

import "github.com/sluice-dev/sluice/api/v1alpha1"

// VerdictState is what a check says.
type VerdictState int

const (
	// Ready means that nothing stands in the way.
	Ready VerdictState = iota
	// Pending means that something has to happen first; the Promotion waits for it.
	Pending
	// Refused means that the Promotion ends.
	Refused
)

// Verdict is the answer of one check about one environment.
type Verdict struct {
	// State: Ready, Pending or Refused.
	State VerdictState
	// Reasons why it is not Ready.
	Reasons []v1alpha1.Reason
	// Cause with which the Promotion ends where it is Refused.
	Cause v1alpha1.EnvironmentCause
	// Why it is Refused: the message of the reason that did it.
	Why string
}

func ready() Verdict { return Verdict{} }

func pending(reasons ...v1alpha1.Reason) Verdict { return Verdict{State: Pending, Reasons: reasons} }

func pendingUnless(reasons []v1alpha1.Reason) Verdict {
	if len(reasons) == 0 {
		return ready()
	}
	return pending(reasons...)
}

func refused(cause v1alpha1.EnvironmentCause, reason v1alpha1.Reason) Verdict {
	return Verdict{State: Refused, Reasons: []v1alpha1.Reason{reason}, Cause: cause, Why: reason.Message}
}

// and joins two verdicts: the graver state, all the reasons.
func (a Verdict) and(b Verdict) Verdict {
	joined := Verdict{State: max(a.State, b.State), Reasons: append(a.Reasons, b.Reasons...), Cause: a.Cause, Why: a.Why}
	if b.State == Refused && a.State != Refused {
		joined.Cause, joined.Why = b.Cause, b.Why
	}
	return joined
}
