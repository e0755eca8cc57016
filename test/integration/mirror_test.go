package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// mirror of the shop's repository: another name at the same registry.
func (s *shop) mirror() string { return registryHost() + "/mirrors/" + s.name + "/api" }

// copyToMirror copies an image under a tag, with its digest.
func (s *shop) copyToMirror(digest, tag string) {
	s.t.Helper()
	from, err := name.NewDigest(s.repository+"@"+digest, name.Insecure)
	if err != nil {
		s.t.Fatal(err)
	}
	image, err := remote.Image(from, remote.WithContext(s.t.Context()))
	if err != nil {
		s.t.Fatal(err)
	}
	to, err := name.NewTag(s.mirror()+":"+tag, name.Insecure)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remote.Write(to, image, remote.WithContext(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
}

// Production pulls from a mirror: what ran from there is adopted, a release waits until the mirror has it, and evidence of
// test, which knows no mirror, counts.
func TestAMirrorInProduction(t *testing.T) {
	t.Parallel()
	var s *shop
	s = newShop(t, "mirrored", recipe{
		environments: []string{"test", "prod"}, bare: true,
		before: func(made *shop) {
			s = made
			s.copyToMirror(s.adopted, "v1")
		},
		environment: func(environment string, e *v1alpha1.Environment) {
			if environment == "prod" {
				e.Spec.Repositories = []v1alpha1.RepositoryMirror{{From: registryHost() + "/" + e.Spec.Pipelines[0].Namespace + "/", To: strings.TrimSuffix(s.mirror(), "api")}}
				e.Spec.Requires.EvidenceMode = ""
				e.Spec.Requires.Evidence = []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeFunctional}}
				return
			}
			e.Spec.Gates = functional()
		},
		deployment: func(environment string, d *appsv1.Deployment) *appsv1.Deployment {
			if environment == "prod" {
				d.Spec.Template.Spec.Containers[0].Image = s.mirror() + ":v1"
				d.Spec.Template.Annotations["test.sluice.dev/image-ids"] = fmt.Sprintf("{%q: %q}", s.mirror()+":v1", s.adopted)
			}
			return d
		},
	})
	s.awaitPods("prod", 2)
	pods := s.podUIDs("prod")
	s.createPipeline()
	s.awaitReady("test")
	s.awaitReady("prod")
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	if now := s.podUIDs("prod"); !slices.Equal(pods, now) {
		t.Errorf("adoption restarted pods: %v, then %v", pods, now)
	}

	release := s.push("v2")
	s.promote("second", release)
	s.awaitMessage("second", "prod", v1alpha1.ReasonDigestNotInMirror, "crane copy "+s.repository+"@"+release+" "+s.mirror()+":")
	s.copyToMirror(release, "v2")
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("test"); got != "@"+release {
		t.Errorf("test runs %s", got)
	}
	if got := s.templateImage("prod"); got != s.mirror()+"@"+release {
		t.Errorf("prod runs %s", got)
	}
	ns := &corev1.Namespace{}
	s.get("", s.namespace("prod"), ns)
	enforced := promotion.ParseEnforced(ns)
	if enforced.Pins[s.repository] != s.mirror()+"@"+release || slices.Contains(enforced.Images, s.repository+"@"+release) || !slices.Contains(enforced.Images, s.mirror()+"@"+release) {
		t.Errorf("pins %v, images %v", enforced.Pins, enforced.Images)
	}
	// Git may name either, and changes nothing.
	for _, image := range []string{s.repository + ":v1", s.mirror() + ":v0", s.repository + "@" + s.adopted} {
		d := &appsv1.Deployment{}
		s.change(s.namespace("prod"), "api", d, func() { d.Spec.Template.Spec.Containers[0].Image = image })
		if got := s.templateImage("prod"); got != s.mirror()+"@"+release {
			t.Errorf("%s became %s", image, got)
		}
	}
	records := &v1alpha1.ReleaseRecordList{}
	if err := s.admin.List(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records.Items {
		if r.Spec.PipelineRef.Namespace == s.name && r.Spec.Images[0].Repository != s.repository {
			t.Errorf("record %s/%s names %s", r.Namespace, r.Name, r.Spec.Images[0].Repository)
		}
	}
}
