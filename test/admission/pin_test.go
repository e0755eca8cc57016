package admission_test

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const notAsAsked = "not deployed as asked: this environment runs promoted images, so "

// imageOf returns the first container's image as it is stored.
func imageOf(t *testing.T, object client.Object) string {
	t.Helper()
	found := copyOf(object)
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(object), found); err != nil {
		t.Fatal(err)
	}
	return podSpecOf(found).Containers[0].Image
}

// wantImage fails the test unless that image is stored.
func wantImage(t *testing.T, object client.Object, want string) {
	t.Helper()
	if got := imageOf(t, object); got != want {
		t.Fatalf("stored %s, want %s", got, want)
	}
}

// noteOf returns what the pin says that it replaced.
func noteOf(t *testing.T, object client.Object) string {
	t.Helper()
	found := copyOf(object)
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(object), found); err != nil {
		t.Fatal(err)
	}
	return found.GetAnnotations()[v1alpha1.PinnedAnnotation]
}

// Under each lock: repo, repo:tag, repo@digest, repo:tag@digest and other names of it become the pin.
func TestScenario18And19PinOnWorkloads(t *testing.T) {
	asked := map[string]string{
		"bare": api, "tag": api + ":v5", "digest": api + "@" + unpromoted, "both": api + ":v5@" + unpromoted,
		"previous": api + ":v1@" + previous, "port": "registry.example.com:443/shop/api:v5", "case": "Registry.Example.com/shop/api:v5",
	}
	for _, lock := range []v1alpha1.Lock{v1alpha1.LockEnforce, v1alpha1.LockAudit, v1alpha1.LockOff} {
		namespace := MakeNamespace("pin-"+strings.ToLower(string(lock)), lock).Obj()
		create(t, namespace)
		for form, image := range asked {
			for kind, object := range MakePod(image).workloads(namespace.Name, form) {
				t.Run(string(lock)+"/"+kind+"/"+image, func(t *testing.T) {
					says := "c: " + strings.TrimPrefix(image, api) + " -> " + current
					attempt{as: person("dave"), write: creates(object), about: object, says: notAsAsked + says}.run(t)
					wantImage(t, object, api+"@"+current)
				})
			}
		}
	}
}

func TestScenario18HelmHookAppliedAgain(t *testing.T) {
	namespace := locked(t, "pin-job")
	job := MakePod(api+":migrate").Job(namespace, "hook")
	for range 2 {
		if err := apply(t.Context(), person("helm"), copyOf(job), "helm"); err != nil {
			t.Fatalf("a Job that exists keeps what it runs: %v", err)
		}
		wantImage(t, job, api+"@"+current)
	}
}

func TestScenario19PodsAreExact(t *testing.T) {
	namespace := locked(t, "pin-pods")
	dave := person("dave")
	tag := MakePod(api+":v5").Init(worker).Pod(namespace, "tag")
	both := MakePod(api+":v1@"+previous).Pod(namespace, "both")
	exact := MakePod(api+"@"+previous).Pod(namespace, "exact")
	try(t, []attempt{
		{name: "a tag becomes the pin", as: dave, write: creates(tag), about: tag, says: notAsAsked + "c: :v5 -> " + current + "; init:  -> " + current},
		{name: "a promoted digest stays", as: dave, write: creates(exact), about: exact},
		{name: "tag and digest is not on the list", as: dave, write: creates(both), about: both, policy: "sluice-lock", says: "refused: " + api + ":v1@" + previous},
	})
	wantImage(t, tag, api+"@"+current)
	wantImage(t, exact, api+"@"+previous)
}

func TestScenario20SetImageBecomesThePinWithAWarning(t *testing.T) {
	namespace := locked(t, "pin-set-image")
	deployment := MakePod(api+":v1").Deployment(namespace, "api")
	create(t, deployment)
	dave := person("dave")
	for _, image := range []string{api + ":evil", api + "@" + unpromoted, api + ":evil@" + unpromoted} {
		for way, write := range ways(deployment, setImage(image)) {
			if err := merges(deployment, annotate(v1alpha1.PinnedAnnotation, "reset"))(t.Context(), admin); err != nil {
				t.Fatal(err)
			}
			t.Run(way+"/"+image, attempt{
				as: dave, about: deployment, write: write, says: notAsAsked + "c: " + strings.TrimPrefix(image, api) + " -> " + current,
			}.run)
			wantImage(t, deployment, api+"@"+current)
		}
	}
}

// A person who asks for the same thing twice hears it twice.
func TestScenario20TheWarningComesAgain(t *testing.T) {
	namespace := locked(t, "pin-again")
	deployment := MakePod(api+":v1").Deployment(namespace, "api")
	create(t, deployment)
	for range 3 {
		output, err := kubectl(t.Context(), "set", "image", "-n", namespace, "deployment/api", "c="+api+":evil")
		if err != nil || !strings.Contains(output, notAsAsked+"c: :evil -> "+current) {
			t.Fatalf("%v: no warning in %q", err, output)
		}
	}
	wantImage(t, deployment, api+"@"+current)
}

// The operator writes no image: it touches the annotation, and the pin writes the images.
func TestTheTouchBringsTheReleaseIn(t *testing.T) {
	namespace := MakeNamespace("pin-touch", v1alpha1.LockEnforce).Note(v1alpha1.PinsAnnotation, api+"@"+previous).Obj()
	create(t, namespace)
	for kind, object := range MakePod(api+":v1").Init(api).workloads(namespace.Name, "api") {
		create(t, object)
		wantImage(t, object, api+"@"+previous)
		if kind == "jobs" {
			continue // no Job is ever touched
		}
	}
	namespace.Annotations[v1alpha1.PinsAnnotation] = api + "@" + current
	if err := admin.Update(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	for kind, object := range MakePod(api+":v1").Init(api).workloads(namespace.Name, "api") {
		if kind == "jobs" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			eventually(t, func() error { return touch(t.Context(), object, "7f3a/checkout") })
			if note := noteOf(t, object); note != "" {
				t.Fatalf("a note of what was asked for before stayed: %q", note)
			}
		})
	}
}

// touch is what the operator does: a merge patch with a resourceVersion. It is nil once the pin followed.
func touch(ctx context.Context, object client.Object, release string) error {
	stored := copyOf(object)
	if err := admin.Get(ctx, client.ObjectKeyFromObject(object), stored); err != nil {
		return err
	}
	touched := copyOf(stored)
	annotate(v1alpha1.ReleaseAnnotation, release+stored.GetResourceVersion())(touched)
	if err := theOperator().Patch(ctx, touched, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	spec := podSpecOf(touched)
	return wantImages(spec, api+"@"+current)
}

func wantImages(spec *corev1.PodSpec, image string) error {
	for _, container := range append(spec.Containers, spec.InitContainers...) {
		if container.Image != image {
			return &unlike{got: container.Image, want: image}
		}
	}
	return nil
}

type unlike struct{ got, want string }

// Error implements error.
func (u *unlike) Error() string { return "got " + u.got + ", want " + u.want }

// A CronJob's Jobs and a Deployment's ReplicaSets are made by controllers, of templates that may still carry a tag.
func TestControllersUnderThePin(t *testing.T) {
	namespace := open(t, "pin-controllers")
	deployment := MakePod(api+":v1").Deployment(namespace, "api")
	create(t, deployment)
	lock(t, namespace)
	adopt(t, namespace, api+":v1="+previous)

	eventually(t, func() error { // a restart makes a ReplicaSet of the adopted string, and pods of its digest
		restarted := merges(deployment, on(func(d *appsv1.Deployment) {
			metav1.SetMetaDataAnnotation(&d.Spec.Template.ObjectMeta, "restarted", "yes")
			d.Spec.Replicas = ptr.To[int32](1)
		}))
		return restarted(t.Context(), person("dave"))
	})
	eventually(t, func() error {
		pods := &corev1.PodList{}
		if err := admin.List(t.Context(), pods, client.InNamespace(namespace)); err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return &unlike{got: "no pod", want: "one"}
		}
		return wantImages(&pods.Items[0].Spec, api+"@"+previous)
	})
	job := MakePod(api+":v1").Job(namespace, "of-a-cronjob")
	attempt{as: controller("cronjob-controller"), write: creates(job), about: job}.run(t)
	wantImage(t, job, api+"@"+previous)
}

// adopt writes adopted strings into a Namespace, and waits until admission sees them.
func adopt(t *testing.T, namespace, adopted string) {
	t.Helper()
	stored := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := merges(stored, annotate(v1alpha1.AdoptedAnnotation, adopted))(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	image, digest, _ := strings.Cut(strings.Fields(adopted)[0], "=")
	repository, _, _ := strings.Cut(image, ":")
	eventually(t, func() error {
		pod := MakePod(image).Pod(namespace, "probe")
		if err := admin.Create(t.Context(), pod, dryRun); err != nil {
			return err
		}
		return wantImages(&pod.Spec, repository+"@"+digest)
	})
}

// A gate tests with exactly what it names, even where that is an image of ours.
func TestThePinLeavesGatesAlone(t *testing.T) {
	namespace := MakeNamespace("pin-gate", v1alpha1.LockEnforce).Note(v1alpha1.GateImagesAnnotation, api+"@"+unpromoted+"=sl-0000000000000000aaaa").Obj()
	create(t, namespace)
	job := gateJob(namespace.Name, "sl-0000000000000000aaaa", api+"@"+unpromoted)
	attempt{as: theOperator(), write: creates(job), about: job}.run(t)
	wantImage(t, job, api+"@"+unpromoted)
}

// gateJob is a Job as the operator makes it.
func gateJob(namespace, name, image string) *batchv1.Job {
	job := MakePod(image).Job(namespace, name)
	job.Labels = map[string]string{v1alpha1.GateLabel: "contract"}
	job.Spec.Template.Labels = map[string]string{v1alpha1.GateLabel: "contract"}
	return job
}
