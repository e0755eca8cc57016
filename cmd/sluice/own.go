package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/pflag"

	"github.com/sluice-dev/sluice/internal/termination"
)

// ownOptions are those of what the operator runs in pods to measure: where the gate is read, and where the result is left.
type ownOptions struct {
	specFile   string
	resultFile string
	output     io.Writer
}

func (o *ownOptions) addFlags(flags *pflag.FlagSet, variable string) {
	flags.StringVar(&o.specFile, "spec", "", "file with the gate as JSON; default: the variable "+variable)
	flags.StringVar(&o.resultFile, "result", "/dev/termination-log", "where to leave the result, if there is such a file")
}

// read reads what to do.
func (o *ownOptions) read(variable string, gate any) error {
	text, source := []byte(os.Getenv(variable)), variable
	if o.specFile != "" {
		var err error
		if text, err = os.ReadFile(o.specFile); err != nil {
			return fmt.Errorf("read --spec: %w", err)
		}
		source = o.specFile
	}
	if len(text) == 0 {
		return errors.New("there is no gate to run: set " + variable + " or --spec")
	}
	if err := json.Unmarshal(text, gate); err != nil {
		return fmt.Errorf("the gate in %s: %w", source, err)
	}
	return nil
}

// finish prints what a program found in full, and leaves it as short as it has to be; or it leaves why there is nothing.
func (o *ownOptions) finish(full, short []byte, err error) error {
	if err != nil {
		return o.leave([]byte(err.Error()), err)
	}
	if _, err := fmt.Fprintf(o.output, "result %s\n", full); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return o.leave(short, nil)
}

// leave writes a message for the kubelet if there is such a file: outside Kubernetes there is none. It returns the error
// that it was given, else its own.
func (o *ownOptions) leave(text []byte, cause error) error {
	file, err := os.OpenFile(o.resultFile, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return cause
	}
	if err == nil {
		_, err = file.Write(text[:min(len(text), termination.MaxBytes)])
		err = errors.Join(err, file.Close())
	}
	if cause == nil && err != nil {
		return fmt.Errorf("leave the result: %w", err)
	}
	return cause
}
