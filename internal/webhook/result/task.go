package result

import (
	"strconv"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// KeyVariable holds the signing key in the pod. It and the values of headers do not begin with SLUICE_, so that no URL can
// take them in.
const KeyVariable = "WEBHOOK_SIGNING_KEY"

// HeaderVariable holds the value of a header that comes from the Secret.
func HeaderVariable(index int) string { return "WEBHOOK_HEADER_" + strconv.Itoa(index) }

// Task is what a pod of a webhook gate is given: the gate, and what only the operator knows.
type Task struct {
	// ID of the event: the same whenever this attempt is made, by whichever pod.
	ID string `json:"id"`
	// Gate to run.
	Gate v1alpha1.WebhookGate `json:"gate"`
	// TimeoutSeconds within which the answer has to come.
	TimeoutSeconds int32 `json:"timeoutSeconds"`
	// Networks of private addresses that may be called.
	Networks []string `json:"networks,omitempty"`
	// Data of the event.
	Data Data `json:"data"`
}

// Data is what a receiver is told. It is an API: docs/gates.md describes it.
type Data struct {
	// Promotion as namespace/name.
	Promotion string `json:"promotion"`
	// Pipeline as namespace/name.
	Pipeline string `json:"pipeline"`
	// Environment by its name in the pipeline.
	Environment string `json:"environment"`
	// Namespace in which the release runs.
	Namespace string `json:"namespace"`
	// ReleaseHash identifies the release.
	ReleaseHash string `json:"releaseHash"`
	// Images of the release.
	Images []Image `json:"images"`
	// Gate by name.
	Gate string `json:"gate"`
	// Attempt number, from 1.
	Attempt int32 `json:"attempt"`
}

// Image is one image of a release, as it is pulled in the environment.
type Image struct {
	// Name in the pipeline.
	Name string `json:"name"`
	// Repository without tag and digest.
	Repository string `json:"repository"`
	// Digest, as sha256:...
	Digest string `json:"digest"`
}
