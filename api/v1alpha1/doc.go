// Package v1alpha1 holds the resources of Sluice, group sluice.dev: what a team, a platform team
// and an approver write, and what the operator answers.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package=../applyconfiguration
// +groupName=sluice.dev
package v1alpha1
