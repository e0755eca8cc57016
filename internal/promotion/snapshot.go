package promotion

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Snapshot is everything that bears on one Promotion, as observed at one moment. Nothing in it is modified.
type Snapshot struct {
	// Now is the operator's clock. It is compared with times that the operator wrote, never with those of others.
	Now time.Time
	// Promotion to decide about.
	Promotion *v1alpha1.Promotion
	// Pipeline as it is now; nil where it does not exist.
	Pipeline *v1alpha1.DeliveryPipeline
	// Resolution holds the registry's answers for tags of a Promotion that is not resolved yet.
	Resolution Resolution
	// Mirrored holds the registry's answers to Plan.Questions about mirrors, by exact reference at the mirror.
	Mirrored Resolution
	// Rights holds the API server's answers to Plan.Questions about people who signed.
	Rights Rights
	// GateImages holds the registry's answers to Plan.Questions about images of gates, by the image as the gate names it.
	GateImages Resolution
	// Rivals are all other Promotions of the pipeline, finished ones included.
	Rivals []*v1alpha1.Promotion
	// Sites by namespace: the environments of the pipeline, and those that evidence may come from.
	Sites map[string]Site
	// Templates by name: those that gates and requirements on the way name, as far as they exist.
	Templates map[string]*v1alpha1.GateTemplate
	// Generator is what gates that measure run.
	Generator Generator
	// Expressions holds answers to Plan.Questions about conditions of gates: why one is none, or nothing where it is one.
	Expressions map[string]string
	// Records of the pipeline in every namespace.
	Records []*v1alpha1.ReleaseRecord
	// Policies that are not as they should be.
	Policies Policies
}

// Resolution is what registries answered when asked for tags, or for digests at a mirror.
type Resolution struct {
	// Answers by the pipeline's name of the image, by the image as a gate names it, or by the exact reference at a mirror.
	Answers map[string]TagAnswer
	// Next is when to ask again, where an answer is missing; zero where all is known.
	Next time.Time
}

// TagAnswer is the digest of a tag, or why there is none.
type TagAnswer struct {
	// Digest of the tag; empty where there is none.
	Digest string
	// Reason why there is none: TagNotFound, RegistryDenied or RegistryUnavailable.
	Reason string
	// Message of the registry, with what to do.
	Message string
}

// Right says whether somebody who signed still may.
type Right int

const (
	// RightUnknown means that the API server has not answered.
	RightUnknown Right = iota
	// RightHeld means that the person may create Approvals in that namespace.
	RightHeld
	// RightLost means that the person may not.
	RightLost
)

// Rights is what the API server answered when asked who still may sign.
type Rights struct {
	// Answers by the uid of the Approval.
	Answers map[types.UID]Right
	// Next is when to ask again, where an answer is missing or may not be the last word; zero where all is known.
	Next time.Time
}

// Site is one namespace with its Environment.
type Site struct {
	// Namespace that holds the enforced copy; nil where it does not exist.
	Namespace *corev1.Namespace
	// Environment of the namespace; nil where it does not exist.
	Environment *v1alpha1.Environment
	// Zones are the time zones that the Environment's freezes name; a name that is missing is not known.
	Zones map[string]*time.Location
	// Permitted says that a RoleBinding lets the operator work here.
	Permitted bool
	// Workloads that run a repository of the pipeline.
	Workloads []Workload
	// InUse are the exact references that something in the namespace still runs, or may have to run again.
	InUse []string
	// Runs of this Promotion's gates.
	Runs []Run
	// Approvals of this Promotion.
	Approvals []*v1alpha1.Approval
	// Signers are the groups to which RBAC gives the right to create Approvals here, sorted.
	Signers []string
}

// Workload is a Deployment, StatefulSet, DaemonSet or CronJob, reduced to what a decision needs.
type Workload struct {
	// Kind: Deployment, StatefulSet, DaemonSet or CronJob.
	Kind string
	// Name of the workload.
	Name string
	// ResourceVersion for the precondition of a touch.
	ResourceVersion string
	// Images of the pod template, containers and init containers, in order.
	Images []ContainerImage
	// Release is the value of the annotation sluice.dev/release.
	Release string
	// Ignored says that the annotation sluice.dev/delivery asks to leave it alone.
	Ignored bool
	// Desired number of pods; 0 for a CronJob.
	Desired int32
	// Settled says that its controller has seen the present spec and that as many pods are updated and ready as desired.
	Settled bool
	// Paused Deployment: its controller does nothing.
	Paused bool
	// Partitioned StatefulSet: some pods keep the old revision on purpose.
	Partitioned bool
	// OnDelete update strategy: pods change only when somebody deletes them.
	OnDelete bool
	// Problem that its controller met when making pods, such as a refusal by admission; empty where there is none.
	Problem string
	// Pods that live: not finished, not being deleted.
	Pods []Pod
}

// ContainerImage is the image of one container.
type ContainerImage struct {
	// Container name.
	Container string
	// Image string as it stands in the template.
	Image string
}

// Pod is a live pod of a workload.
type Pod struct {
	// Name of the pod.
	Name string
	// Images that it runs: the exact reference where the spec has one, else what the kubelet says.
	Images []ContainerImage
	// Ready says that the pod is Ready.
	Ready bool
	// Restarts of all its containers together.
	Restarts int32
	// Problem why it is not ready, such as ImagePullBackOff with its message; empty where nothing is known.
	Problem string
}

// RunState says how far one attempt of a gate came.
type RunState string

const (
	// RunWaiting means that the Job exists and nothing of it runs yet; Message says why, where it is known.
	RunWaiting RunState = "Waiting"
	// RunRunning means that its pod runs.
	RunRunning RunState = "Running"
	// RunPassed means that it ended well.
	RunPassed RunState = "Passed"
	// RunFailed means that it ended badly.
	RunFailed RunState = "Failed"
	// RunInconclusive means that it ended without having measured anything.
	RunInconclusive RunState = "Inconclusive"
)

// Run is one attempt of a gate: a Job.
type Run struct {
	// Environment is the pipeline's name of the environment.
	Environment string
	// Gate name.
	Gate string
	// Attempt number, from 1.
	Attempt int32
	// SpecHash of the gate that the Job was made from.
	SpecHash string
	// Job name.
	Job string
	// UID of the Job.
	UID string
	// State of the attempt.
	State RunState
	// Problem why it cannot start, such as ImagePullBackOff, quota or a refusal by admission; empty where nothing is known.
	Problem string
	// Message of the result, such as the exit code.
	Message string
	// Image that the kubelet says the test ran.
	Image string
	// Asked is the image that its pod, or its Job where no pod is left, was made with.
	Asked string
	// ExitCode of the test, as the kubelet reports it; nil where it did not end by itself, or never began.
	ExitCode *int32
	// Tests are what a job gate with junit left in reports; nil where there is no account of them.
	Tests *TestReport
	// Metric is what a metric gate saw; nil where nothing was, and for other gates.
	Metric *v1alpha1.MetricFigures
	// Webhook is what a webhook gate was told; nil where nothing was, and for other gates.
	Webhook *v1alpha1.WebhookFigures
	// Load is what a load gate measured; nil where nothing was, and for other gates.
	Load *v1alpha1.LoadFigures
	// Started is when the Job started, as its controller says; nil before.
	Started *metav1.Time
	// Completed is when the Job ended, as its controller says; nil before.
	Completed *metav1.Time
}

// open says whether the attempt has not ended.
func (r Run) open() bool { return r.State == RunRunning || r.State == RunWaiting }
