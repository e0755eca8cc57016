package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the API group and version of every resource of Sluice.
	GroupVersion = schema.GroupVersion{Group: "sluice.dev", Version: "v1alpha1"}

	// SchemeGroupVersion is GroupVersion under the name that code generators expect.
	SchemeGroupVersion = GroupVersion

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the resources of Sluice to a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

// Resource returns the group-qualified name of a resource of Sluice.
func Resource(resource string) schema.GroupResource {
	return GroupVersion.WithResource(resource).GroupResource()
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&DeliveryPipeline{}, &DeliveryPipelineList{},
		&Environment{}, &EnvironmentList{},
		&Promotion{}, &PromotionList{},
		&Approval{}, &ApprovalList{},
		&ReleaseRecord{}, &ReleaseRecordList{},
		&GateTemplate{}, &GateTemplateList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
