package controller

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// everybody is the group of all whom the API server knows; nobody's membership of it has to be stamped.
const everybody = "system:authenticated"

// signers are those to whom RBAC gives the right to create Approvals in a namespace.
type signers struct {
	users, groups map[string]bool
}

// include says whether RBAC gives somebody the right.
func (s signers) include(who v1alpha1.Approver) bool {
	return s.users[who.Username] || s.groups[everybody] || slices.ContainsFunc(who.Groups, func(group string) bool { return s.groups[group] })
}

// named are the groups that an Approval may have to hold, sorted. Those of Kubernetes itself never sign.
func (s signers) named() []string {
	var named []string
	for group := range s.groups {
		if !strings.HasPrefix(group, "system:") {
			named = append(named, group)
		}
	}
	slices.Sort(named)
	return named
}

// signersIn finds out who may create Approvals in a namespace, as far as RBAC says: from the RoleBindings there, and from
// ClusterRoleBindings.
func (g *Gatherer) signersIn(ctx context.Context, namespace string) (signers, error) {
	found := signers{users: map[string]bool{}, groups: map[string]bool{}}
	var (
		clusterRoles    rbacv1.ClusterRoleList
		roles           rbacv1.RoleList
		bindings        rbacv1.RoleBindingList
		clusterBindings rbacv1.ClusterRoleBindingList
	)
	if err := g.list(ctx, &clusterRoles, client.MatchingFields{IndexSigningRole: signing}); err != nil {
		return found, err
	}
	if err := g.list(ctx, &roles, client.InNamespace(namespace), client.MatchingFields{IndexSigningRole: signing}); err != nil {
		return found, err
	}
	if err := g.list(ctx, &bindings, client.InNamespace(namespace)); err != nil {
		return found, err
	}
	for i := range bindings.Items {
		b := &bindings.Items[i]
		if b.DeletionTimestamp == nil && grantedBy(b.RoleRef, clusterRoles.Items, roles.Items) {
			found.add(b.Subjects)
		}
	}
	for i := range clusterRoles.Items {
		if err := g.list(ctx, &clusterBindings, client.MatchingFields{IndexBindingRole: clusterRoles.Items[i].Name}); err != nil {
			return found, err
		}
		for n := range clusterBindings.Items {
			found.add(clusterBindings.Items[n].Subjects)
		}
	}
	return found, nil
}

func (s signers) add(subjects []rbacv1.Subject) {
	for _, subject := range subjects {
		switch subject.Kind {
		case rbacv1.UserKind:
			s.users[subject.Name] = true
		case rbacv1.GroupKind:
			s.groups[subject.Name] = true
		}
	}
}

// grantedBy says whether a binding refers to one of these roles.
func grantedBy(ref rbacv1.RoleRef, clusterRoles []rbacv1.ClusterRole, roles []rbacv1.Role) bool {
	if ref.Kind == "ClusterRole" {
		return slices.ContainsFunc(clusterRoles, func(r rbacv1.ClusterRole) bool { return r.Name == ref.Name })
	}
	return slices.ContainsFunc(roles, func(r rbacv1.Role) bool { return r.Name == ref.Name })
}

// signing is the one value of IndexSigningRole.
const signing = "approvals"

// signingRole finds the roles that let somebody create Approvals.
func signingRole(object client.Object) []string {
	if slices.ContainsFunc(rulesOf(object), letsSign) {
		return []string{signing}
	}
	return nil
}

func rulesOf(object client.Object) []rbacv1.PolicyRule {
	switch role := object.(type) {
	case *rbacv1.ClusterRole:
		return role.Rules
	case *rbacv1.Role:
		return role.Rules
	}
	return nil
}

// letsSign says whether a rule lets somebody create Approvals. A rule about named objects never does: what is created has
// no name yet when RBAC is asked.
func letsSign(rule rbacv1.PolicyRule) bool {
	holds := func(values []string, value string) bool {
		return slices.Contains(values, value) || slices.Contains(values, "*")
	}
	return holds(rule.Verbs, "create") && holds(rule.APIGroups, v1alpha1.GroupVersion.Group) && holds(rule.Resources, "approvals") && len(rule.ResourceNames) == 0
}

func bindingRole(object client.Object) []string {
	if b, ok := object.(*rbacv1.ClusterRoleBinding); ok {
		return []string{b.RoleRef.Name}
	}
	return nil
}

// rightsChange lets a role through when it begins or ceases to let people sign, and a binding when its subjects change.
func rightsChange() predicate.Predicate {
	concerns := func(object client.Object) bool {
		_, binds := object.(*rbacv1.ClusterRoleBinding)
		return binds || signingRole(object) != nil
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return concerns(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, one := e.ObjectOld.(*rbacv1.ClusterRoleBinding)
			after, other := e.ObjectNew.(*rbacv1.ClusterRoleBinding)
			if one && other {
				return !equality.Semantic.DeepEqual(before.Subjects, after.Subjects)
			}
			return (signingRole(e.ObjectOld) == nil) != (signingRole(e.ObjectNew) == nil)
		},
		DeleteFunc: func(e event.DeleteEvent) bool { return concerns(e.Object) },
	}
}

// awaitingSignatures finds the Promotions that wait for people somewhere.
func (r *PromotionReconciler) awaitingSignatures(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPromotionSignOff: signing})
}

// promotionSignOff finds the Promotions that wait for people somewhere.
func promotionSignOff(object client.Object) []string {
	p, ok := object.(*v1alpha1.Promotion)
	if !ok || p.Status.Outcome != "" {
		return nil
	}
	for _, progress := range p.Status.Environments {
		if progress.State == v1alpha1.StateWaiting && slices.ContainsFunc(progress.Reasons, func(r v1alpha1.Reason) bool { return r.Type == v1alpha1.ReasonApprovalsMissing }) {
			return []string{signing}
		}
	}
	return nil
}
