package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WebhookGate asks a system of somebody else whether the release passes: a scanner, a test farm, a change board. It sends an
// event (CloudEvents 1.0, signed as Standard Webhooks), and takes the answer at once, or asks for it until timeoutSeconds
// are over. Without an answer the gate is Inconclusive.
// +kubebuilder:validation:XValidation:rule="self.url.startsWith('https://') || has(self.tls) && has(self.tls.verification) && self.tls.verification == 'Skip'",message="over http nobody knows who answers: write an https URL, or say that this is meant with tls: {verification: Skip}"
type WebhookGate struct {
	// url that the event is posted to. $(SLUICE_NAMESPACE) and the other variables of a test stand for their values.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches(r'^https?://[^/?#@\\s]+([/?][^#\\s]*)?$')",message="write https://host/path, without a user, a fragment or spaces; a token goes into headers"
	URL string `json:"url,omitempty"`

	// signingKey signs each request (HMAC-SHA256): whsec_ and 24 to 64 random bytes in base64, from the one Secret that gates of
	// the pipeline may read.
	// +required
	SigningKey SecretKeyReference `json:"signingKey,omitzero"`

	// tls says how the certificate of the receiver is verified.
	// +optional
	TLS GateTLS `json:"tls,omitzero"`

	// headers of each request, besides those of event and signature.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(h, !h.name.matches('(?i)^(webhook-.*|host|content-.*|accept|accept-encoding|connection|keep-alive|upgrade|te|trailer|transfer-encoding)$'))",message="Host, Accept, Content-Type, those of the connection and Webhook-... are set by Sluice: leave them out"
	Headers []LoadHeader `json:"headers,omitempty"`

	// pollSeconds between two questions for an answer that was promised for later; default 10. A receiver may ask for more by
	// Retry-After.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	PollSeconds int32 `json:"pollSeconds,omitempty"`

	// requestTimeoutSeconds bounds one request; default 10. What is not answered by then is asked again.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60
	RequestTimeoutSeconds int32 `json:"requestTimeoutSeconds,omitempty"`
}

// WebhookAnswer is what a receiver said.
// +kubebuilder:validation:Enum=Passed;Failed;None
type WebhookAnswer string

const (
	// AnswerPassed means that the release passes.
	AnswerPassed WebhookAnswer = "Passed"
	// AnswerFailed means that it does not.
	AnswerFailed WebhookAnswer = "Failed"
	// AnswerNone means that no answer came that counts.
	AnswerNone WebhookAnswer = "None"
)

// WebhookFigures are what a webhook gate was told.
type WebhookFigures struct {
	// answer is Passed, Failed or None.
	// +required
	Answer WebhookAnswer `json:"answer,omitempty"`

	// message of the receiver; where there is no answer, why.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// url that the receiver gave: its report, for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url,omitempty"`

	// receiver that was asked: host, and port where the URL has one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Receiver string `json:"receiver,omitempty"`

	// requests that were sent, repeated ones and questions for the answer included.
	// +required
	// +kubebuilder:validation:Minimum=0
	Requests *int32 `json:"requests,omitempty"`

	// eventID by which the receiver knows the attempt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	EventID string `json:"eventID,omitempty"`

	// answerTime is when the answer came.
	// +optional
	AnswerTime *metav1.Time `json:"answerTime,omitempty"`
}
