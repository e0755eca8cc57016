package admission_test

import (
	"context"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const tests = "registry.example.com/tests/load@"

func TestGateImages(t *testing.T) {
	namespace := MakeNamespace("gates-images", v1alpha1.LockEnforce).
		Note(v1alpha1.GateImagesAnnotation, tests+current+"=sl-aaaaaaaaaaaaaaaaaaaa "+tests+previous+"=sl-cccccccccccccccccccc").Obj()
	create(t, namespace)
	gate := gateJob(namespace.Name, "sl-aaaaaaaaaaaaaaaaaaaa", tests+current)
	other := gateJob(namespace.Name, "sl-aaaaaaaaaaaaaaaaaaaa", tests+unpromoted)
	later := gateJob(namespace.Name, "sl-bbbbbbbbbbbbbbbbbbbb", tests+current)
	swapped := gateJob(namespace.Name, "sl-aaaaaaaaaaaaaaaaaaaa", tests+previous)
	plain := MakePod(tests+current).Job(namespace.Name, "mine")
	pod, labelled := MakePod(tests+current).Pod(namespace.Name, "mine"), MakePod(tests+current).Pod(namespace.Name, "labelled")
	labelled.Labels = map[string]string{v1alpha1.GateLabel: "contract"}
	ofJob := MakePod(tests+current).Pod(namespace.Name, "of-the-job")
	ofJob.Labels = map[string]string{
		v1alpha1.GateLabel: "contract", "batch.kubernetes.io/controller-uid": "1", "batch.kubernetes.io/job-name": gate.Name,
	}
	ofOther := MakePod(tests+current).Pod(namespace.Name, "of-another-job")
	ofOther.Labels = map[string]string{
		v1alpha1.GateLabel: "contract", "batch.kubernetes.io/controller-uid": "1", "batch.kubernetes.io/job-name": "mine",
	}
	mallory := person("mallory")
	try(t, []attempt{
		{name: "the operator's Job", as: theOperator(), write: creates(gate), about: gate},
		{name: "its pod", as: controller("job-controller"), write: creates(ofJob), about: ofJob},
		{name: "a pod of another Job", as: controller("job-controller"), write: creates(ofOther), about: ofOther, policy: "sluice-lock", says: "refused: " + tests + current},
		{name: "another image", as: theOperator(), write: creates(other), policy: "sluice-lock", says: "refused: " + tests + unpromoted},
		{name: "the image of another gate", as: theOperator(), write: creates(swapped), policy: "sluice-lock", says: "refused: " + tests + previous},
		{name: "another Job, once the gate is done", as: theOperator(), write: creates(later), about: later, policy: "sluice-lock", says: "refused: " + tests + current},
		{name: "somebody's Job", as: mallory, write: creates(plain), about: plain, policy: "sluice-lock", says: bringItIn},
		{name: "somebody's pod", as: mallory, write: creates(pod), about: pod, policy: "sluice-lock", says: bringItIn},
		{name: "another controller's pod", as: controller("replicaset-controller"), write: creates(labelled), about: labelled, policy: "sluice-lock", says: bringItIn},
		{name: "the operator's pod", as: theOperator(), write: creates(pod), about: pod, policy: "sluice-lock", says: bringItIn},
	})
}

func TestGateJobsAreTheOperators(t *testing.T) {
	namespace := locked(t, "gates-jobs")
	promoted := api + "@" + current
	mallory := person("mallory")
	job, named, plain := gateJob(namespace, "gate", promoted), MakePod(promoted).Job(namespace, "sl-mine"), MakePod(promoted).Job(namespace, "mine")
	generated := MakePod(promoted).Job(namespace, "")
	generated.GenerateName = "sl-"
	pod := MakePod(promoted).Pod(namespace, "gate")
	pod.Labels = map[string]string{v1alpha1.GateLabel: "contract"}
	const leaveOut, anotherName = "leave the label out, or declare a gate", "choose another name"
	try(t, []attempt{
		{name: "labelled", as: mallory, write: creates(job), about: job, policy: "sluice-gates", says: leaveOut},
		{name: "labelled, with the operator's name", as: pretender(), write: creates(job), about: job, policy: "sluice-gates", says: leaveOut},
		{name: "labelled, by a controller", as: controller("cronjob-controller"), write: creates(job), about: job, policy: "sluice-gates", says: leaveOut},
		{name: "a labelled pod", as: mallory, write: creates(pod), about: pod, policy: "sluice-gates", says: leaveOut},
		{name: "a reserved name", as: mallory, write: creates(named), about: named, policy: "sluice-gate-names", says: anotherName},
		{name: "a reserved name, generated", as: mallory, write: creates(generated), policy: "sluice-gate-names", says: anotherName},
		{name: "neither", as: mallory, write: creates(plain), about: plain},
	})
	tryWays(t, attempt{name: "labelled later", as: mallory, about: plain, policy: "sluice-gates", says: leaveOut}, label(v1alpha1.GateLabel, "contract"))

	running := gateJob(namespace, "sl-cccccccccccccccccccc", promoted)
	create(t, running.DeepCopy(), theOperator())
	passed := changes(running, on(func(job *batchv1.Job) { job.Status.Succeeded = 1 }), func(ctx context.Context, c client.Client, _, wanted client.Object) error {
		return c.Status().Update(ctx, wanted)
	})
	try(t, []attempt{
		{name: "a result", as: mallory, write: passed, about: running, policy: "sluice-gates", says: leaveOut},
		{name: "a result from the operator", as: theOperator(), write: passed, about: running, policy: "sluice-gates", says: leaveOut},
		{name: "resumed", as: mallory, about: running, policy: "sluice-gates", says: leaveOut, write: merges(running, on(func(job *batchv1.Job) { job.Spec.Suspend = nil }))},
		{name: "deleted", as: mallory, write: deletes(running), about: running, policy: "sluice-gates", says: leaveOut},
		{name: "deleted by the operator", as: theOperator(), write: deletes(running), about: running},
	})
}

// The Job controller adopts and counts any pod with the label of its Job: a forged one would pass a gate.
func TestPodsOfJobsAreTheControllers(t *testing.T) {
	namespace := locked(t, "gates-pods")
	forged, mine := MakePod(api+"@"+current).Pod(namespace, "forged"), MakePod(api+"@"+current).Pod(namespace, "mine")
	forged.Labels = map[string]string{"batch.kubernetes.io/controller-uid": "1"}
	mallory := person("mallory")
	const leaveOut = "create a Job, or leave the label out"
	try(t, []attempt{
		{name: "forged", as: mallory, write: creates(forged), about: forged, policy: "sluice-job-pods", says: leaveOut},
		{name: "no label", as: mallory, write: creates(mine), about: mine},
	})
	tryWays(t, attempt{name: "labelled later", as: mallory, about: mine, policy: "sluice-job-pods", says: leaveOut},
		label("batch.kubernetes.io/controller-uid", "1"))
	attempt{name: "by the Job controller", as: controller("job-controller"), write: creates(forged), about: forged}.run(t)
	attempt{name: "annotated", as: mallory, about: forged, write: merges(forged, annotate("seen", "yes"))}.run(t)
}

// A Job of somebody, and one of a gate, run to their pods under the real controllers.
func TestRealJobsMakePods(t *testing.T) {
	namespace := MakeNamespace("gates-running", v1alpha1.LockEnforce).Note(v1alpha1.GateImagesAnnotation, tests+current+"=sl-dddddddddddddddddddd").Obj()
	create(t, namespace)
	gate, migration := gateJob(namespace.Name, "sl-dddddddddddddddddddd", tests+current), MakePod(api+":v7").Job(namespace.Name, "migrate")
	gate.Spec.Suspend, migration.Spec.Suspend = nil, nil
	create(t, gate, theOperator())
	create(t, migration, person("dave"))
	for job, image := range map[*batchv1.Job]string{gate: tests + current, migration: api + "@" + current} {
		eventually(t, func() error {
			pods := &corev1.PodList{}
			if err := admin.List(t.Context(), pods, client.InNamespace(namespace.Name), client.MatchingLabels{"batch.kubernetes.io/job-name": job.Name}); err != nil {
				return err
			}
			if len(pods.Items) != 1 {
				return &unlike{got: "no pod of " + job.Name, want: "one"}
			}
			return wantImages(&pods.Items[0].Spec, image)
		})
	}
}

// The Job controller gives pods whatever labels the template of their Job has.
func TestLabelsOfJobTemplates(t *testing.T) {
	namespace := locked(t, "gates-labels")
	promoted, mallory := api+"@"+current, person("mallory")
	with := func(name string, labels map[string]string) *batchv1.Job {
		job := MakePod(promoted).Job(namespace, name)
		job.Labels, job.Spec.Template.Labels = map[string]string{"team": "shop"}, labels
		return job
	}
	selecting := func(uid string) *batchv1.Job {
		job := with("selecting", map[string]string{"batch.kubernetes.io/controller-uid": uid})
		job.Spec.ManualSelector, job.Spec.Selector = ptr.To(true), &metav1.LabelSelector{MatchLabels: job.Spec.Template.Labels}
		return job
	}
	own := with("own", map[string]string{"app": "x"})
	own.Spec.ManualSelector, own.Spec.Selector = ptr.To(true), &metav1.LabelSelector{MatchLabels: own.Spec.Template.Labels}
	gate, plain := with("gate", map[string]string{v1alpha1.GateLabel: "contract"}), with("plain", map[string]string{"app": "x"})
	cron := func(name string, change func(*batchv1.JobTemplateSpec)) *batchv1.CronJob {
		job := MakePod(promoted).CronJob(namespace, name)
		change(&job.Spec.JobTemplate)
		return job
	}
	ofGate := cron("of-gate", func(j *batchv1.JobTemplateSpec) { j.Labels = gate.Spec.Template.Labels })
	pods := cron("pods", func(j *batchv1.JobTemplateSpec) { j.Spec.Template.Labels = gate.Spec.Template.Labels })
	uid := cron("uid", func(j *batchv1.JobTemplateSpec) { j.Spec.Template.Labels = selecting("1").Spec.Template.Labels })
	nightly := cron("nightly", func(j *batchv1.JobTemplateSpec) { j.Spec.Template.Labels = map[string]string{"app": "x"} })
	const leaveOut = "leave the label out"
	try(t, []attempt{
		{name: "the uid of another Job", as: mallory, write: creates(selecting("1")), about: selecting("1"), policy: "sluice-job-labels", says: leaveOut},
		{name: "the uid of another Job, in a CronJob", as: mallory, write: creates(uid), about: uid, policy: "sluice-job-labels", says: leaveOut},
		{name: "the label of a gate", as: mallory, write: creates(gate), about: gate, policy: "sluice-job-labels", says: leaveOut},
		{name: "the label of a gate, for pods of a CronJob", as: mallory, write: creates(pods), about: pods, policy: "sluice-job-labels", says: leaveOut},
		{name: "the label of a gate, for Jobs of a CronJob", as: mallory, write: creates(ofGate), about: ofGate, policy: "sluice-job-labels", says: leaveOut},
		{name: "a Job", as: mallory, write: creates(plain), about: plain},
		{name: "a selector of its own", as: mallory, write: creates(own), about: own},
		{name: "a CronJob", as: mallory, write: creates(nightly), about: nightly},
		{name: "the operator", as: theOperator(), write: creates(gateJob(namespace, "sl-99999999999999999999", promoted))},
	})
	tryWays(t, attempt{name: "labelled while it is suspended", as: mallory, about: plain, policy: "sluice-job-labels", says: leaveOut},
		on(func(job *batchv1.Job) { job.Spec.Template.Labels[v1alpha1.GateLabel] = "contract" }))
	tryWays(t, attempt{name: "resumed", as: mallory, about: plain}, on(func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(false) }))
}
