package runner

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// programMode lets every user of the pod run the program: the test's image says which one it has.
const programMode = 0o555

// Install copies the program that runs into a directory, as sluice.
func Install(directory string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	source, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(filepath.Join(directory, "sluice"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, programMode)
	if err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	if _, err := io.Copy(target, source); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	if err := target.Close(); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	return os.Chmod(target.Name(), programMode)
}
