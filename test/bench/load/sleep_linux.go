package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep for exactly that long: the runtime's timers wake up to a millisecond late, which is 1 % of what is measured here.
func sleep(d time.Duration) {
	for rest := unix.NsecToTimespec(d.Nanoseconds()); ; {
		wanted := rest
		if unix.Nanosleep(&wanted, &rest) == nil {
			return
		}
	}
}
