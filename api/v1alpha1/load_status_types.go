package v1alpha1

// LoadFigures are what a load gate measured, all workers together. They are the generator's, and count only if its pods
// ran the operator's own image.
type LoadFigures struct {
	// intended is how many requests were due in the measured time.
	// +required
	// +kubebuilder:validation:Minimum=0
	Intended *int64 `json:"intended,omitempty"`

	// requests that were sent of these.
	// +required
	// +kubebuilder:validation:Minimum=0
	Requests *int64 `json:"requests,omitempty"`

	// failed is how many of those intended were not answered, answered wrongly, or could not even be sent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failed *int64 `json:"failed,omitempty"`

	// successBasisPoints is how many of 10,000 intended requests were answered well: 9950 is 99.5 %.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	SuccessBasisPoints *int32 `json:"successBasisPoints,omitempty"`

	// sentPerSecond is the rate at which requests were sent, rounded.
	// +optional
	// +kubebuilder:validation:Minimum=0
	SentPerSecond *int32 `json:"sentPerSecond,omitempty"`

	// answeredPerSecond is the rate of good answers, rounded down.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AnsweredPerSecond *int32 `json:"answeredPerSecond,omitempty"`

	// p50Microseconds is the time within which half of the intended requests were answered well, from when each was due;
	// absent, as those below, where too many failed for that.
	// +optional
	// +kubebuilder:validation:Minimum=0
	P50Microseconds *int64 `json:"p50Microseconds,omitempty"`

	// p90Microseconds is the same for 90 of 100.
	// +optional
	// +kubebuilder:validation:Minimum=0
	P90Microseconds *int64 `json:"p90Microseconds,omitempty"`

	// p95Microseconds is the same for 95 of 100.
	// +optional
	// +kubebuilder:validation:Minimum=0
	P95Microseconds *int64 `json:"p95Microseconds,omitempty"`

	// p99Microseconds is the same for 99 of 100.
	// +optional
	// +kubebuilder:validation:Minimum=0
	P99Microseconds *int64 `json:"p99Microseconds,omitempty"`

	// maxMicroseconds is the longest that any request took, answered or not.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxMicroseconds *int64 `json:"maxMicroseconds,omitempty"`

	// bytesReceived in bodies of answers.
	// +optional
	// +kubebuilder:validation:Minimum=0
	BytesReceived *int64 `json:"bytesReceived,omitempty"`

	// bytesSent in bodies of requests.
	// +optional
	// +kubebuilder:validation:Minimum=0
	BytesSent *int64 `json:"bytesSent,omitempty"`

	// failures by kind, the most frequent first.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MaxItems=16
	Failures []LoadFailure `json:"failures,omitempty"`

	// statuses of the answers, the most frequent first.
	// +optional
	// +listType=map
	// +listMapKey=code
	// +kubebuilder:validation:MaxItems=10
	Statuses []LoadStatusCount `json:"statuses,omitempty"`

	// workers whose results these are.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	Workers int32 `json:"workers,omitempty"`

	// measuredMilliseconds is how long requests were measured.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MeasuredMilliseconds *int64 `json:"measuredMilliseconds,omitempty"`

	// togetherBasisPoints is the part of that time in which all workers measured at once, in hundredths of a percent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	TogetherBasisPoints *int32 `json:"togetherBasisPoints,omitempty"`

	// lateMicroseconds is how late 99 of 100 requests were sent at most, of those that no full connection pool held back:
	// it tells of the generator, not of the release.
	// +optional
	// +kubebuilder:validation:Minimum=0
	LateMicroseconds *int64 `json:"lateMicroseconds,omitempty"`

	// throttledBasisPoints is the part of the time in which the kernel held the generator back for its CPU limit, of the
	// worker that was held back most, in hundredths of a percent; absent where the node does not say.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	ThrottledBasisPoints *int32 `json:"throttledBasisPoints,omitempty"`

	// heldBack is how many requests were sent late because as many as the generator may have open were waiting for
	// the targets; their latency counts from when they were due all the same.
	// +optional
	// +kubebuilder:validation:Minimum=0
	HeldBack *int64 `json:"heldBack,omitempty"`

	// significantDigits of the histogram that percentiles were read from: with 2 they are less than 1 % too high.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3
	SignificantDigits int32 `json:"significantDigits,omitempty"`

	// histogram of the good answers in microseconds: an HdrHistogram, V2 compressed, in base64. Records hold it, the
	// status of a Promotion does not.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Histogram string `json:"histogram,omitempty"`
}

// LoadFailureKind says how a request failed.
// +kubebuilder:validation:Enum=Status;Body;Timeout;ConnectionRefused;ConnectionReset;ConnectionClosed;NameNotFound;TLS;Protocol;NotSent;Other
type LoadFailureKind string

const (
	// FailureStatus is an answer with a status that is none of a good answer.
	FailureStatus LoadFailureKind = "Status"
	// FailureBody is an answer whose body is not what the target asks for.
	FailureBody LoadFailureKind = "Body"
	// FailureTimeout is a request that was not answered in time.
	FailureTimeout LoadFailureKind = "Timeout"
	// FailureConnectionRefused means that nobody listens.
	FailureConnectionRefused LoadFailureKind = "ConnectionRefused"
	// FailureConnectionReset means that a connection was reset.
	FailureConnectionReset LoadFailureKind = "ConnectionReset"
	// FailureConnectionClosed means that a connection ended before the answer was whole.
	FailureConnectionClosed LoadFailureKind = "ConnectionClosed"
	// FailureNameNotFound means that the name of the host could not be resolved.
	FailureNameNotFound LoadFailureKind = "NameNotFound"
	// FailureTLS is a certificate that was not trusted, or a handshake that failed.
	FailureTLS LoadFailureKind = "TLS"
	// FailureProtocol is an answer that is not HTTP as asked for.
	FailureProtocol LoadFailureKind = "Protocol"
	// FailureNotSent is a request that was due, and for which no connection became free before the end.
	FailureNotSent LoadFailureKind = "NotSent"
	// FailureOther is any other failure.
	FailureOther LoadFailureKind = "Other"
)

// LoadFailure counts failures of one kind.
type LoadFailure struct {
	// kind of the failure.
	// +required
	Kind LoadFailureKind `json:"kind,omitempty"`

	// count of the requests that failed so.
	// +required
	// +kubebuilder:validation:Minimum=0
	Count *int64 `json:"count,omitempty"`

	// example is the first one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Example string `json:"example,omitempty"`
}

// LoadStatusCount counts answers with one status.
type LoadStatusCount struct {
	// code is the HTTP status.
	// +required
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=999
	Code int32 `json:"code,omitempty"`

	// count of the answers with it.
	// +required
	// +kubebuilder:validation:Minimum=0
	Count *int64 `json:"count,omitempty"`
}
