package controller

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Indexes of the environment and pipeline controllers.
const (
	// IndexEnvironmentHolder finds Environments by the Promotions that hold a slot or await sign-off there, as namespace/name.
	IndexEnvironmentHolder = "status.holders"
	// IndexPipelineEnvironment finds DeliveryPipelines by the namespaces of their environments.
	IndexPipelineEnvironment = "spec.environments"
	// IndexPipelineAccount finds DeliveryPipelines by the ServiceAccount of their registryCredentials, as namespace/name.
	IndexPipelineAccount = "spec.registryCredentials"
)

// IndexEnvironmentFields adds the indexes of the environment and pipeline controllers to a cache.
func IndexEnvironmentFields(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		object client.Object
		field  string
		values client.IndexerFunc
	}{
		{&v1alpha1.Environment{}, IndexEnvironmentHolder, environmentHolders},
		{&v1alpha1.DeliveryPipeline{}, IndexPipelineEnvironment, pipelineEnvironments},
		{&v1alpha1.DeliveryPipeline{}, IndexPipelineAccount, pipelineAccount},
	} {
		if err := indexer.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return fmt.Errorf("index %T by %s: %w", index.object, index.field, err)
		}
	}
	return nil
}

func environmentHolders(object client.Object) []string {
	var promotions []string
	if env, ok := object.(*v1alpha1.Environment); ok {
		for _, h := range env.Status.Holders {
			promotions = append(promotions, h.PromotionRef.Namespace+"/"+h.PromotionRef.Name)
		}
		for _, a := range env.Status.Awaiting {
			promotions = append(promotions, a.PromotionRef.Namespace+"/"+a.PromotionRef.Name)
		}
	}
	return promotions
}

func pipelineEnvironments(object client.Object) []string {
	var namespaces []string
	if p, ok := object.(*v1alpha1.DeliveryPipeline); ok {
		for _, e := range p.Spec.Environments {
			namespaces = append(namespaces, e.EnvironmentRef.Namespace)
		}
	}
	return namespaces
}

func pipelineAccount(object client.Object) []string {
	p, ok := object.(*v1alpha1.DeliveryPipeline)
	if !ok || p.Spec.RegistryCredentials.ServiceAccountName == "" {
		return nil
	}
	return []string{p.Namespace + "/" + p.Spec.RegistryCredentials.ServiceAccountName}
}
