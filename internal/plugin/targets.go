package plugin

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func typeName(object client.Object) string { return fmt.Sprintf("%T", object) }

func promotionTarget(namespace, name string) target {
	return target{
		example: &v1alpha1.Promotion{}, list: func() client.ObjectList { return &v1alpha1.PromotionList{} },
		namespace: namespace, name: name,
	}
}

func pipelineTarget(namespace, name string) target {
	return target{
		example: &v1alpha1.DeliveryPipeline{}, list: func() client.ObjectList { return &v1alpha1.DeliveryPipelineList{} },
		namespace: namespace, name: name,
	}
}

func environmentTarget(namespace string) target {
	return target{
		example: &v1alpha1.Environment{}, list: func() client.ObjectList { return &v1alpha1.EnvironmentList{} },
		namespace: namespace,
	}
}

// jobTarget is every Job of a promotion's gates in a namespace. Who may not see Jobs sees what the status says.
func jobTarget(namespace, promotionUID string) target {
	return target{
		example: &batchv1.Job{}, list: func() client.ObjectList { return &batchv1.JobList{} },
		namespace: namespace, labels: labels.Set{v1alpha1.PromotionUIDLabel: promotionUID}, optional: true,
	}
}

func (t target) butOptional() target {
	t.optional = true
	return t
}
