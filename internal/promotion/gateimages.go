package promotion

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// exactImage returns the reference by digest under which a gate's image runs here; empty while it is not known. A tag is
// resolved once for the whole stay, so that every attempt runs the same test.
func (v *visit) exactImage(image string) string {
	if image == "" || strings.Contains(image, "@") {
		return image
	}
	for _, known := range v.progress.GateImages {
		if known.Image == image {
			return repositoryOf(image) + "@" + known.Digest
		}
	}
	return ""
}

// resolveGateImages takes down what the registry answered about tags of gates' images, and asks for the rest. It says
// what it waits for; nothing once all are known.
func (v *visit) resolveGateImages() []v1alpha1.Reason {
	var reasons []v1alpha1.Reason
	for _, gate := range v.gates() {
		image := gate.Job.Image
		if image == "" || v.exactImage(image) != "" {
			continue
		}
		answer, asked := v.snapshot.GateImages.Answers[image]
		switch {
		case answer.Digest != "":
			v.progress.GateImages = append(v.progress.GateImages, v1alpha1.ResolvedGateImage{Image: image, Digest: answer.Digest})
			continue
		case !asked && !slices.Contains(v.questions.GateImages, image):
			v.questions.GateImages = append(v.questions.GateImages, image)
		}
		v.wakeAt(v.snapshot.GateImages.Next)
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonGateImageUnresolved,
			"gate %s runs %s, and its digest is not known: %s; write the image by digest, or mend that: it is asked again by itself",
			gate.Name, image, pick(answer.Message == "", "the registry is being asked", answer.Message)))
	}
	return reasons
}

// gateImagesKnown checks, last of all, that every gate has an exact image to run. A rollback does not wait for it: it
// goes back without asking a registry, and its gates wait.
func (v *visit) gateImagesKnown() Verdict {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return ready()
	}
	if reasons := v.resolveGateImages(); len(reasons) > 0 {
		return pending(reasons...)
	}
	return ready()
}
