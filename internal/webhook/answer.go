package webhook

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/json"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// answer is what a receiver says in JSON. What it says beyond that is not looked at.
type answer struct {
	Result  string `json:"result"`
	Message string `json:"message"`
	URL     string `json:"url"`
	Poll    string `json:"poll"`
}

// readAnswer reads a body. Names of fields are as they are documented, to the letter, and each is there once: of two results
// nobody could tell which one is meant.
func readAnswer(body []byte) (answer, error) {
	var a answer
	twice, err := json.UnmarshalStrict(body, &a, json.DisallowDuplicateFields)
	if err != nil {
		return answer{}, fmt.Errorf(`the body is no JSON object such as {"result": "passed"}: %w`, err)
	}
	return a, errors.Join(twice...)
}

// verdict is an answer that decides the gate; an error says why it does not.
func (a answer) verdict() (v1alpha1.WebhookFigures, error) {
	var figures v1alpha1.WebhookFigures
	switch a.Result {
	case "passed":
		figures.Answer = v1alpha1.AnswerPassed
	case "failed":
		figures.Answer = v1alpha1.AnswerFailed
	case "":
		return figures, errors.New("there is no result: write passed or failed, or answer 202 where that is not decided")
	default:
		return figures, fmt.Errorf("result is %q, and has to be passed or failed", v1alpha1.Clip(a.Result, 64))
	}
	switch {
	case a.Poll != "":
		return v1alpha1.WebhookFigures{}, errors.New("there is a result and poll: answer 202 with poll where nothing is decided, and 200 with result where it is")
	case a.URL != "" && !result.IsReport(a.URL):
		return v1alpha1.WebhookFigures{}, fmt.Errorf("url is %q, and has to be an http or https URL of at most %d characters", v1alpha1.Clip(a.URL, 64), result.MaxURL)
	}
	figures.Message, figures.URL = termination.OneLine(a.Message, result.MaxText), a.URL
	return figures, nil
}

// pollAt is where a receiver asks to be asked again: by poll, or by a Location. Nil where it says nothing. It has to be at
// the receiver itself: else it could send this pod, with its headers, to wherever it likes.
func pollAt(receiver *url.URL, a answer, location string) (*url.URL, error) {
	text := a.Poll
	if text == "" {
		text = location
	}
	if text == "" {
		return nil, nil
	}
	if len(text) > result.MaxURL {
		return nil, fmt.Errorf("poll has %d characters, and %d are the most", len(text), result.MaxURL)
	}
	parsed, err := receiver.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("poll %q is no URL", v1alpha1.Clip(text, 64))
	case origin(parsed) != origin(receiver) || parsed.User != nil:
		return nil, fmt.Errorf("poll is %q, and only URLs at %s://%s are asked", v1alpha1.Clip(text, 128), receiver.Scheme, receiver.Host)
	}
	parsed.Fragment = ""
	return parsed, nil
}

// origin is who answers at a URL: scheme, host and port.
func origin(u *url.URL) [3]string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return [3]string{u.Scheme, strings.ToLower(u.Hostname()), port}
}
