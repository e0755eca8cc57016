package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FreezeEffect says what a freeze does while it lasts.
// +kubebuilder:validation:Enum=Deny;Allow
type FreezeEffect string

const (
	// FreezeDeny keeps deployments from beginning while it lasts.
	FreezeDeny FreezeEffect = "Deny"
	// FreezeAllow is a window: where an Environment has one, deployments begin only while at least one is open.
	FreezeAllow FreezeEffect = "Allow"
)

// Freeze is a time in which deployments may not begin or, with effect Allow, in which they may. It comes back on a
// schedule, or it is there once. Deny wins over Allow. What has begun goes on: deployments, gates, ways back.
// +kubebuilder:validation:XValidation:rule="has(self.schedule) == has(self.durationSeconds) && has(self.fromTime) == has(self.toTime) && has(self.schedule) != has(self.fromTime)",message="write either schedule and durationSeconds (it comes back), or fromTime and toTime (it is there once)"
// +kubebuilder:validation:XValidation:rule="!has(self.fromTime) || !has(self.toTime) || self.fromTime < self.toTime",message="toTime must be later than fromTime"
type Freeze struct {
	// name of the freeze, unique in its list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="write lower case letters, digits and dashes"
	Name string `json:"name,omitempty"`

	// effect is Deny (default), a freeze, or Allow, a window.
	// +optional
	Effect FreezeEffect `json:"effect,omitempty"`

	// schedule says when it begins, as cron writes it: minute, hour, day of month, month, day of week. A time that the
	// clocks of timeZone skip is the moment at which they skip it; one that they show twice counts the first time. A
	// schedule of every hour follows the clocks through both.
	// +optional
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Za-z*,/?-]+( +[0-9A-Za-z*,/?-]+){4}$')",message="write five fields: minute, hour, day of month, month, day of week, such as 0 18 * * FRI"
	Schedule string `json:"schedule,omitempty"`

	// durationSeconds for which it lasts each time. It is elapsed time, whatever the clocks show meanwhile.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	DurationSeconds int32 `json:"durationSeconds,omitempty"`

	// timeZone of schedule, as the IANA database names it, such as Europe/Berlin; default UTC. Messages show times in it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$') && self != 'Local'",message="write a name of the IANA time zone database, such as Europe/Berlin or UTC"
	TimeZone string `json:"timeZone,omitempty"`

	// fromTime is when it begins, once.
	// +optional
	FromTime *metav1.Time `json:"fromTime,omitempty"`

	// toTime is when it is over: at that very moment deployments may begin again.
	// +optional
	ToTime *metav1.Time `json:"toTime,omitempty"`

	// reason for people who wait.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`
}

// FreezeHandling says whether freezes and windows hold.
// +kubebuilder:validation:Enum=Ignore;Respect
type FreezeHandling string

const (
	// FreezesIgnore lets it in at any time.
	FreezesIgnore FreezeHandling = "Ignore"
	// FreezesRespect keeps it out as any other.
	FreezesRespect FreezeHandling = "Respect"
)

// DeploymentsState says whether deployments may begin.
// +kubebuilder:validation:Enum=Open;Frozen;OutsideWindow
type DeploymentsState string

const (
	// DeploymentsOpen means that they may begin.
	DeploymentsOpen DeploymentsState = "Open"
	// DeploymentsFrozen means that a freeze lasts.
	DeploymentsFrozen DeploymentsState = "Frozen"
	// DeploymentsOutsideWindow means that windows are listed, and that none is open.
	DeploymentsOutsideWindow DeploymentsState = "OutsideWindow"
)

// DeploymentsStatus says whether deployments may begin in an environment, and until when that holds.
type DeploymentsStatus struct {
	// state is Open, Frozen or OutsideWindow.
	// +required
	State DeploymentsState `json:"state,omitempty"`

	// freeze that decides: the one that lasts longest, or the window that opens next.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Freeze string `json:"freeze,omitempty"`

	// untilTime is when the state changes from Open to another, or to Open; absent where that is not in sight.
	// +optional
	UntilTime *metav1.Time `json:"untilTime,omitempty"`
}
