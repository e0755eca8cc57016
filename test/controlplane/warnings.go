package controlplane

import (
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings are what the API server told a client. It is a rest.WarningHandler; the zero value has heard nothing.
type Warnings struct {
	mutex sync.Mutex
	texts []string
}

var _ rest.WarningHandler = &Warnings{}

// HandleWarningHeader implements rest.WarningHandler.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.texts = append(w.texts, text)
}

// Take returns what was heard since the last call, a line each.
func (w *Warnings) Take() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	texts := strings.Join(w.texts, "\n")
	w.texts = nil
	return texts
}
