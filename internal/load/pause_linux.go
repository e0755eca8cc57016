package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// pause waits for a time, and returns how long it did. The runtime's timers wake an idle program up to a millisecond
// late, as it waits for the network in whole milliseconds; the kernel's are right to some 50 microseconds.
func pause(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	wanted, rest := unix.NsecToTimespec(d.Nanoseconds()), unix.Timespec{}
	if err := unix.Nanosleep(&wanted, &rest); err != nil {
		return d - time.Duration(rest.Nano())
	}
	return d
}
