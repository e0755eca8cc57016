package view

import (
	"fmt"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// webhookNodes show where the report of a webhook gate is, and how often who was asked. Nothing for other gates.
func webhookNodes(f v1alpha1.WebhookFigures) []node {
	if f.Requests == nil {
		return nil
	}
	var nodes []node
	if f.URL != "" {
		nodes = append(nodes, node{label: line(text("report "), text(f.URL))})
	}
	noun := "requests"
	if *f.Requests == 1 {
		noun = "request"
	}
	return append(nodes, node{label: line(toned(Faint, fmt.Sprintf("%d %s to %s, event %s", *f.Requests, noun, f.Receiver, f.EventID)))})
}
