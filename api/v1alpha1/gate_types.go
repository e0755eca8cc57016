package v1alpha1

import corev1 "k8s.io/api/core/v1"

// GatePurpose says what a gate shows.
// +kubebuilder:validation:Enum=Functional;Stress;Security;Other
type GatePurpose string

const (
	// PurposeFunctional is a test of what the release does.
	PurposeFunctional GatePurpose = "Functional"
	// PurposeStress is a test of what the release bears.
	PurposeStress GatePurpose = "Stress"
	// PurposeSecurity is a test of what the release withstands.
	PurposeSecurity GatePurpose = "Security"
	// PurposeOther is any other test; no default requirement asks for it.
	PurposeOther GatePurpose = "Other"
)

// OnInconclusive says what follows an attempt that measured too little to say.
// +kubebuilder:validation:Enum=Fail;Retry;Hold
type OnInconclusive string

const (
	// FailInconclusive ends the stay in the environment, whatever retries says.
	FailInconclusive OnInconclusive = "Fail"
	// RetryInconclusive repeats it as a failed attempt, up to retries.
	RetryInconclusive OnInconclusive = "Retry"
	// HoldInconclusive waits for a person, who mends what was wrong and has it repeated.
	HoldInconclusive OnInconclusive = "Hold"
)

// Gate is one test that a release has to pass in an environment. Exactly one member says which kind of test;
// an operator that finds none that it knows never passes the gate.
// +kubebuilder:validation:XValidation:rule="[has(self.job), has(self.load), has(self.metric), has(self.webhook), has(self.soak), has(self.templateRef)].filter(x, x).size() == 1",message="write exactly one of job, load, metric, webhook, soak and templateRef"
// +kubebuilder:validation:XValidation:rule="!has(self.templateRef) || !(has(self.timeoutSeconds) || has(self.retries) || has(self.onInconclusive))",message="timeoutSeconds, retries and onInconclusive are the template's: leave them out"
// +kubebuilder:validation:XValidation:rule="!has(self.soak) || !has(self.onInconclusive)",message="a soak is never inconclusive: leave onInconclusive out"
// +kubebuilder:validation:XValidation:rule="!has(self.onInconclusive) || self.onInconclusive != 'Retry' || (has(self.retries) && self.retries > 0)",message="onInconclusive: Retry repeats up to retries: write retries: 1 or more, or leave onInconclusive out"
// +kubebuilder:validation:XValidation:rule="!has(self.metric) || !has(self.timeoutSeconds) || self.timeoutSeconds >= self.metric.samples * (has(self.metric.intervalSeconds) ? self.metric.intervalSeconds : 15) + (has(self.metric.prometheus.requestTimeoutSeconds) ? self.metric.prometheus.requestTimeoutSeconds : 10)",message="the samples would not be taken within timeoutSeconds: leave timeoutSeconds out, or write at least samples times intervalSeconds, and requestTimeoutSeconds more"
// +kubebuilder:validation:XValidation:rule="!has(self.webhook) || !has(self.webhook.pollSeconds) || self.webhook.pollSeconds < (has(self.timeoutSeconds) ? self.timeoutSeconds : 600)",message="the answer would never be asked for: write pollSeconds that are less than timeoutSeconds (600 where it is left out)"
// +kubebuilder:validation:XValidation:rule="!has(self.load) || !has(self.timeoutSeconds) || self.timeoutSeconds >= (has(self.load.stages) ? self.load.stages.map(s, s.durationSeconds).sum() : 0) + (has(self.load.durationSeconds) ? self.load.durationSeconds : 0) + (has(self.load.warmUpSeconds) ? self.load.warmUpSeconds : 5) + 2 * (has(self.load.requestTimeoutSeconds) ? self.load.requestTimeoutSeconds : 10)",message="the load would not end within timeoutSeconds: leave timeoutSeconds out, or write at least warmUpSeconds, all durationSeconds and twice requestTimeoutSeconds together"
type Gate struct {
	// name of the gate, unique in its list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="write lower case letters, digits and dashes"
	Name string `json:"name,omitempty"`

	// purpose says what the gate shows. Requirements of an environment ask for evidence by purpose.
	// +required
	Purpose GatePurpose `json:"purpose,omitempty"`

	// timeoutSeconds bounds one attempt; default 600, and for load and metric as long as it takes and two minutes more; of a webhook it is how long the answer may take. An attempt that does not end by then did not pass.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`

	// retries is how often an attempt that did not pass is repeated; default 0. Each attempt stays in the record.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10
	Retries *int32 `json:"retries,omitempty"`

	// onInconclusive is Retry (default: repeated like a failed attempt, up to retries), Fail (the release failed at
	// once) or Hold (a person has three days to mend what was wrong and to have it repeated).
	// +optional
	OnInconclusive OnInconclusive `json:"onInconclusive,omitempty"`

	// job runs an image as a Job in the environment's namespace; its exit code is the verdict, and with junit what its tests say.
	// +optional
	Job JobGate `json:"job,omitzero"`

	// load sends HTTP requests at a steady rate and judges latency and success by thresholds.
	// +optional
	Load LoadGate `json:"load,omitzero"`

	// metric asks a Prometheus again and again, and judges its answers.
	// +optional
	Metric MetricGate `json:"metric,omitzero"`

	// webhook asks a system of somebody else, and takes its answer.
	// +optional
	Webhook WebhookGate `json:"webhook,omitzero"`

	// soak waits and watches: the release stays ready, restarts nothing and does not change.
	// +optional
	Soak SoakGate `json:"soak,omitzero"`

	// templateRef takes the gate from a GateTemplate of the platform team, whose purpose it has to state.
	// +optional
	TemplateRef GateTemplateUse `json:"templateRef,omitzero"`
}

// JobGate runs one container. It is narrow on purpose: no ServiceAccount, no host fields, no volumes of the
// namespace, else whoever edits a pipeline could run anything with the environment's Secrets.
// +kubebuilder:validation:XValidation:rule="!has(self.junit) || has(self.scratch) && has(self.command)",message="with junit write scratch, the directory that the test may write its reports to, and command, which a small runner starts: it does not know the entrypoint of the image"
// +kubebuilder:validation:XValidation:rule="!has(self.tolerance) || has(self.junit)",message="a tolerance is about tests in reports: write junit, where they are"
type JobGate struct {
	// image of the test, with a tag or, better, a digest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[a-f0-9]{64})?$') && self.matches('[:@][^/]+$')",message="write host/path:tag or host/path@sha256:digest, in lower case"
	Image string `json:"image,omitempty"`

	// command replaces the entrypoint of the image.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command,omitempty"`

	// args for the command or the entrypoint.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=4096
	Args []string `json:"args,omitempty"`

	// env sets variables of the test, on top of those that Sluice sets (SLUICE_...).
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Env []GateVariable `json:"env,omitempty"`

	// resources of the container; default: 50m CPU and 64Mi memory requested, 1 CPU and 512Mi memory at most.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// workingDir of the container.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	WorkingDir string `json:"workingDir,omitempty"`

	// scratch is a directory that the test may write to: an empty volume, the only writable place.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && self.size() > 1 && self != '/.sluice' && !self.startsWith('/.sluice/')",message="write an absolute path other than / and /.sluice"
	Scratch string `json:"scratch,omitempty"`

	// junit is where the test leaves its reports, in the XML of JUnit: a pattern of file names in scratch, as *.xml or
	// reports/*.xml. They are read when the test has ended, and all of them have to be readable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.contains('..') && self.matches('^[A-Za-z0-9 _./*?-]+$')",message="write a pattern of file names within scratch, such as reports/*.xml, without / at the beginning and without .."
	JUnit string `json:"junit,omitempty"`

	// tolerance for tests that fail; without it none may.
	// +optional
	Tolerance Tolerance `json:"tolerance,omitzero"`
}

// GateVariable is one environment variable of a test.
// +kubebuilder:validation:XValidation:rule="[has(self.value), has(self.secretKeyRef)].filter(x, x).size() == 1",message="write exactly one of value and secretKeyRef"
type GateVariable struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$') && !self.startsWith('SLUICE_')",message="write letters, digits and underscores; names that begin with SLUICE_ are set by the operator"
	Name string `json:"name,omitempty"`

	// value of the variable.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value *string `json:"value,omitempty"`

	// secretKeyRef takes the value from the one Secret that gates of this pipeline may read in the environment's
	// namespace: sluice-gate.NAMESPACE.NAME, with the namespace and the name of the pipeline.
	// +optional
	SecretKeyRef SecretKeyReference `json:"secretKeyRef,omitzero"`
}

// SecretKeyReference names one key of a Secret.
type SecretKeyReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key in the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// SoakGate watches the release for a time.
type SoakGate struct {
	// durationSeconds for which the release has to stay ready without a restart and without drift.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
}
