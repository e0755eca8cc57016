package controlplane

import (
	"runtime"
	"syscall"
)

// childAttributes has the kernel kill the child when this program ends, however it ends: a test that
// panics, times out or is killed leaves nothing behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func (s *starter) run() {
	// Never unlocked: the thread must outlive the children that it makes.
	runtime.LockOSThread()
	for request := range s.requests {
		request.result <- request.command.Start()
	}
}
