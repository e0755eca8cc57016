package promotiontest

import (
	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// WebhookGate makes a gate that asks a scanner.
func WebhookGate(name string) v1alpha1.Gate {
	return v1alpha1.Gate{Name: name, Purpose: v1alpha1.PurposeOther, Webhook: v1alpha1.WebhookGate{
		URL:        "https://scanner.example.com/gates/$(SLUICE_NAMESPACE)",
		SigningKey: v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: "signing-key"},
	}}
}

// WebhookFigures are those of such a gate that passed.
func WebhookFigures() v1alpha1.WebhookFigures {
	return v1alpha1.WebhookFigures{
		Answer: v1alpha1.AnswerPassed, Message: "214 checks", URL: "https://scanner.example.com/runs/7",
		Receiver: "scanner.example.com", Requests: new(int32(3)), EventID: "sl-0123456789abcdef0123",
	}
}

// WebhookRun makes an attempt of a webhook gate that ended, as the operator observes it.
func WebhookRun(run promotion.Run, figures v1alpha1.WebhookFigures) promotion.Run {
	run.State, run.Image, run.Load, run.Webhook = promotion.RunPassed, OperatorImage, nil, &figures
	return run
}
