package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
)

const (
	// terminationLog is where Kubernetes reads the message of a container that ended, if anything.
	terminationLog = "/dev/termination-log"
	// terminationBytes is how much of it Kubernetes keeps.
	terminationBytes = 4096
)

// report prints lines, and keeps them.
type report struct {
	out  io.Writer
	text []byte
}

func (r *report) say(format string, args ...any) {
	line := fmt.Appendf(nil, format+"\n", args...)
	r.text = append(r.text, line...)
	if _, err := r.out.Write(line); err != nil {
		log.Printf("print the report: %v", err)
	}
}

// leave writes the report to path if there is such a file: outside Kubernetes there is none. What passed is left out:
// whoever reads the message of a container wants to know what did not.
func (r *report) leave(path string) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		text := withoutPassed(r.text)
		_, err = file.Write(text[max(0, len(text)-terminationBytes):])
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		log.Printf("leave the report in %s: %v", path, err)
	}
}

func withoutPassed(text []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("PASS ")) {
			kept = append(kept, line...)
		}
	}
	return kept
}
