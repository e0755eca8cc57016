// Package result is what a webhook gate is given and what it leaves behind: figures in the termination message of its
// container, which nobody but a kubelet reports. It is pure.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

// What the API's schema lets figures hold, in bytes.
const (
	MaxText     = 512
	MaxURL      = 1024
	MaxReceiver = 300
	maxID       = 64
)

// Encode writes figures for the message of a container, in at most termination.MaxBytes.
func Encode(f *v1alpha1.WebhookFigures) ([]byte, error) {
	return termination.Encode(f, func(short *v1alpha1.WebhookFigures) { short.Message = v1alpha1.Clip(f.Message, 100) })
}

// Decode reads what Encode wrote.
func Decode(text string) (*v1alpha1.WebhookFigures, error) {
	f := &v1alpha1.WebhookFigures{}
	if err := json.Unmarshal([]byte(text), f); err != nil {
		return nil, fmt.Errorf("it is no result of a webhook gate: %w", err)
	}
	if err := check(f); err != nil {
		return nil, fmt.Errorf("it is no result of a webhook gate: %w", err)
	}
	f.Message, f.Receiver, f.EventID = termination.OneLine(f.Message, MaxText), termination.OneLine(f.Receiver, MaxReceiver), termination.OneLine(f.EventID, maxID)
	return f, nil
}

// check says what figures say that the program never does.
func check(f *v1alpha1.WebhookFigures) error {
	known := []v1alpha1.WebhookAnswer{v1alpha1.AnswerPassed, v1alpha1.AnswerFailed, v1alpha1.AnswerNone}
	switch {
	case !slices.Contains(known, f.Answer):
		return fmt.Errorf("the answer is %q", v1alpha1.Clip(string(f.Answer), 32))
	case f.Requests == nil || *f.Requests < 0:
		return errors.New("it does not say how many requests were sent")
	case *f.Requests == 0 && f.Answer != v1alpha1.AnswerNone:
		return errors.New("an answer without a request")
	case f.URL != "" && !IsReport(f.URL):
		return errors.New("its url is none")
	}
	return nil
}

// IsReport says whether a text is a URL that people can be shown: http or https, without a user, and nothing that could
// pass for something else on a screen.
func IsReport(text string) bool {
	if len(text) > MaxURL || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" && parsed.User == nil
}
