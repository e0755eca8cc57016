package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GateTemplate is a gate that many environments and pipelines share. It belongs to the platform team, which says what
// may differ from one use to the next, and by how much.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=gt,categories=sluice
// +kubebuilder:printcolumn:name="Purpose",type=string,JSONPath=`.spec.gate.purpose`
// +kubebuilder:printcolumn:name="Generation",type=integer,JSONPath=`.metadata.generation`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
// +genclient:nonNamespaced
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="write a name of at most 63 characters: results of gates hold it"
type GateTemplate struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the gate, and what may differ.
	// +required
	Spec GateTemplateSpec `json:"spec,omitzero"`
}

// GateTemplateList is a list of GateTemplates.
//
// +kubebuilder:object:root=true
type GateTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []GateTemplate `json:"items"`
}

// GateTemplateSpec is the gate, and what may differ.
type GateTemplateSpec struct {
	// description for people: what the gate shows, and when to use it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// parameters that a use of the template may, or has to, give.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Parameters []TemplateParameter `json:"parameters,omitempty"`

	// gate as an Environment would list it. In its texts, $(params.NAME) stands for a parameter, and $(pipeline.namespace) and
	// $(pipeline.name) for the pipeline under test. A use gives it a name of its own.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.templateRef)",message="a template holds the gate itself: write job, load or another kind instead of templateRef"
	Gate Gate `json:"gate,omitzero"`
}

// ParameterType says what the value of a parameter is.
// +kubebuilder:validation:Enum=String;Integer;Duration
type ParameterType string

const (
	// StringParameter is any text.
	StringParameter ParameterType = "String"
	// IntegerParameter is a whole number from 0.
	IntegerParameter ParameterType = "Integer"
	// DurationParameter is a time in hours, minutes and seconds, such as 90s or 1h30m.
	DurationParameter ParameterType = "Duration"
)

// TemplateField is a number of the gate that a parameter may set.
// +kubebuilder:validation:Enum=timeoutSeconds;retries;soak.durationSeconds;load.requestsPerSecond;load.durationSeconds;load.warmUpSeconds;load.workers;load.thresholds.p50Microseconds;load.thresholds.p90Microseconds;load.thresholds.p95Microseconds;load.thresholds.p99Microseconds;load.thresholds.maxMicroseconds;load.thresholds.successBasisPoints;load.thresholds.answeredPerSecond;metric.samples;metric.intervalSeconds;metric.minimumSamples;metric.maxFailed;metric.maxConsecutiveFailed;webhook.pollSeconds
type TemplateField string

// TemplateParameter is one thing that differs from one use of a template to the next. Values are texts: "200", "90s".
// +kubebuilder:validation:XValidation:rule="self.type == 'String' ? !has(self.minimum) && !has(self.maximum) && !has(self.sets) : !has(self.allowedValues)",message="a String has allowedValues; an Integer or a Duration has minimum, maximum and sets"
// +kubebuilder:validation:XValidation:rule="self.type != 'Duration' || !has(self.sets) || self.sets.all(f, f.endsWith('Seconds'))",message="a Duration sets numbers of seconds: for other numbers write an Integer"
// +kubebuilder:validation:XValidation:rule="!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",message="minimum is above maximum"
// +kubebuilder:validation:XValidation:rule="!has(self.setBy) || self.setBy != 'Anyone' || (self.type == 'String' ? has(self.allowedValues) : has(self.minimum) && has(self.maximum))",message="what teams may set needs bounds, else they could make the gate trivial: write minimum and maximum, or allowedValues, or leave setBy out"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || self.type != 'String' || !has(self.allowedValues) || self.default in self.allowedValues",message="the default is none of allowedValues"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || self.type != 'Integer' || self.default.matches('^(0|[1-9][0-9]{0,9})$') && (!has(self.minimum) || int(self.default) >= self.minimum) && (!has(self.maximum) || int(self.default) <= self.maximum)",message="write the default of an Integer as digits, such as \"200\", from minimum to maximum"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || self.type != 'Duration' || self.default.matches('^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?$') && self.default.size() > 0 && (!has(self.minimum) || duration(self.default).getSeconds() >= self.minimum) && (!has(self.maximum) || duration(self.default).getSeconds() <= self.maximum)",message="write the default of a Duration in hours, minutes and seconds, such as \"90s\" or \"1h30m\", from minimum to maximum"
type TemplateParameter struct {
	// name of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z][A-Za-z0-9]*$')",message="write letters and digits, the first a lower case letter"
	Name string `json:"name,omitempty"`

	// type is String, Integer or Duration.
	// +required
	Type ParameterType `json:"type,omitempty"`

	// description for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`

	// default where a use gives no value; without one a use has to.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=256
	Default *string `json:"default,omitempty"`

	// setBy is Platform (default: gates of Environments) or Anyone (gates of pipelines too, within the bounds).
	// +optional
	SetBy GateDeclarer `json:"setBy,omitempty"`

	// allowedValues of a String; default: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=256
	AllowedValues []string `json:"allowedValues,omitempty"`

	// minimum of an Integer, or of a Duration in seconds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Minimum *int64 `json:"minimum,omitempty"`

	// maximum of an Integer, or of a Duration in seconds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Maximum *int64 `json:"maximum,omitempty"`

	// sets are the numbers of the gate that this parameter replaces; the gate has to hold each of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Sets []TemplateField `json:"sets,omitempty"`
}

// GateTemplateUse takes a gate from a GateTemplate.
type GateTemplateUse struct {
	// name of the GateTemplate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// params are the values of its parameters; those left out have their defaults.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Params []TemplateArgument `json:"params,omitempty"`
}

// TemplateArgument is the value of one parameter.
type TemplateArgument struct {
	// name of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// value as text: digits for an Integer, such as "200"; hours, minutes and seconds for a Duration, such as "90s".
	// +required
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=256
	Value *string `json:"value,omitempty"`
}

// ObservedGateTemplate is a GateTemplate as it was when a gate was made from it.
type ObservedGateTemplate struct {
	// name of the GateTemplate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// generation of the GateTemplate.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`

	// specHash over its spec, 64 hexadecimal digits: one that was deleted and made again counts its generations anew.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SpecHash string `json:"specHash,omitempty"`
}

// TemplateRevision says which revision of a GateTemplate evidence has to be from.
// +kubebuilder:validation:Enum=Any;Present
type TemplateRevision string

const (
	// AnyRevision lets an edit of the template void no evidence.
	AnyRevision TemplateRevision = "Any"
	// PresentRevision wants the template as it is now.
	PresentRevision TemplateRevision = "Present"
)

// GateTemplateRequirement demands a gate that was made from a GateTemplate.
type GateTemplateRequirement struct {
	// name of the GateTemplate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// revision is Any (default: an edit of the template voids no evidence) or Present.
	// +optional
	Revision TemplateRevision `json:"revision,omitempty"`
}
