package integration_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// pushIndex makes an image of two platforms under a tag, and returns the digests of its index and of one platform's manifest.
func (s *shop) pushIndex(tag string) (index, platform string) {
	s.t.Helper()
	pushed, err := random.Index(64, 1, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remote.WriteIndex(s.tagged(s.repository, tag), pushed, s.pusher()...); err != nil {
		s.t.Fatal(err)
	}
	manifest, err := pushed.IndexManifest()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.digestOf(pushed), manifest.Manifests[0].Digest.String()
}

func TestScenario14AnIndexKeepsItsDigestThoughPodsReportAPlatforms(t *testing.T) {
	t.Parallel()
	s := newShop(t, "platforms", recipe{
		environments: []string{"test"}, bare: true,
		environment: func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = functional() },
		deployment:  func(string, *appsv1.Deployment) *appsv1.Deployment { return nil },
	})
	adopted, adoptedPlatform := s.pushIndex("v1")
	promoted, promotedPlatform := s.pushIndex("v2")
	reported, err := json.Marshal(map[string]string{
		s.repository + ":v1": adoptedPlatform, s.repository + "@" + adopted: adoptedPlatform, s.repository + "@" + promoted: promotedPlatform,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := s.makeDeployment("test")
	d.Spec.Template.Annotations["test.sluice.dev/image-ids"] = string(reported)
	s.create(d)
	s.awaitReported("test", adoptedPlatform)
	s.createPipeline()
	eventually(t, "the index is adopted", func() error {
		if got := s.pin("test"); got != s.repository+"@"+adopted {
			return fmt.Errorf("the pin is %q, want the index %s", got, adopted)
		}
		return nil
	})
	s.awaitReady("test")
	s.promoteTag("first", "v2")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitReported("test", promotedPlatform)
	if got := s.templateImage("test"); got != "@"+promoted || s.pin("test") != s.repository+"@"+promoted {
		t.Errorf("test runs %s and pins %s, want the index %s", got, s.pin("test"), promoted)
	}
	if record := s.awaitRecord("test", v1alpha1.ResultPassed); record.Spec.Images[0].Digest != promoted {
		t.Errorf("the record says %s, want the index %s", record.Spec.Images[0].Digest, promoted)
	}
	s.awaitLookedAtAgain("test")
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionConverged, metav1.ConditionTrue, v1alpha1.ReasonConverged)
}

// awaitReported waits until every pod of the application reports a digest.
func (s *shop) awaitReported(environment, digest string) {
	s.t.Helper()
	eventually(s.t, "pods in "+environment+" report "+digest, func() error {
		pods := s.pods(environment, "app", "api")
		for _, pod := range pods {
			if len(pod.Status.ContainerStatuses) == 0 || !strings.HasSuffix(pod.Status.ContainerStatuses[0].ImageID, "@"+digest) {
				return fmt.Errorf("pod %s: %+v", pod.Name, pod.Status.ContainerStatuses)
			}
		}
		if len(pods) == 0 {
			return fmt.Errorf("there are none")
		}
		return nil
	})
}

// pin is the first reference that a namespace pins.
func (s *shop) pin(environment string) string {
	s.t.Helper()
	ns := &corev1.Namespace{}
	s.get("", s.namespace(environment), ns)
	pin, _, _ := strings.Cut(ns.Annotations[v1alpha1.PinsAnnotation], " ")
	return pin
}

// awaitLookedAtAgain changes an Environment without consequence, and waits until the operator has looked at it.
func (s *shop) awaitLookedAtAgain(environment string) {
	s.t.Helper()
	s.changeEnvironment(environment, func(e *v1alpha1.Environment) {
		e.Spec.AllowedImages = append(e.Spec.AllowedImages, "registry.example.com/looked/")
	})
	eventually(s.t, environment+" was looked at again", func() error {
		env := s.environment(environment)
		for _, c := range env.Status.Conditions {
			if c.Type == v1alpha1.ConditionConverged && c.ObservedGeneration == env.Generation {
				return nil
			}
		}
		return fmt.Errorf("generation %d: %+v", env.Generation, env.Status.Conditions)
	})
}

func TestAPrivateRegistryIsAskedWithThePullSecretOfThePipeline(t *testing.T) {
	t.Parallel()
	const account = "puller"
	s := newShop(t, "private", recipe{
		environments: []string{"dev"}, bare: true, private: true,
		pipeline: func(p *v1alpha1.DeliveryPipeline) { p.Spec.RegistryCredentials.ServiceAccountName = account },
	})
	pushed := s.push("v2")
	s.createPipeline()
	s.awaitCondition("pipeline", s.pipelineConditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound)
	s.create(&corev1.ServiceAccount{
		ObjectMeta:       metav1.ObjectMeta{Namespace: s.name, Name: account},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}},
	})
	s.awaitCondition("pipeline", s.pipelineConditions, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted)
	s.create(s.pullSecret("registry"))

	s.promoteTag("first", "v2")
	conditions := func() []metav1.Condition { return s.promotion(t.Context(), "first").Status.Conditions }
	s.awaitCondition("first", conditions, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonRegistryDenied)
	const mend = "kubectl create rolebinding sluice-registry-credentials -n private"
	if message := s.promotion(t.Context(), "first").Status.Message; !strings.Contains(message, mend) {
		t.Errorf("message %q, want one that says %q", message, mend)
	}
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "sluice-registry-credentials"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "sluice-registry-credentials"},
		Subjects:   s.consent("dev").Subjects,
	})
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("dev"); got != "@"+pushed {
		t.Errorf("dev runs %s, want %s", got, pushed)
	}
}

func (s *shop) pullSecret(name string) *corev1.Secret {
	s.t.Helper()
	login := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + registryPassword))
	config, err := json.Marshal(map[string]any{"auths": map[string]any{hostOf(privateImages): map[string]string{"auth": login}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: config},
	}
}
