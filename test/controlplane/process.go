package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// logTail is how much of a dead process's log an error quotes.
const logTail = 2000

// process is one child. It is its own process group, so that a Ctrl-C in the terminal reaches the
// test first and the test can still read from a living control plane while it cleans up.
type process struct {
	name    string
	logPath string
	command *exec.Cmd
	exited  chan struct{}
	// result is what Wait returned; read it only after exited is closed.
	result error
}

// startProcess runs path with args and appends its output to logs/name.log in dir.
func startProcess(dir, name, path string, args []string) (*process, error) {
	p := &process{name: name, logPath: filepath.Join(dir, "logs", name+".log"), exited: make(chan struct{})}
	if err := os.MkdirAll(filepath.Dir(p.logPath), 0o700); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.command = exec.Command(path, args...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = childAttributes()
	err = spawner().start(p.command)
	// The child has a descriptor of its own by now.
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("start %s (%s): %w", name, path, err)
	}
	go func() {
		p.result = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// kill ends the process group and returns when the process is gone. There is nothing to save, so
// there is no grace period either. Killing a process that has ended is no error.
func (p *process) kill() error {
	if err := syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s (process group %d): %w", p.name, p.command.Process.Pid, err)
	}
	<-p.exited
	return nil
}

// exit is how the process ended; for one that should run on, an exit code of 0 is a failure too.
func (p *process) exit() error {
	if p.result == nil {
		return errors.New("exit status 0")
	}
	return p.result
}

// failure says why the process ended, with the end of its log.
func (p *process) failure() error {
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return fmt.Errorf("%s ended unexpectedly: %w; and its log cannot be read: %w", p.name, p.exit(), err)
	}
	log = bytes.TrimSpace(log[max(0, len(log)-logTail):])
	return fmt.Errorf("%s ended unexpectedly: %w; the end of %s:\n%s", p.name, p.exit(), p.logPath, log)
}

// A starter starts all children from one operating system thread that lives as long as the program:
// the kernel sends the parent-death signal when the *thread* that made the child ends, and Go ends
// threads as it likes.
type starter struct {
	requests chan startRequest
}

type startRequest struct {
	command *exec.Cmd
	result  chan error
}

// spawner returns the program's only starter.
var spawner = sync.OnceValue(func() *starter {
	s := &starter{requests: make(chan startRequest)}
	go s.run()
	return s
})

func (s *starter) start(command *exec.Cmd) error {
	request := startRequest{command: command, result: make(chan error, 1)}
	s.requests <- request
	return <-request.result
}
