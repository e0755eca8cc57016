package promotion

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// IsWebhook says whether a gate asks a system of somebody else.
func IsWebhook(gate v1alpha1.Gate) bool { return gate.Webhook.URL != "" }

// WebhookSeconds is how long the answer to a webhook may take.
func WebhookSeconds(gate v1alpha1.Gate) int32 { return cmp.Or(gate.TimeoutSeconds, defaultGateTimeout) }

// webhookNetworks are the private networks that webhooks may call here.
func (v *visit) webhookNetworks() []string {
	if v.site.Environment == nil {
		return nil
	}
	return slices.Sorted(slices.Values(v.site.Environment.Spec.WebhookNetworks))
}

// soundWebhook says whether a webhook still makes sense whose numbers were set: the schema has seen others.
func soundWebhook(gate v1alpha1.Gate) error {
	if poll, most := gate.Webhook.PollSeconds, WebhookSeconds(gate); poll >= most {
		return fmt.Errorf("the answer is asked for every %d s, and timeoutSeconds is %d with these parameters: give more time", poll, most)
	}
	return nil
}

// JudgeWebhook turns what a receiver said into a verdict. Only an answer that says so passes.
func JudgeWebhook(f v1alpha1.WebhookFigures) (RunState, string) {
	who := cmp.Or(f.Receiver, "the receiver")
	switch f.Answer {
	case v1alpha1.AnswerPassed:
		return RunPassed, who + " says passed" + said(f.Message)
	case v1alpha1.AnswerFailed:
		text := who + " says failed" + said(f.Message)
		if f.URL != "" {
			text += " (" + f.URL + ")"
		}
		return RunFailed, text
	}
	return RunInconclusive, who + " gave no answer that counts" + said(f.Message)
}

func said(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
