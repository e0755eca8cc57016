package webhook

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/outbound"
	"github.com/sluice-dev/sluice/internal/termination"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

const (
	defaultPoll = 10 * time.Second
	// What lies between two attempts to reach a receiver doubles from the first to the last of these.
	minBackoff, maxBackoff = time.Second, time.Minute
	// maxRetryAfter bounds how long a receiver may have us wait.
	maxRetryAfter = 5 * time.Minute
	// maxLine bounds what is shown of an answer that is none.
	maxLine = 200
)

// Caller runs one webhook gate.
type Caller struct {
	// Task to do.
	Task result.Task
	// Lookup finds variables that the URL names, and what is secret.
	Lookup outbound.Lookup
	// Progress is written to, a line for each request.
	Progress io.Writer
	// Clock of the machine.
	Clock clock.Clock
	// Pause waits for a time; nil waits for real.
	Pause func(ctx context.Context, d time.Duration) error
}

// Run asks the receiver until it answers or the time is over, and returns what it said. An error means that the gate itself
// is wrong, or that the program was stopped.
func (c *Caller) Run(ctx context.Context) (*v1alpha1.WebhookFigures, error) {
	client, err := newClient(c.Task, c.Lookup, c.Clock)
	if err != nil {
		return nil, err
	}
	begin := c.Clock.Now()
	event, err := newEvent(c.Task, begin)
	if err != nil {
		return nil, err
	}
	call := &conversation{
		client: client, to: client.receiver, body: event,
		poll: time.Duration(c.Task.Gate.PollSeconds) * time.Second, timeout: time.Duration(c.Task.TimeoutSeconds) * time.Second,
	}
	call.poll = cmp.Or(call.poll, defaultPoll)
	figures, err := c.converse(ctx, call, begin.Add(call.timeout))
	if err != nil {
		return nil, fmt.Errorf("stopped after %d requests: %w", call.requests, err)
	}
	figures.Receiver, figures.EventID = termination.OneLine(client.receiver.Host, result.MaxReceiver), c.Task.ID
	figures.Requests = &call.requests
	if figures.Answer != v1alpha1.AnswerNone {
		figures.AnswerTime = &metav1.Time{Time: c.Clock.Now().Truncate(time.Second)}
	}
	return figures, nil
}

// converse sends requests until something is decided. The last one is sent when the time is over.
func (c *Caller) converse(ctx context.Context, call *conversation, deadline time.Time) (*v1alpha1.WebhookFigures, error) {
	for last := false; ; {
		reply, err := call.client.send(ctx, call.to, call.body)
		if err != nil {
			return nil, err
		}
		call.requests++
		decided := call.take(reply)
		c.say(call)
		remaining := deadline.Sub(c.Clock.Now())
		switch {
		case decided != nil:
			return decided, nil
		case last || remaining <= 0:
			return none("no answer within %s: %s", call.timeout, call.said), nil
		}
		if last = call.wait >= remaining; last {
			call.wait = remaining
		}
		if err := c.pause(ctx, call.wait); err != nil {
			return nil, err
		}
	}
}

func (c *Caller) pause(ctx context.Context, d time.Duration) error {
	if c.Pause != nil {
		return c.Pause(ctx, d)
	}
	return outbound.Pause(ctx, d)
}

// say is best effort: that nobody reads a line changes no answer.
func (c *Caller) say(call *conversation) {
	if _, err := fmt.Fprintf(c.Progress, "request %d: %s\n", call.requests, call.said); err != nil {
		c.Progress = io.Discard
	}
}

// conversation is how far a receiver was asked.
type conversation struct {
	client *client
	// to is asked next: with the event, or without a body for the answer that was promised.
	to   *url.URL
	body []byte
	// poll lies between two questions, and timeout bounds them all.
	poll, timeout time.Duration

	requests int32
	// failures in a row, and how long to wait before the next request.
	failures int
	wait     time.Duration
	// said tells of the last reply, for people.
	said string
}

// none are the figures of a gate without an answer.
func none(format string, args ...any) *v1alpha1.WebhookFigures {
	return &v1alpha1.WebhookFigures{Answer: v1alpha1.AnswerNone, Message: termination.OneLine(fmt.Sprintf(format, args...), result.MaxText)}
}

// take looks at a reply and returns what it decides; nil where the receiver has to be asked again.
func (c *conversation) take(r reply) *v1alpha1.WebhookFigures {
	switch {
	case r.lost != nil && r.final:
		return c.end(none("%s", r.lost))
	case r.lost != nil:
		c.again(termination.OneLine(r.lost.Error(), result.MaxText), 0)
		return nil
	case r.status >= http.StatusInternalServerError, r.status == http.StatusTooManyRequests, r.status == http.StatusRequestTimeout, r.status == http.StatusTooEarly:
		c.again(statusLine(r), r.retryAfter)
		return nil
	case r.status == http.StatusOK, r.status == http.StatusAccepted:
		return c.hear(r)
	case r.status >= http.StatusMultipleChoices && r.status < http.StatusBadRequest:
		return c.end(none("%s, a redirect to %q, and redirects are not followed: write as url where it really is", statusLine(reply{status: r.status}), v1alpha1.Clip(r.location, maxLine)))
	case r.status >= http.StatusBadRequest:
		return c.end(none("%s", statusLine(r)))
	}
	return c.end(none("%s, which says nothing: 200 with a result is an answer, and 202 promises one", statusLine(reply{status: r.status})))
}

// hear reads what a receiver says.
func (c *conversation) hear(r reply) *v1alpha1.WebhookFigures {
	if len(r.body) > maxBody {
		return c.end(none("the answer has more than %d KiB", maxBody>>10))
	}
	if r.status == http.StatusAccepted {
		return c.later(r)
	}
	said, err := readAnswer(r.body)
	if err != nil {
		return c.end(none("the answer cannot be read: %s", err))
	}
	figures, err := said.verdict()
	if err != nil {
		return c.end(none("the answer cannot be read: %s", err))
	}
	return c.end(&figures)
}

// later remembers where the answer will be. A question for it that is answered 202 again need not say so again.
func (c *conversation) later(r reply) *v1alpha1.WebhookFigures {
	var said answer
	if len(r.body) > 0 {
		var err error
		if said, err = readAnswer(r.body); err != nil {
			return c.end(none("the answer cannot be read: %s", err))
		}
	}
	at, err := pollAt(c.client.receiver, said, r.location)
	switch {
	case err != nil:
		return c.end(none("the answer cannot be read: %s", err))
	case said.Result != "":
		return c.end(none("the answer cannot be read: there is a result with 202: answer 200 where it is decided"))
	case at == nil && c.body != nil:
		return c.end(none("it answered 202, and not where it can be asked: write poll, or a Location"))
	case at != nil:
		c.to = at
	}
	c.body, c.failures = nil, 0
	c.wait = max(c.poll, min(r.retryAfter, maxRetryAfter))
	c.said = "the answer comes later"
	if message := termination.OneLine(said.Message, maxLine); message != "" {
		c.said += ": " + message
	}
	return nil
}

// again waits before the same request: longer from one time to the next, and as long as the receiver says.
func (c *conversation) again(said string, retryAfter time.Duration) {
	backoff := min(minBackoff<<min(c.failures, 6), maxBackoff)
	if c.body == nil {
		backoff = max(backoff, c.poll)
	}
	c.wait = max(backoff, min(retryAfter, maxRetryAfter))
	c.failures++
	c.said = said
}

// end takes down what was decided.
func (c *conversation) end(figures *v1alpha1.WebhookFigures) *v1alpha1.WebhookFigures {
	c.said = termination.OneLine(strings.ToLower(string(figures.Answer))+": "+figures.Message, result.MaxText)
	return figures
}

// statusLine is a status with the first line of what came with it.
func statusLine(r reply) string {
	text := fmt.Sprintf("it answered %d", r.status)
	if words := http.StatusText(r.status); words != "" {
		text += " " + words
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(r.body)), "\n")
	if first = termination.OneLine(first, maxLine); first != "" {
		text += ": " + first
	}
	return text
}
