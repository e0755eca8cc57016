package v1alpha1

// RepositoryMirror says where an environment pulls images from that a pipeline names otherwise: a mirror, or the registry
// of its region. The digest is the same.
// +kubebuilder:validation:XValidation:rule="self.from.endsWith('/') == self.to.endsWith('/')",message="let from and to both be prefixes that end in a slash, or both be repositories"
// +kubebuilder:validation:XValidation:rule="self.from != self.to",message="let to differ from from, or leave the entry out"
type RepositoryMirror struct {
	// from is a repository as pipelines name it, or a prefix of such that ends in a slash, in its canonical form: lower case
	// host, no :443, no tag, no digest.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([a-z0-9]([-a-z0-9.]*[a-z0-9])?[.][a-z0-9-]+|localhost)(:[0-9]+)?|[a-z0-9]([-a-z0-9.]*[a-z0-9])?:[0-9]+)(/[a-z0-9]+((__|[._]|-+)[a-z0-9]+)*)*/?$') && self.contains('/')",message="write host/path in lower case, without tag and digest, such as registry.example.com/shop/api, or a prefix that ends in a slash, such as registry.example.com/shop/"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*:443/')",message="leave :443 out: the same repository under two names could not be guarded"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('index.docker.io/')",message="write docker.io instead of index.docker.io: the same repository under two names could not be guarded"
	From string `json:"from,omitempty"`

	// to is what takes the place of from, in the same form.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([a-z0-9]([-a-z0-9.]*[a-z0-9])?[.][a-z0-9-]+|localhost)(:[0-9]+)?|[a-z0-9]([-a-z0-9.]*[a-z0-9])?:[0-9]+)(/[a-z0-9]+((__|[._]|-+)[a-z0-9]+)*)*/?$') && self.contains('/')",message="write host/path in lower case, without tag and digest, such as mirror.example.com/shop/api, or a prefix that ends in a slash, such as mirror.example.com/shop/"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*:443/')",message="leave :443 out: the same repository under two names could not be guarded"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('index.docker.io/')",message="write docker.io instead of index.docker.io: the same repository under two names could not be guarded"
	To string `json:"to,omitempty"`
}
