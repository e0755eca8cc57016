package gate

import (
	"fmt"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
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
	if gate.Job.Image == "" {
		return fmt.Errorf("gate %q has no job: this version runs nothing else in an environment", gate.Name)
	}
	allowed := SecretName(pipeline)
	for _, variable := range gate.Job.Env {
		if ref := variable.SecretKeyRef; ref.Name != "" && ref.Name != allowed {
			return fmt.Errorf("gate %q takes %s from the Secret %q, but gates of pipeline %s may read the Secret %q only: "+
				"put the key into a Secret of that name in the environment's namespace, and write secretKeyRef: {name: %s, key: %s}",
				gate.Name, variable.Name, ref.Name, pipeline, allowed, allowed, ref.Key)
		}
	}
	return nil
}
