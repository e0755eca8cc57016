package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	// settleAnswers in a row, each over a connection of its own, mean that the service's addresses have settled.
	settleAnswers = 5
	// settlePause lies between two questions.
	settlePause = 200 * time.Millisecond
	// settleTimeout bounds one question.
	settleTimeout = time.Second
)

// settle waits until the service answers steadily. Just after a rollout the addresses of pods that are gone may still be
// handed out for a moment: a request sent there would say nothing about the release.
func settle(ctx context.Context, target string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := &http.Client{Timeout: settleTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(settlePause)
	defer tick.Stop()
	var last error
	for answers := 0; answers < settleAnswers; {
		status, _, err := get(ctx, client, target+"/healthz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		answers++
		if err != nil {
			answers, last = 0, err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s/healthz does not answer steadily: %w", errFailed, target, last)
		case <-tick.C:
		}
	}
	return nil
}
