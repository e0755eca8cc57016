package v1alpha1

// MetricGate asks a Prometheus again and again while the release runs, and judges each answer. A sample that brought no
// number is missing: it counts for nothing, and a gate with too few samples is Inconclusive.
// +kubebuilder:validation:XValidation:rule="!has(self.minimumSamples) || self.minimumSamples <= self.samples",message="minimumSamples are at most samples"
// +kubebuilder:validation:XValidation:rule="!has(self.maxFailed) || self.maxFailed < (has(self.minimumSamples) ? self.minimumSamples : self.samples)",message="a gate that can never fail is none: maxFailed has to be less than minimumSamples (which is samples where it is left out)"
// +kubebuilder:validation:XValidation:rule="!has(self.maxConsecutiveFailed) || has(self.maxFailed) && self.maxConsecutiveFailed <= self.maxFailed",message="maxConsecutiveFailed narrows maxFailed: write maxFailed, at least as many"
type MetricGate struct {
	// prometheus to ask.
	// +required
	Prometheus PrometheusServer `json:"prometheus,omitzero"`

	// query in PromQL. $(SLUICE_NAMESPACE) and the other variables of a test stand for their values.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Query string `json:"query,omitempty"`

	// intervalSeconds between two samples; the first is taken after one interval. Default 15.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`

	// samples to take: times intervalSeconds they say how long the gate takes.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Samples int32 `json:"samples,omitempty"`

	// minimumSamples that have to bring a number, else the gate is Inconclusive; default all samples.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinimumSamples int32 `json:"minimumSamples,omitempty"`

	// passIf is a CEL expression that says whether one sample is good: result is its number, where the query returns a scalar or one
	// series; results are the numbers of all series, in no order. Such as result < 0.01, or results.all(r, r < 0.01).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.contains('result')",message="write a condition on result or results, such as result < 0.01: one that looks at neither could never fail"
	PassIf string `json:"passIf,omitempty"`

	// maxFailed samples may fail; default 0.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=999
	MaxFailed int32 `json:"maxFailed,omitempty"`

	// maxConsecutiveFailed samples may fail one after another, of those that maxFailed allows.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=999
	MaxConsecutiveFailed int32 `json:"maxConsecutiveFailed,omitempty"`
}

// PrometheusServer is where a Prometheus, or something that speaks its HTTP API, answers.
// +kubebuilder:validation:XValidation:rule="has(self.clientCertificate) == has(self.clientKey)",message="write clientCertificate and clientKey, or neither"
type PrometheusServer struct {
	// url of the server, without /api/v1.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@\\\\s]+(/[^?#\\\\s]*)?$')",message="write http://host:9090 or https://host/path, without a user, a query and a fragment; a token goes into bearerToken"
	URL string `json:"url,omitempty"`

	// tls says how its certificate is verified.
	// +optional
	TLS GateTLS `json:"tls,omitzero"`

	// bearerToken is sent with each request; from the one Secret that gates of the pipeline may read.
	// +optional
	BearerToken SecretKeyReference `json:"bearerToken,omitzero"`

	// clientCertificate as PEM, for a server that wants one; from the same Secret.
	// +optional
	ClientCertificate SecretKeyReference `json:"clientCertificate,omitzero"`

	// clientKey of the certificate, as PEM; from the same Secret.
	// +optional
	ClientKey SecretKeyReference `json:"clientKey,omitzero"`

	// requestTimeoutSeconds bounds one request; default 10, and never more than intervalSeconds. What is not answered by then is a
	// missing sample.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=300
	RequestTimeoutSeconds int32 `json:"requestTimeoutSeconds,omitempty"`
}

// MetricFigures are what a metric gate saw. Numbers are decimal, such as 0.031.
type MetricFigures struct {
	// samples that were taken, missing ones included.
	// +required
	// +kubebuilder:validation:Minimum=0
	Samples *int32 `json:"samples,omitempty"`

	// failed is how many of them did not keep passIf.
	// +required
	// +kubebuilder:validation:Minimum=0
	Failed *int32 `json:"failed,omitempty"`

	// consecutiveFailed is the most that failed one after another.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ConsecutiveFailed *int32 `json:"consecutiveFailed,omitempty"`

	// missing is how many brought no number.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Missing *int32 `json:"missing,omitempty"`

	// missingReason says why the last of those did not.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	MissingReason string `json:"missingReason,omitempty"`

	// last number, or numbers, that was seen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Last string `json:"last,omitempty"`

	// lastFailed is the last that did not keep passIf.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	LastFailed string `json:"lastFailed,omitempty"`

	// minimum of all numbers.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Minimum string `json:"minimum,omitempty"`

	// maximum of all numbers.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Maximum string `json:"maximum,omitempty"`

	// query as it was sent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Query string `json:"query,omitempty"`
}
