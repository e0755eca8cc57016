package v1alpha1

// ResolvedGateImage is the digest that the tag of a gate's image meant when the promotion entered the environment.
type ResolvedGateImage struct {
	// image as the gate names it, by tag.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// digest that every attempt here runs.
	// +required
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	Digest string `json:"digest,omitempty"`
}
