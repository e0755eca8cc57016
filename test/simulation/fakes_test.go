package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// fakeClock is moved by the simulation alone.
type fakeClock struct{ now time.Time }

// Now as clock.Clock.
func (c *fakeClock) Now() time.Time { return c.now }

// begin is when every schedule begins.
var begin = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

func newClock() *fakeClock {
	return &fakeClock{now: begin}
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// manifest is the content of an image; its hash is the image's digest.
func manifest(content string) []byte {
	return []byte(`{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json",` +
		`"digest":"sha256:` + strings.Repeat("0", 64) + `","size":2},"layers":[],"annotations":{"content":"` + content + `"}}`)
}

func digestOf(content string) string {
	sum := sha256.Sum256(manifest(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fakeRegistry answers what the operator's real resolver asks, from memory, and questions about rights.
type fakeRegistry struct {
	// tags holds the content by "repository:tag", without the host.
	tags map[string]string
	// contents by digest.
	contents map[string]string
	// down says that nobody answers.
	down bool
	// deaf says that the API server does not answer questions about rights.
	deaf bool
}

const registryHost = "registry.example.com"

func newRegistry() *fakeRegistry {
	return &fakeRegistry{tags: map[string]string{}, contents: map[string]string{}}
}

// push gives a tag a content.
func (r *fakeRegistry) push(repository, tag, content string) {
	r.tags[repository+":"+tag] = content
	r.contents[digestOf(content)] = content
}

// RoundTrip as http.RoundTripper.
func (r *fakeRegistry) RoundTrip(request *http.Request) (*http.Response, error) {
	if r.down {
		return nil, errors.New("connection refused")
	}
	path := strings.TrimPrefix(request.URL.Path, "/v2/")
	if path == "" {
		return answer(request, http.StatusOK, "application/json", []byte("{}")), nil
	}
	repository, reference, found := strings.Cut(path, "/manifests/")
	content := r.contents[reference]
	if !strings.HasPrefix(reference, "sha256:") {
		content = r.tags[registryHost+"/"+repository+":"+reference]
	}
	if !found || content == "" {
		return answer(request, http.StatusNotFound, "application/json", []byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)), nil
	}
	response := answer(request, http.StatusOK, manifestType, manifest(content))
	response.Header.Set("Docker-Content-Digest", digestOf(content))
	return response, nil
}

// MaySign as controller.Reviewer: everybody may, as long as somebody answers.
func (r *fakeRegistry) MaySign(context.Context, string, v1alpha1.Approver) (bool, error) {
	if r.deaf {
		return false, errors.New("connection refused")
	}
	return true, nil
}

func answer(request *http.Request, status int, mediaType string, body []byte) *http.Response {
	response := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {mediaType}}, ContentLength: int64(len(body)), Request: request,
		Body: io.NopCloser(bytes.NewReader(body)),
	}
	if request.Method == http.MethodHead {
		response.Body = http.NoBody
	}
	return response
}

// eventLog collects what the operator publishes.
type eventLog struct{ note func(string) }

var _ recorder.EventRecorder = eventLog{}

// Eventf as events.EventRecorder.
func (l eventLog) Eventf(_, _ runtime.Object, kind, reason, _, format string, arguments ...any) {
	if l.note != nil {
		l.note("event " + kind + " " + reason + ": " + fmt.Sprintf(format, arguments...))
	}
}

// AnnotatedEventf as events.AnnotatedEventRecorder.
func (l eventLog) AnnotatedEventf(regarding, related runtime.Object, _ map[string]string, kind, reason, action, format string, arguments ...any) {
	l.Eventf(regarding, related, kind, reason, action, format, arguments...)
}
