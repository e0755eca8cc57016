package gate

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// webhookSecrets are the key that signs, and values of headers.
func webhookSecrets(gate v1alpha1.WebhookGate) []ownSecret {
	secrets := []ownSecret{{result.KeyVariable, "signingKey", "signingKey", gate.SigningKey}}
	for i, header := range gate.Headers {
		secrets = append(secrets, ownSecret{result.HeaderVariable(i), "header " + header.Name, "secretKeyRef", header.SecretKeyRef})
	}
	return slices.DeleteFunc(secrets, ownSecret.missing)
}

// webhookContainer asks a receiver, with the operator's own image.
func webhookContainer(start promotion.StartGate) corev1.Container {
	return ownContainer(start, webhookProgram, webhookTask(start), webhookSecrets(start.Gate.Webhook))
}

// webhookTask is what the program is given. The Job's name is the id of the event: whoever makes this attempt, and however
// often it is sent, the receiver sees that it is the same.
func webhookTask(start promotion.StartGate) result.Task {
	images := make([]result.Image, 0, len(start.Images))
	for _, image := range start.Images {
		images = append(images, result.Image{Name: image.Name, Repository: image.Repository, Digest: image.Digest})
	}
	return result.Task{
		ID: start.Job, Gate: start.Gate.Webhook, TimeoutSeconds: promotion.WebhookSeconds(start.Gate), Networks: start.WebhookNetworks,
		Data: result.Data{
			Promotion: start.Promotion.Namespace + "/" + start.Promotion.Name, Pipeline: start.Pipeline, Environment: start.Environment,
			Namespace: start.Namespace, ReleaseHash: start.ReleaseHash, Images: images, Gate: start.Gate.Name, Attempt: start.Attempt,
		},
	}
}

// observeWebhook completes what was observed of a webhook gate: with what it was told, or with why that does not count.
func observeWebhook(run promotion.Run, job *batchv1.Job, pods []corev1.Pod) promotion.Run {
	return observeSingle(run, job, pods, "the receiver could not be asked", func(run *promotion.Run, left string) error {
		figures, err := result.Decode(left)
		run.Webhook = figures
		return err
	})
}
