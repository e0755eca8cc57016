package v1alpha1

import corev1 "k8s.io/api/core/v1"

// LoadGate sends HTTP requests at a rate that does not depend on the answers (an open model), and judges what it
// measured by thresholds that were written down before. It runs in the environment's namespace, with the operator's own
// image: the generator is Sluice's. Latency counts from the moment when a request was due, so that a service that stalls
// cannot hide it; requests of the warm-up are sent and not counted.
//
// In url, in values of headers and in body, $(SLUICE_NAMESPACE) and the other variables that a test gets stand for their values.
// +kubebuilder:validation:XValidation:rule="has(self.stages) ? !has(self.requestsPerSecond) && !has(self.durationSeconds) : has(self.requestsPerSecond) && has(self.durationSeconds)",message="write requestsPerSecond with durationSeconds, or stages"
// +kubebuilder:validation:XValidation:rule="!has(self.stages) && !(has(self.requestsPerSecond) && has(self.durationSeconds)) || (has(self.stages) ? self.stages.map(s, (s.requestsPerSecond + (has(s.fromPerSecond) ? s.fromPerSecond : s.requestsPerSecond)) * s.durationSeconds).sum() : 2 * self.requestsPerSecond * self.durationSeconds) >= 2 * (has(self.minimumRequests) ? self.minimumRequests : has(self.thresholds.p99Microseconds) ? 1000 : has(self.thresholds.p95Microseconds) ? 200 : 100)",message="this sends fewer requests than minimumRequests (by default 1000 with a limit on p99, 200 with one on p95, else 100) and could never pass: write a longer duration, a higher rate, or smaller minimumRequests"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'HTTP2' || self.targets.all(t, t.url.startsWith('https://'))",message="HTTP2 is spoken over TLS: write https URLs, or protocol: HTTP2Cleartext"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'HTTP2Cleartext' || self.targets.all(t, t.url.startsWith('http://'))",message="HTTP2Cleartext is spoken without TLS: write http URLs, or protocol: HTTP2"
type LoadGate struct {
	// targets to send requests to, each as often as its weight says, in an order that is the same every time.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Targets []LoadTarget `json:"targets,omitempty"`

	// requestsPerSecond to all targets and from all workers together, for durationSeconds.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// durationSeconds for which requests are sent and measured.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	DurationSeconds int32 `json:"durationSeconds,omitempty"`

	// stages follow one another, each with a rate of its own; instead of requestsPerSecond and durationSeconds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	Stages []LoadStage `json:"stages,omitempty"`

	// warmUpSeconds come before all that and are not measured; default 5. Requests are sent at the rate of the first stage.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	WarmUpSeconds *int32 `json:"warmUpSeconds,omitempty"`

	// workers share the rate, each in a pod of its own; default 1. Their histograms are merged.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	Workers int32 `json:"workers,omitempty"`

	// protocol is HTTP1 (default), HTTP2 or HTTP2Cleartext.
	// +optional
	Protocol LoadProtocol `json:"protocol,omitempty"`

	// tls says how the certificate of an https target is verified; by default against the authorities of the generator's image.
	// +optional
	TLS GateTLS `json:"tls,omitzero"`

	// requestTimeoutSeconds bounds one request; default 10. What is not answered by then failed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=300
	RequestTimeoutSeconds int32 `json:"requestTimeoutSeconds,omitempty"`

	// thresholds that the release has to keep.
	// +required
	Thresholds LoadThresholds `json:"thresholds,omitzero"`

	// baseline compares with the release that runs in an environment, where that one was measured by this gate before.
	// +optional
	Baseline LoadBaseline `json:"baseline,omitzero"`

	// minimumRequests that have to be measured, else the gate is Inconclusive; default 1000 with a limit on p99,
	// 200 with one on p95, else 100: ten beyond the percentile.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MinimumRequests int32 `json:"minimumRequests,omitempty"`

	// resources of each worker; default: 250m CPU and 64Mi memory requested, 512Mi memory at most. There is no limit on
	// CPU by default: a generator that is held back measures itself.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// LoadProtocol is how the generator speaks to its targets.
// +kubebuilder:validation:Enum=HTTP1;HTTP2;HTTP2Cleartext
type LoadProtocol string

const (
	// ProtocolHTTP1 is HTTP/1.1, over TLS where the URL says https.
	ProtocolHTTP1 LoadProtocol = "HTTP1"
	// ProtocolHTTP2 is HTTP/2 over TLS.
	ProtocolHTTP2 LoadProtocol = "HTTP2"
	// ProtocolHTTP2Cleartext is HTTP/2 without TLS (h2c), with prior knowledge: the target has to speak it from the first byte.
	ProtocolHTTP2Cleartext LoadProtocol = "HTTP2Cleartext"
)

// LoadTarget is one kind of request, and what a good answer to it is.
type LoadTarget struct {
	// url of the request.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches(r'^https?://[^/?#@\\s]+([/?][^#\\s]*)?$')",message="write http://host/path or https://host/path, without a user, a fragment or spaces"
	URL string `json:"url,omitempty"`

	// method of the request; default GET.
	// +optional
	Method LoadMethod `json:"method,omitempty"`

	// headers of the request.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Headers []LoadHeader `json:"headers,omitempty"`

	// body of the request.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Body string `json:"body,omitempty"`

	// weight of this target among all: of weights 3 and 1 the first gets three requests of four; default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Weight int32 `json:"weight,omitempty"`

	// statuses of a good answer; default: 200 to 299. Redirects are not followed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Minimum=200
	// +kubebuilder:validation:items:Maximum=599
	Statuses []int32 `json:"statuses,omitempty"`

	// bodyContains is a text that a good answer contains, in its first MiB.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	BodyContains string `json:"bodyContains,omitempty"`

	// bodyMatches is a regular expression (RE2) that a good answer matches, in its first MiB.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="''.matches(self) in [true, false]",message="write a regular expression (RE2)"
	BodyMatches string `json:"bodyMatches,omitempty"`
}

// LoadMethod is a method of HTTP.
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;PATCH;DELETE;OPTIONS
type LoadMethod string

const (
	// MethodGet reads.
	MethodGet LoadMethod = "GET"
	// MethodHead reads the headers only.
	MethodHead LoadMethod = "HEAD"
	// MethodPost sends something to be worked on.
	MethodPost LoadMethod = "POST"
	// MethodPut replaces.
	MethodPut LoadMethod = "PUT"
	// MethodPatch changes.
	MethodPatch LoadMethod = "PATCH"
	// MethodDelete deletes.
	MethodDelete LoadMethod = "DELETE"
	// MethodOptions asks what may be done.
	MethodOptions LoadMethod = "OPTIONS"
)

// LoadHeader is one header of a request.
// +kubebuilder:validation:XValidation:rule="[has(self.value), has(self.secretKeyRef)].filter(x, x).size() == 1",message="write exactly one of value and secretKeyRef"
type LoadHeader struct {
	// name of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9-]+$')",message="write letters, digits and dashes"
	Name string `json:"name,omitempty"`

	// value of the header.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!self.contains('\\n') && !self.contains('\\r')",message="write one line"
	Value *string `json:"value,omitempty"`

	// secretKeyRef takes the value from the one Secret that gates of this pipeline may read in the environment's
	// namespace: sluice-gate.NAMESPACE.NAME, with the namespace and the name of the pipeline.
	// +optional
	SecretKeyRef SecretKeyReference `json:"secretKeyRef,omitzero"`
}

// LoadStage is a time with a rate, or a ramp between two.
// +kubebuilder:validation:XValidation:rule="self.requestsPerSecond > 0 || has(self.fromPerSecond) && self.fromPerSecond > 0",message="a stage without a rate sends nothing: write requestsPerSecond or fromPerSecond above 0"
type LoadStage struct {
	// durationSeconds of the stage.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	DurationSeconds int32 `json:"durationSeconds,omitempty"`

	// requestsPerSecond at the end of the stage, and from its beginning where fromPerSecond is left out.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`

	// fromPerSecond makes the stage a ramp: it is the rate at the beginning, which changes evenly to requestsPerSecond.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	FromPerSecond *int32 `json:"fromPerSecond,omitempty"`
}

// GateTLS says how certificates are verified of who answers a gate.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.verification) || self.verification != 'Skip' || !has(self.certificateAuthorities)",message="certificateAuthorities are of no use where verification is skipped: leave one of the two out"
type GateTLS struct {
	// verification of the certificate: Verify (default), or Skip, which trusts whoever answers.
	// +optional
	Verification TLSVerification `json:"verification,omitempty"`

	// certificateAuthorities to trust, as PEM, instead of those of the operator's image.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="write certificates as PEM, beginning with -----BEGIN CERTIFICATE-----"
	CertificateAuthorities string `json:"certificateAuthorities,omitempty"`
}

// TLSVerification says whether a certificate is verified.
// +kubebuilder:validation:Enum=Verify;Skip
type TLSVerification string

const (
	// VerifyTLS verifies certificate and name.
	VerifyTLS TLSVerification = "Verify"
	// SkipTLS trusts any certificate.
	SkipTLS TLSVerification = "Skip"
)

// LoadThresholds are the limits that a release has to keep. Percentiles are over all requests that were measured, with
// those that failed counted as slower than any other: p99 is the time within which 99 of 100 requests were answered well.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.p50Microseconds), has(self.p90Microseconds), has(self.p95Microseconds), has(self.p99Microseconds), has(self.maxMicroseconds), has(self.successBasisPoints), has(self.answeredPerSecond)].exists(x, x)",message="a load gate without a limit could never fail: write at least one, such as p99Microseconds: 150000 (150 ms)"
type LoadThresholds struct {
	// p50Microseconds is the longest that p50 may be.
	// +optional
	// +kubebuilder:validation:Minimum=1
	P50Microseconds int32 `json:"p50Microseconds,omitempty"`

	// p90Microseconds is the longest that p90 may be.
	// +optional
	// +kubebuilder:validation:Minimum=1
	P90Microseconds int32 `json:"p90Microseconds,omitempty"`

	// p95Microseconds is the longest that p95 may be.
	// +optional
	// +kubebuilder:validation:Minimum=1
	P95Microseconds int32 `json:"p95Microseconds,omitempty"`

	// p99Microseconds is the longest that p99 may be: 150000 is 150 ms.
	// +optional
	// +kubebuilder:validation:Minimum=1
	P99Microseconds int32 `json:"p99Microseconds,omitempty"`

	// maxMicroseconds is the longest that any request may take, failed ones included.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxMicroseconds int32 `json:"maxMicroseconds,omitempty"`

	// successBasisPoints is how many of 10,000 requests have to be answered well, in hundredths of a percent: 9950 is
	// 99.5 %; default 9900.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	SuccessBasisPoints int32 `json:"successBasisPoints,omitempty"`

	// answeredPerSecond is the least that has to be answered well in each second, on the average of the measured time.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	AnsweredPerSecond int32 `json:"answeredPerSecond,omitempty"`
}

// LoadBaseline compares with the figures that this gate found, in this namespace, for the release that now runs in an
// environment: the newest record Passed of that release counts. Where there is none yet, only thresholds are judged,
// and the message says so.
// +kubebuilder:validation:XValidation:rule="has(self.p50) || has(self.p90) || has(self.p95) || has(self.p99) || has(self.max)",message="write how much slower the release may be, such as p99: \"+10%\""
type LoadBaseline struct {
	// environment of the pipeline, by its name there, whose release is compared with.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Environment string `json:"environment,omitempty"`

	// p50 is how much longer p50 may be, such as "+10%".
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^[+][0-9]{1,3}%$')",message="write a percentage that may be added, such as \"+10%\""
	P50 string `json:"p50,omitempty"`

	// p90 is how much longer p90 may be.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^[+][0-9]{1,3}%$')",message="write a percentage that may be added, such as \"+10%\""
	P90 string `json:"p90,omitempty"`

	// p95 is how much longer p95 may be.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^[+][0-9]{1,3}%$')",message="write a percentage that may be added, such as \"+10%\""
	P95 string `json:"p95,omitempty"`

	// p99 is how much longer p99 may be.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^[+][0-9]{1,3}%$')",message="write a percentage that may be added, such as \"+10%\""
	P99 string `json:"p99,omitempty"`

	// max is how much longer the slowest request may take.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^[+][0-9]{1,3}%$')",message="write a percentage that may be added, such as \"+10%\""
	Max string `json:"max,omitempty"`
}
