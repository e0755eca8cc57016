package load

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// target is a target made ready: what to send, and how to tell a good answer.
type target struct {
	// plain is what to send; marked is the same, for a request that had to wait until others were answered.
	plain, marked vegeta.Target
	statuses      []int32
	contains      []byte
	matches       *regexp.Regexp
}

// The fragment of a URL is not sent. In it the attacker carries through which target a request is for, and whether the
// request was held back: its results tell nothing else of where they come from.
const heldBackMark = "h"

func newTarget(index int, spec v1alpha1.LoadTarget, lookup Lookup) (target, error) {
	spec, err := expand(spec, lookup)
	if err != nil {
		return target{}, err
	}
	if u, err := url.Parse(spec.URL); err != nil || u.Host == "" || u.Fragment != "" {
		return target{}, fmt.Errorf("target %q is no URL to send requests to; write http://host/path", spec.URL)
	}
	t := target{statuses: spec.Statuses, contains: []byte(spec.BodyContains)}
	if spec.BodyMatches != "" {
		if t.matches, err = regexp.Compile(spec.BodyMatches); err != nil {
			return target{}, fmt.Errorf("target %s: bodyMatches: %w", spec.URL, err)
		}
	}
	header := http.Header{"User-Agent": {"sluice-load"}}
	for _, h := range spec.Headers {
		if h.Value == nil {
			return target{}, fmt.Errorf("target %s: header %s has no value", spec.URL, h.Name)
		}
		header.Set(h.Name, *h.Value)
	}
	method := string(spec.Method)
	if method == "" {
		method = http.MethodGet
	}
	mark := spec.URL + "#" + strconv.Itoa(index)
	t.plain = vegeta.Target{Method: method, URL: mark, Header: header, Body: []byte(spec.Body)}
	t.marked = t.plain
	t.marked.URL = mark + heldBackMark
	return t, nil
}

// origin reads from the URL of a result which target it is of, and whether the request was held back.
func origin(address string) (index int, heldBack bool) {
	mark := address[strings.LastIndexByte(address, '#')+1:]
	mark, heldBack = strings.CutSuffix(mark, heldBackMark)
	index, err := strconv.Atoi(mark)
	if err != nil {
		return -1, heldBack
	}
	return index, heldBack
}

// judge says how an answer is wrong; empty where it is good.
func (t *target) judge(status int, body []byte) (v1alpha1.LoadFailureKind, string) {
	switch {
	case len(t.statuses) > 0 && !slices.Contains(t.statuses, int32(status)), len(t.statuses) == 0 && (status < 200 || status > 299):
		return v1alpha1.FailureStatus, "status " + strconv.Itoa(status)
	case len(t.contains) > 0 && !bytes.Contains(body, t.contains):
		return v1alpha1.FailureBody, fmt.Sprintf("the body does not contain %q", t.contains)
	case t.matches != nil && !t.matches.Match(body):
		return v1alpha1.FailureBody, fmt.Sprintf("the body does not match %q", t.matches)
	}
	return "", ""
}
