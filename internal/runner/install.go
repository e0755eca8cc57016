package runner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// programMode lets every user of the pod run the program: the test's image says which one it has.
const programMode = 0o555

// Install copies the program that runs into a directory, as sluice. It may be there already, in whole or in part: a
// kubelet that was interrupted runs an init container again.
func Install(directory string) error {
	if err := install(directory); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	return nil
}

func install(directory string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	source, err := os.Open(self)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.CreateTemp(directory, "sluice-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Chmod(programMode), target.Close()); err != nil {
		return errors.Join(err, os.Remove(target.Name()))
	}
	return os.Rename(target.Name(), filepath.Join(directory, "sluice"))
}
