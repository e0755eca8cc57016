package promotion

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// resolve fills in what a Promotion is about: the pipeline as it is now, and its images by digest. It does so once:
// a Promotion that holds a pipeline snapshot keeps it. It reports whether the Promotion is resolved.
func (d *decision) resolve() bool {
	if d.status.Pipeline.UID != "" {
		return true
	}
	images, reason := d.findImages()
	if former := d.formerAtWork(); former.Type != "" {
		reason = former
	}
	if reason.Type != "" {
		d.unresolved = &reason
		return false
	}
	pipeline := d.snapshot.Pipeline
	d.status.Pipeline = v1alpha1.PipelineSnapshot{
		UID: string(pipeline.UID), Generation: pipeline.Generation,
		Images: pipeline.Spec.Images, Environments: pipeline.Spec.Environments,
	}
	d.status.Images = images
	d.status.ReleaseHash = ReleaseHash(images)
	d.status.ShortHash = d.status.ReleaseHash[:8]
	d.status.Environments = d.initialProgress(pipeline.Spec.Environments)
	// A tag may be pushed again, and what runs may change, so what they meant is written down before anything is done
	// with it. Digests and records mean the same whenever they are read.
	d.writeFirst = !d.givenByDigest()
	return true
}

// givenByDigest says whether the Promotion itself says every digest, so that reading it again gives the same release.
func (d *decision) givenByDigest() bool {
	spec := d.promotion().Spec
	if spec.Intent == v1alpha1.IntentRollback {
		return true
	}
	tagged := slices.ContainsFunc(spec.Images, func(i v1alpha1.PromotedImage) bool { return i.Digest == "" })
	return !tagged && len(spec.Images) == len(d.snapshot.Pipeline.Spec.Images)
}

func (d *decision) initialProgress(environments []v1alpha1.PipelineEnvironment) []v1alpha1.EnvironmentProgress {
	progress := make([]v1alpha1.EnvironmentProgress, 0, len(environments))
	for _, e := range environments {
		p := v1alpha1.EnvironmentProgress{Name: e.Name, State: v1alpha1.StatePending}
		p.EnvironmentRef.Namespace = e.EnvironmentRef.Namespace
		if !selects(d.promotion(), e.Name) {
			p.State, p.Cause = v1alpha1.StateNotEntered, v1alpha1.CauseNotSelected
		}
		progress = append(progress, p)
	}
	return progress
}

// selects says whether a Promotion goes through an environment.
func selects(p *v1alpha1.Promotion, environment string) bool {
	return len(p.Spec.Environments) == 0 || slices.Contains(p.Spec.Environments, environment)
}

// findImages returns the images of the release, or the first reason why they are not known.
func (d *decision) findImages() ([]v1alpha1.Image, v1alpha1.Reason) {
	spec, pipeline := d.promotion().Spec, d.snapshot.Pipeline
	if reason := d.checkPipeline(); reason.Type != "" {
		return nil, reason
	}
	if spec.Intent == v1alpha1.IntentRollback {
		return d.imagesOfRecord()
	}
	for _, given := range spec.Images {
		if !slices.ContainsFunc(pipeline.Spec.Images, func(i v1alpha1.PipelineImage) bool { return i.Name == given.Name }) {
			return nil, v1alpha1.NewReason(v1alpha1.ReasonImageNotListed,
				"the pipeline %s lists no image %s; it lists %s: create the Promotion again with these names, or add the image to the pipeline",
				pipeline.Name, given.Name, imageNames(pipeline.Spec.Images))
		}
	}
	images := make([]v1alpha1.Image, 0, len(pipeline.Spec.Images))
	for _, listed := range pipeline.Spec.Images {
		digest, reason := d.findDigest(listed)
		if reason.Type != "" {
			return nil, reason
		}
		images = append(images, v1alpha1.Image{Name: listed.Name, Repository: listed.Repository, Digest: digest})
	}
	return images, v1alpha1.Reason{}
}

func (d *decision) checkPipeline() v1alpha1.Reason {
	p, pipeline := d.promotion(), d.snapshot.Pipeline
	if pipeline == nil {
		return v1alpha1.NewReason(v1alpha1.ReasonPipelineNotFound,
			"there is no DeliveryPipeline %s in namespace %s; create it, or create the Promotion again with another pipelineRef (kubectl get deliverypipelines -n %s)",
			p.Spec.PipelineRef.Name, p.Namespace, p.Namespace)
	}
	if err := CheckGraph(pipeline.Spec.Environments); err != nil {
		return v1alpha1.NewReason(v1alpha1.ReasonPipelineNotAccepted, "the pipeline %s is not accepted: %s", pipeline.Name, err.Message)
	}
	for _, name := range p.Spec.Environments {
		if !slices.ContainsFunc(pipeline.Spec.Environments, func(e v1alpha1.PipelineEnvironment) bool { return e.Name == name }) {
			return v1alpha1.NewReason(v1alpha1.ReasonEnvironmentNotListed,
				"the pipeline %s lists no environment %s; create the Promotion again with environments that it lists, or add it to the pipeline",
				pipeline.Name, name)
		}
	}
	return v1alpha1.Reason{}
}

// findDigest returns the digest of one image: as given, as the registry says, or as it runs in the first environment.
func (d *decision) findDigest(listed v1alpha1.PipelineImage) (string, v1alpha1.Reason) {
	for _, given := range d.promotion().Spec.Images {
		if given.Name != listed.Name {
			continue
		}
		if given.Digest != "" {
			return given.Digest, v1alpha1.Reason{}
		}
		answer, ok := d.snapshot.Resolution.Answers[listed.Name]
		if !ok {
			return "", v1alpha1.NewReason(v1alpha1.ReasonRegistryUnavailable, "the registry has not been asked yet for %s:%s", listed.Repository, given.Tag)
		}
		if answer.Digest == "" {
			return "", v1alpha1.NewReason(cmp.Or(answer.Reason, v1alpha1.ReasonRegistryUnavailable), "%s",
				cmp.Or(answer.Message, "the registry gave no digest for "+listed.Repository+":"+given.Tag))
		}
		return answer.Digest, v1alpha1.Reason{}
	}
	return d.runningDigest(listed)
}

func (d *decision) runningDigest(listed v1alpha1.PipelineImage) (string, v1alpha1.Reason) {
	for _, e := range d.snapshot.Pipeline.Spec.Environments {
		if !selects(d.promotion(), e.Name) {
			continue
		}
		pins := ParseEnforced(d.snapshot.Sites[e.EnvironmentRef.Namespace].Namespace).Pins
		if _, digest, found := strings.Cut(pins[listed.Repository], "@"); found {
			return digest, v1alpha1.Reason{}
		}
		return "", v1alpha1.NewReason(v1alpha1.ReasonImageMissing,
			"the Promotion leaves image %s out, and nothing of %s was promoted to or adopted in %s, the first environment; create the Promotion again with a digest or tag for it",
			listed.Name, listed.Repository, e.Name)
	}
	return "", v1alpha1.NewReason(v1alpha1.ReasonImageMissing, "the Promotion selects no environment")
}

// imagesOfRecord returns the images of the release that a rollback goes back to.
func (d *decision) imagesOfRecord() ([]v1alpha1.Image, v1alpha1.Reason) {
	hash := d.promotion().Spec.ReleaseHash
	for _, e := range d.snapshot.Pipeline.Spec.Environments {
		if !selects(d.promotion(), e.Name) {
			continue
		}
		record := newestOf(d.snapshot.Records, e.EnvironmentRef.Namespace, hash)
		if record == nil || !good(record) {
			return nil, v1alpha1.NewReason(v1alpha1.ReasonReleaseNotFound,
				"release %s has no record Passed or Adopted in %s; choose one of kubectl get releaserecords -n %s",
				short(hash), e.Name, e.EnvironmentRef.Namespace)
		}
		return record.Spec.Images, v1alpha1.Reason{}
	}
	return nil, v1alpha1.NewReason(v1alpha1.ReasonReleaseNotFound, "the Promotion selects no environment of the pipeline")
}

// resolvedCondition says whether the images are known.
func (d *decision) resolvedCondition() metav1.Condition {
	if d.unresolved == nil {
		return v1alpha1.NewCondition(v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved,
			"every image is known by digest; release "+d.status.ShortHash)
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionResolved, metav1.ConditionFalse, d.unresolved.Type, d.unresolved.Message)
}

func imageNames(images []v1alpha1.PipelineImage) string {
	names := make([]string, 0, len(images))
	for _, image := range images {
		names = append(names, image.Name)
	}
	return strings.Join(names, ", ")
}

func short(hash string) string {
	if len(hash) < 8 {
		return hash
	}
	return hash[:8]
}
