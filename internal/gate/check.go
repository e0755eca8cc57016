package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// secretPrefix begins the name of each Secret that gates may read.
const secretPrefix = "sluice-gate."

// SecretName is the one Secret that the gates of a pipeline, given as namespace/name, may read in an environment's
// namespace. Whoever owns that namespace lets them in by making a Secret of this name, so that the operator needs no
// right to read Secrets, and the kubelet no help to tell. The whole name has to match, not its beginning: else the
// pipeline "shop" could read what is meant for "shop-api". A namespace holds no dot, so no two pipelines share a name.
func SecretName(pipeline string) string {
	return secretPrefix + strings.Replace(pipeline, "/", ".", 1)
}

// Check says whether a gate asks for something that a gate of this pipeline, given as namespace/name, may not have, and
// what to write instead.
func Check(gate v1alpha1.Gate, pipeline string) error {
	if gate.Job.Image == "" && !promotion.IsLoad(gate) && !promotion.IsMetric(gate) && !promotion.IsWebhook(gate) {
		return fmt.Errorf("gate %q has none of job, load, metric and webhook: this version runs nothing else in an environment", gate.Name)
	}
	for _, variable := range gate.Job.Env {
		if err := checkSecret(gate.Name, ownSecret{what: variable.Name, field: "secretKeyRef", ref: variable.SecretKeyRef}, pipeline); err != nil {
			return err
		}
	}
	for _, secret := range slices.Concat(loadSecrets(gate.Load), metricSecrets(gate.Metric), webhookSecrets(gate.Webhook)) {
		if err := checkSecret(gate.Name, secret, pipeline); err != nil {
			return err
		}
	}
	if size := len(encode(loadSpec(gate.Load))); size > maxLoadSpec {
		return fmt.Errorf("gate %q has a load of %d bytes, and a variable of a container holds %d: "+
			"shorten bodies and headers, or divide the load among several gates", gate.Name, size, maxLoadSpec)
	}
	return nil
}

// checkSecret says whether something is taken from another Secret than the one that gates of the pipeline may read.
func checkSecret(gate string, secret ownSecret, pipeline string) error {
	allowed := SecretName(pipeline)
	if secret.missing() || secret.ref.Name == allowed {
		return nil
	}
	return fmt.Errorf("gate %q takes %s from the Secret %q, but gates of pipeline %s may read the Secret %q only: "+
		"put the key into a Secret of that name in the environment's namespace, and write %s: {name: %s, key: %s}",
		gate, secret.what, secret.ref.Name, pipeline, allowed, secret.field, allowed, secret.ref.Key)
}
