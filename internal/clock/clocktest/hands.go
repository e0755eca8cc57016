// Package clocktest is a clock for tests of what waits.
package clocktest

import (
	"context"
	"time"
)

// Hands are a clock that moves by pausing alone.
type Hands struct {
	// Time that it shows.
	Time time.Time
	// Pauses so far.
	Pauses []time.Duration
}

// Now is the time that it shows.
func (h *Hands) Now() time.Time { return h.Time }

// Pause moves it at once, and returns the error of the context.
func (h *Hands) Pause(ctx context.Context, d time.Duration) error {
	h.Time, h.Pauses = h.Time.Add(d), append(h.Pauses, d)
	return ctx.Err()
}
