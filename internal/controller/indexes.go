package controller

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Indexes of the cache: one for each lookup, so that nothing is listed whole and filtered.
const (
	// IndexRecordPipeline finds ReleaseRecords by pipeline, as namespace/name.
	IndexRecordPipeline = "spec.pipeline"
	// IndexPromotionPipeline finds Promotions by pipeline, as namespace/name.
	IndexPromotionPipeline = "spec.pipeline"
	// IndexPromotionNamespace finds unfinished Promotions by the namespaces they go through; those that are not resolved
	// yet are found under Unresolved, all of them under Everywhere.
	IndexPromotionNamespace = "status.namespaces"
	// IndexPromotionSignOff finds unfinished Promotions that wait for people to sign.
	IndexPromotionSignOff = "status.signOff"
	// IndexSigningRole finds Roles and ClusterRoles that let people sign.
	IndexSigningRole = "rules"
	// IndexBindingRole finds ClusterRoleBindings by their ClusterRole.
	IndexBindingRole = "roleRef"
	// IndexApprovalPromotion finds Approvals by the uid of their Promotion.
	IndexApprovalPromotion = "spec.promotionRef.uid"
	// IndexApprovalDecision finds Approvals by their decision.
	IndexApprovalDecision = "spec.decision"
	// IndexEnvironmentHolder finds Environments by the Promotions that hold a slot or await sign-off there, as namespace/name.
	IndexEnvironmentHolder = "status.holders"
	// IndexPipelineEnvironment finds DeliveryPipelines by the namespaces of their environments.
	IndexPipelineEnvironment = "spec.environments"
	// IndexPipelineAccount finds DeliveryPipelines by the ServiceAccount of their registryCredentials, as namespace/name.
	IndexPipelineAccount = "spec.registryCredentials"
)

const (
	// Unresolved is where IndexPromotionNamespace keeps Promotions that go through no namespace yet.
	Unresolved = "*"
	// Everywhere is where it keeps all of those that have not ended.
	Everywhere = "**"
)

// index of one kind of object.
type index struct {
	object client.Object
	field  string
	values client.IndexerFunc
}

// indexes are all that the controllers look up.
func indexes() []index {
	return []index{
		{&v1alpha1.ReleaseRecord{}, IndexRecordPipeline, recordPipeline},
		{&v1alpha1.Promotion{}, IndexPromotionPipeline, promotionPipeline},
		{&v1alpha1.Promotion{}, IndexPromotionNamespace, promotionNamespaces},
		{&v1alpha1.Promotion{}, IndexPromotionSignOff, promotionSignOff},
		{&v1alpha1.Approval{}, IndexApprovalPromotion, approvalPromotion},
		{&v1alpha1.Approval{}, IndexApprovalDecision, approvalDecision},
		{&v1alpha1.Environment{}, IndexEnvironmentHolder, environmentHolders},
		{&v1alpha1.DeliveryPipeline{}, IndexPipelineEnvironment, pipelineEnvironments},
		{&v1alpha1.DeliveryPipeline{}, IndexPipelineAccount, pipelineAccount},
		{&rbacv1.ClusterRole{}, IndexSigningRole, signingRole},
		{&rbacv1.Role{}, IndexSigningRole, signingRole},
		{&rbacv1.ClusterRoleBinding{}, IndexBindingRole, bindingRole},
	}
}

// IndexFields adds the indexes of the controllers to a cache.
func IndexFields(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range indexes() {
		if err := indexer.IndexField(ctx, i.object, i.field, i.values); err != nil {
			return fmt.Errorf("index %T by %s: %w", i.object, i.field, err)
		}
	}
	return nil
}

// PipelineKey is a pipeline as namespace/name.
func PipelineKey(namespace, name string) string { return namespace + "/" + name }

func recordPipeline(object client.Object) []string {
	r, ok := object.(*v1alpha1.ReleaseRecord)
	if !ok {
		return nil
	}
	return []string{PipelineKey(r.Spec.PipelineRef.Namespace, r.Spec.PipelineRef.Name)}
}

func promotionPipeline(object client.Object) []string {
	p, ok := object.(*v1alpha1.Promotion)
	if !ok {
		return nil
	}
	return []string{PipelineKey(p.Namespace, p.Spec.PipelineRef.Name)}
}

func promotionNamespaces(object client.Object) []string {
	p, ok := object.(*v1alpha1.Promotion)
	switch {
	case !ok || p.Status.Outcome != "":
		return nil
	case p.Status.Pipeline.UID == "":
		return []string{Everywhere, Unresolved}
	}
	namespaces := []string{Everywhere}
	for _, progress := range p.Status.Environments {
		namespaces = append(namespaces, progress.EnvironmentRef.Namespace)
	}
	return namespaces
}

func approvalPromotion(object client.Object) []string {
	a, ok := object.(*v1alpha1.Approval)
	if !ok || a.Spec.PromotionRef.UID == "" {
		return nil
	}
	return []string{a.Spec.PromotionRef.UID}
}

func approvalDecision(object client.Object) []string {
	a, ok := object.(*v1alpha1.Approval)
	if !ok {
		return nil
	}
	return []string{string(a.Spec.Decision)}
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
