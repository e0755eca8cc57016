package v1alpha1

// Tolerance is the acceptable level of test failure, written down beforehand. A test that was skipped did not pass, and at
// least one has to pass in any case.
// +kubebuilder:validation:MinProperties=1
type Tolerance struct {
	// maxFailed tests may fail; where maxFailedPercent is given too, both limits hold.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxFailed int32 `json:"maxFailed,omitempty"`

	// maxFailedPercent of the tests that ran may fail, rounded down to whole tests.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	MaxFailedPercent int32 `json:"maxFailedPercent,omitempty"`

	// mustPass are regular expressions (RE2) for the whole name of a test, with or without its class: all tests that one
	// matches have to pass, and there has to be one. `payment.*` is every test whose name begins like that.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=200
	// +kubebuilder:validation:items:XValidation:rule="''.matches(self) || !''.matches(self)",message="write a regular expression (RE2), such as payment.*"
	MustPass []string `json:"mustPass,omitempty"`
}

// TestFigures are what the reports of a test say, as the runner in the test's pod read them.
type TestFigures struct {
	// passed is how many tests passed.
	// +required
	// +kubebuilder:validation:Minimum=0
	Passed *int32 `json:"passed,omitempty"`

	// failed is how many tests failed or ended in an error, those included that a report claims and does not list.
	// +required
	// +kubebuilder:validation:Minimum=0
	Failed *int32 `json:"failed,omitempty"`

	// skipped is how many tests did not run.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Skipped *int32 `json:"skipped,omitempty"`

	// reports is how many files were read.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Reports *int32 `json:"reports,omitempty"`

	// testMilliseconds is how long the tests say they took, all together.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TestMilliseconds *int64 `json:"testMilliseconds,omitempty"`

	// failures are the first tests that failed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Failures []TestFailure `json:"failures,omitempty"`
}

// TestFailure is one test that failed.
type TestFailure struct {
	// name of the test, with that of its class before it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// message of the failure in one line.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}
