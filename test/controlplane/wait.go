package controlplane

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollInterval is how often a condition is looked at that nothing reports.
const pollInterval = 50 * time.Millisecond

// Until looks again until check returns nil. It ends early when one of broken says that waiting is in vain, and when ctx
// ends; the error then says what was awaited and why it did not hold at last.
func Until(ctx context.Context, what string, check func() error, broken ...func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		last := check()
		if last == nil {
			return nil
		}
		for _, b := range broken {
			if err := b(); err != nil {
				return fmt.Errorf("waiting for %s: %w", what, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// Eventually fails the test unless check returns nil within a time.
func Eventually(t testing.TB, patience time.Duration, what string, check func() error, broken ...func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Until(ctx, what, check, broken...); err != nil {
		t.Fatal(err)
	}
}

// await is Until for a condition that depends on processes: it ends early when one of them dies.
func await(ctx context.Context, what string, needs []*process, condition func(context.Context) error) error {
	return Until(ctx, what, func() error { return condition(ctx) }, func() error {
		for _, p := range needs {
			select {
			case <-p.exited:
				return p.failure()
			default:
			}
		}
		return nil
	})
}
