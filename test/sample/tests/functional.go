package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// requestTimeout is the longest that one answer may take.
	requestTimeout = 5 * time.Second
	// maxBody is more than any answer of the service.
	maxBody = 1 << 16
)

// example is a question and the only right answer.
type example struct {
	name  string
	path  string
	cents int64
	// refused is whether the question is wrong and has to be refused.
	refused bool
}

// examples are what the service promises.
var examples = []example{
	{name: "a quote is price times quantity", path: "/quote?cents=1999&quantity=3", cents: 5997},
	{name: "a discount is taken off and rounded to the nearest cent", path: "/quote?cents=1999&quantity=3&discount=15", cents: 5097},
	{name: "a gift costs nothing", path: "/quote?cents=1999&quantity=1&discount=100", cents: 0},
	{name: "a negative price is refused", path: "/quote?cents=-1&quantity=1", refused: true},
	{name: "a full refund is what was paid", path: "/refund?paid=1000&items=3&returned=3", cents: 1000},
	{name: "a refund of one third is rounded down", path: "/refund?paid=1000&items=3&returned=1", cents: 333},
	{name: "a refund of two thirds is rounded up", path: "/refund?paid=1000&items=3&returned=2", cents: 667},
	{name: "half a cent is rounded up", path: "/refund?paid=1&items=2&returned=1", cents: 1},
	{name: "a refund of more than was bought is refused", path: "/refund?paid=1000&items=3&returned=4", refused: true},
}

// smoke asks only whether the service is there.
func smoke(ctx context.Context, target string, report *report) error {
	status, body, err := get(ctx, http.DefaultClient, target+"/healthz")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err != nil {
		report.say("FAIL %s/healthz: %v", target, err)
		return errFailed
	}
	report.say("PASS %s is healthy", target)
	return nil
}

// functional asks every example and compares the answers to the cent.
type functional struct {
	// junit is the file that gets a report for programs, if any.
	junit string
}

func (f *functional) run(ctx context.Context, target string, report *report) error {
	failed, suite := 0, suite{Name: "checkout"}
	for _, e := range examples {
		err := e.check(ctx, target)
		suite.add(e.name, err)
		if err != nil {
			failed++
			report.say("FAIL %s: GET %s: %v", e.name, e.path, err)
			continue
		}
		report.say("PASS %s", e.name)
	}
	if f.junit != "" {
		if err := suite.write(f.junit); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d checks against %s", errFailed, failed, len(examples), target)
	}
	report.say("all %d checks passed against %s", len(examples), target)
	return nil
}

func (e example) check(ctx context.Context, target string) error {
	status, body, err := get(ctx, http.DefaultClient, target+e.path)
	switch {
	case err != nil:
		return err
	case e.refused:
		if status != http.StatusBadRequest {
			return fmt.Errorf("status %d, want 400: %s", status, body)
		}
		return nil
	case status != http.StatusOK:
		return fmt.Errorf("status %d: %s", status, body)
	}
	var got struct {
		Cents   *int64 `json:"cents"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Cents == nil {
		return fmt.Errorf("the answer is no amount: %s", body)
	}
	if *got.Cents != e.cents {
		return fmt.Errorf("got %d cents, want %d (version %s)", *got.Cents, e.cents, got.Version)
	}
	return nil
}

// get asks and returns all of the answer, without the space around it.
func get(ctx context.Context, client *http.Client, url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxBody))
	return response.StatusCode, bytes.TrimSpace(body), err
}
