package v1alpha1

// PromotionReference names one Promotion for good: a Promotion made again under the same name has another uid.
type PromotionReference struct {
	// namespace of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// uid of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// LocalPromotionReference names one Promotion in the namespace of the object that holds it.
type LocalPromotionReference struct {
	// name of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// uid of the Promotion.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// EnvironmentReference names the Environment of a namespace.
type EnvironmentReference struct {
	// namespace whose Environment is meant; its name is always "environment".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="write the name of a namespace: lower case letters, digits and dashes"
	Namespace string `json:"namespace,omitempty"`
}

// ObservedEnvironmentReference names an Environment as it was found.
type ObservedEnvironmentReference struct {
	// namespace of the Environment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// uid of the Environment; absent until it was found.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// PipelineReference names a DeliveryPipeline in another namespace.
type PipelineReference struct {
	// namespace of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
}

// LocalPipelineReference names a DeliveryPipeline in the same namespace.
type LocalPipelineReference struct {
	// name of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
}

// Image is one image of a release, exact.
type Image struct {
	// name that the pipeline gives this image.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// repository without tag and digest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Repository string `json:"repository,omitempty"`

	// digest of the image; of the index, where the image has several platforms.
	// +required
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:XValidation:rule="self.matches('^sha256:[a-f0-9]{64}$')",message="write sha256: and 64 hexadecimal digits"
	Digest string `json:"digest,omitempty"`
}

// Reference returns the exact reference of the image: repository@digest.
func (i Image) Reference() string { return i.Repository + "@" + i.Digest }

// Identity is a person or a machine as the API server authenticated it.
type Identity struct {
	// username as the API server knows it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Username string `json:"username,omitempty"`

	// uid of the user, where the authenticator gives one.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=256
	UID *string `json:"uid,omitempty"`
}

// Change links a release to the reason for it: a commit, a ticket, a pull request.
type Change struct {
	// title in one line.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Title string `json:"title,omitempty"`

	// url of the commit, the ticket or the pull request.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['https', 'http']",message="write an http or https URL"
	URL string `json:"url,omitempty"`

	// author who made the change, as the API server would know the person; may be excluded from approving it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Author string `json:"author,omitempty"`
}
