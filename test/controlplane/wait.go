package controlplane

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how often a condition is looked at that nothing reports.
const pollInterval = 50 * time.Millisecond

// await returns when condition holds. It ends early when one of the processes that it depends on
// dies, and when ctx ends; the error then says what was awaited and why it did not hold at last.
func await(ctx context.Context, what string, needs []*process, condition func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		last := condition(ctx)
		if last == nil {
			return nil
		}
		for _, p := range needs {
			select {
			case <-p.exited:
				return fmt.Errorf("waiting for %s: %w", what, p.failure())
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}
