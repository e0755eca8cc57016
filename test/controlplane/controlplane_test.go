package controlplane_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sluice-dev/sluice/test/controlplane"
)

const (
	namespace = "default"
	digest    = "sha256:98c1e473b8da5256cab58be8498f029b36dff153f064e572f837b2b5f756bac8"
	deadline  = time.Minute
)

// plane is shared: starting one for each test would take longer than the tests.
var plane *controlplane.ControlPlane

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	begin := time.Now()
	plane, err = controlplane.Start(context.Background(), controlplane.Options{Nodes: 2})
	if err != nil {
		return 1, err
	}
	fmt.Printf("control plane with 2 nodes ready in %s\n", time.Since(begin).Round(time.Millisecond))
	code = m.Run()
	return code, plane.Stop()
}

func clients(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually fails the test unless condition holds before the deadline.
func eventually(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, deadline, true, condition)
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

func podTemplate(app, image string, annotations map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}, Annotations: annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image}}},
	}
}

func job(name, image string, annotations map[string]string) *batchv1.Job {
	template := podTemplate(name, image, annotations)
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       batchv1.JobSpec{BackoffLimit: new(int32), Template: template},
	}
}

func pods(t *testing.T, app string) []corev1.Pod {
	t.Helper()
	list, err := clients(t, plane.Config).CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func TestDeploymentBecomesReady(t *testing.T) {
	c := clients(t, plane.Config).AppsV1().Deployments(namespace)
	annotations := map[string]string{"test.sluice.dev/image-ids": `{"registry.test/shop/api:v1": "` + digest + `"}`}
	replicas := int32(3)
	_, err := c.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "api"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}},
			Template: podTemplate("api", "registry.test/shop/api:v1", annotations),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "three ready replicas", func(ctx context.Context) (bool, error) {
		d, err := c.Get(ctx, "api", metav1.GetOptions{})
		return err == nil && d.Status.ReadyReplicas == replicas, err
	})
	for _, pod := range pods(t, "api") {
		if got, want := pod.Status.ContainerStatuses[0].ImageID, "registry.test/shop/api@"+digest; got != want {
			t.Errorf("imageID of %s is %q, want %q: the annotation says what the tag stands for", pod.Name, got, want)
		}
	}
	if err := c.Delete(t.Context(), "api", metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pods to be gone", func(context.Context) (bool, error) { return len(pods(t, "api")) == 0, nil })
}

func TestPodsThatAreNotReady(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "sick", Labels: map[string]string{"app": "sick", "test.sluice.dev/ready": "false"}},
		Spec:       podTemplate("", "registry.test/shop/api@"+digest, nil).Spec,
	}
	if _, err := clients(t, plane.Config).CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod to run", func(context.Context) (bool, error) {
		return pods(t, "sick")[0].Status.Phase == corev1.PodRunning, nil
	})
	for _, condition := range pods(t, "sick")[0].Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status != corev1.ConditionFalse {
			t.Errorf("condition Ready is %s, want False", condition.Status)
		}
	}
}

func TestJobs(t *testing.T) {
	tests := []struct {
		reason      string
		name        string
		image       string
		annotations map[string]string
		condition   batchv1.JobConditionType
		phase       corev1.PodPhase
		exitCode    int32
		message     string
		imageID     string
	}{{
		reason:    "a Job's pod ends well when nothing else is said, and a digest stays what it is",
		name:      "passes",
		image:     "registry.test/shop/tests:v1@" + digest,
		condition: batchv1.JobComplete,
		phase:     corev1.PodSucceeded,
		imageID:   "registry.test/shop/tests@" + digest,
	}, {
		reason: "a Job's pod fails on demand, and leaves a message",
		name:   "fails",
		image:  "registry.test:5000/shop/tests",
		annotations: map[string]string{
			"test.sluice.dev/exit-code":           "1",
			"test.sluice.dev/termination-message": `{"p99": "1.2s"}`,
		},
		condition: batchv1.JobFailed,
		phase:     corev1.PodFailed,
		exitCode:  1,
		message:   `{"p99": "1.2s"}`,
		imageID:   "registry.test:5000/shop/tests@sha256:60f6e563c6a31fb7a46c255a0f55df73d059900b9b0203023cd5b30f5efdd6e0",
	}, {
		reason:      "a Job's pod takes its time",
		name:        "slow",
		image:       "registry.test/shop/tests@" + digest,
		annotations: map[string]string{"test.sluice.dev/duration": "1s"},
		condition:   batchv1.JobComplete,
		phase:       corev1.PodSucceeded,
		imageID:     "registry.test/shop/tests@" + digest,
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := clients(t, plane.Config).BatchV1().Jobs(namespace)
			if _, err := c.Create(t.Context(), job(test.name, test.image, test.annotations), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			eventually(t, string(test.condition), func(ctx context.Context) (bool, error) {
				got, err := c.Get(ctx, test.name, metav1.GetOptions{})
				return err == nil && hasCondition(got, test.condition), err
			})
			pod := pods(t, test.name)[0]
			status := pod.Status.ContainerStatuses[0]
			if pod.Status.Phase != test.phase || status.State.Terminated == nil || status.State.Terminated.ExitCode != test.exitCode {
				t.Fatalf("%s: phase %s and state %+v, want %s with exit code %d",
					test.reason, pod.Status.Phase, status.State, test.phase, test.exitCode)
			}
			if status.State.Terminated.Message != test.message || status.ImageID != test.imageID {
				t.Errorf("%s: message %q and imageID %q, want %q and %q",
					test.reason, status.State.Terminated.Message, status.ImageID, test.message, test.imageID)
			}
		})
	}
}

func hasCondition(j *batchv1.Job, kind batchv1.JobConditionType) bool {
	for _, condition := range j.Status.Conditions {
		if condition.Type == kind && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func TestPeopleAndTheAuditLog(t *testing.T) {
	alice, err := plane.ConfigFor("alice@example.com", "developers")
	if err != nil {
		t.Fatal(err)
	}
	create := func(config *rest.Config) error {
		hers := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "hers"}}
		_, err := clients(t, config).CoreV1().Namespaces().Create(t.Context(), hers, metav1.CreateOptions{})
		return err
	}
	if err := create(alice); !apierrors.IsForbidden(err) {
		t.Fatalf("alice, who has no rights, created a Namespace: %v", err)
	}
	if err := create(plane.Config); err != nil {
		t.Fatal(err)
	}
	refused := auditEvent(t, "alice@example.com", "create", "namespaces")
	if refused.ResponseStatus.Code != http.StatusForbidden {
		t.Errorf("the audit log says %d of alice's request, want 403", refused.ResponseStatus.Code)
	}
	created := auditEvent(t, "admin", "create", "namespaces")
	if created.RequestObject == nil || !strings.Contains(string(created.RequestObject.Raw), "hers") {
		t.Errorf("the event has no body, and Namespaces are logged with theirs: %+v", created)
	}
}

// auditEvent returns the newest event of that user, verb and resource.
func auditEvent(t *testing.T, user, verb, resource string) auditv1.Event {
	t.Helper()
	events, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range slices.Backward(events) {
		if event.User.Username == user && event.Verb == verb && event.ObjectRef != nil && event.ObjectRef.Resource == resource {
			return event
		}
	}
	t.Fatalf("none of %d audit events is a %s of %s by %s", len(events), verb, resource, user)
	return auditv1.Event{}
}

func TestBoundTokens(t *testing.T) {
	admin := clients(t, plane.Config)
	token, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "default",
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(plane.Config)
	config.BearerToken = token.Status.Token
	review, err := clients(t, config).AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
		&authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:default:default"; got != want {
		t.Errorf("the token authenticates %q, want %q", got, want)
	}
}

func TestMutatingAdmissionPolicyIsServed(t *testing.T) {
	resources, err := clients(t, plane.Config).Discovery().ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range resources.APIResources {
		if resources.APIResources[i].Name == "mutatingadmissionpolicies" {
			return
		}
	}
	t.Error("admissionregistration.k8s.io/v1 has no mutatingadmissionpolicies, on which lock and pin stand")
}

func TestRestartKeepsEverything(t *testing.T) {
	c := clients(t, plane.Config)
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if _, err := c.CoreV1().ConfigMaps(namespace).Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	if err := plane.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CoreV1().ConfigMaps(namespace).Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	after, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) <= len(before) {
		t.Errorf("the audit log has %d events after the restart and had %d before: it must go on", len(after), len(before))
	}
	if _, err := c.BatchV1().Jobs(namespace).Create(t.Context(), job("after-restart", "registry.test/x:1", nil), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a Job to complete after the restart", func(ctx context.Context) (bool, error) {
		got, err := c.BatchV1().Jobs(namespace).Get(ctx, "after-restart", metav1.GetOptions{})
		return err == nil && hasCondition(got, batchv1.JobComplete), err
	})
}

func TestMissingBinaries(t *testing.T) {
	t.Setenv("SLUICE_BIN_DIR", t.TempDir())
	_, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err == nil || !strings.Contains(err.Error(), "make binaries") {
		t.Errorf("without binaries: %v, want an error that names `make binaries`", err)
	}
}

func TestStartSaysWhyItFailed(t *testing.T) {
	_, err := controlplane.Start(t.Context(), controlplane.Options{APIServerFlags: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("with a wrong flag: %v, want an error that quotes the API server's log", err)
	}
}
