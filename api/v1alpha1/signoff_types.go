package v1alpha1

// SignOffStart is what an Environment demanded when people were first asked to sign a Promotion there. The present
// Environment decides; this is what every later change of it is shown against.
type SignOffStart struct {
	// environmentGeneration is the generation of the Environment then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	EnvironmentGeneration int64 `json:"environmentGeneration,omitempty"`

	// requires is what was in force then.
	// +optional
	Requires *RequirementsInForce `json:"requires,omitempty"`
}
