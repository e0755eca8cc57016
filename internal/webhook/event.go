package webhook

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// What the envelope says of every event.
const (
	eventType    = "dev.sluice.gate.v1alpha1"
	eventMedia   = "application/cloudevents+json; charset=UTF-8"
	specVersion  = "1.0"
	dataMedia    = "application/json"
	sourcePrefix = "/apis/sluice.dev/v1alpha1/namespaces/"
)

// event is CloudEvents 1.0 in its structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type event struct {
	SpecVersion     string      `json:"specversion"`
	Type            string      `json:"type"`
	Source          string      `json:"source"`
	Subject         string      `json:"subject"`
	ID              string      `json:"id"`
	Time            string      `json:"time"`
	DataContentType string      `json:"datacontenttype"`
	Data            result.Data `json:"data"`
}

// newEvent writes the event of a task. Source is the path of the Promotion in the API, subject the environment and the gate.
func newEvent(task result.Task, at time.Time) ([]byte, error) {
	namespace, name, _ := strings.Cut(task.Data.Promotion, "/")
	return json.Marshal(event{
		SpecVersion: specVersion, Type: eventType, ID: task.ID,
		Source:  sourcePrefix + namespace + "/promotions/" + name,
		Subject: task.Data.Environment + "/" + task.Data.Gate,
		Time:    at.UTC().Format(time.RFC3339), DataContentType: dataMedia, Data: task.Data,
	})
}
