//go:build !linux

package load

import "time"

// pause leaves the waiting to the attacker, whose timers have to do here.
func pause(time.Duration) time.Duration { return 0 }
