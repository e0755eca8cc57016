// Package clock is the one place where the time of day is read, so that everything else can be tested at any time.
package clock

import "time"

// Clock tells the time.
type Clock interface {
	// Now is the present time.
	Now() time.Time
}

// Real is the clock of the machine.
type Real struct{}

// Now is the present time.
func (Real) Now() time.Time { return time.Now() }
