package admission_test

import (
	"context"
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/test/controlplane"
)

const (
	operatorName = "system:serviceaccount:sluice-system:sluice"
	// anything is the group that RBAC lets do anything but unlock and restore: what stops its members is admission.
	anything = "testers"
)

// actor is somebody who talks to the API server, and hears its warnings.
type actor struct {
	client.Client
	name   string
	heard  *controlplane.Warnings
	config *rest.Config
}

// newActor makes somebody; a zero identity is the administrator, who holds every verb.
func newActor(identity rest.ImpersonationConfig) *actor {
	config := rest.CopyConfig(plane.Config)
	config.Impersonate = identity
	config.QPS = -1
	a := &actor{name: identity.UserName, heard: &controlplane.Warnings{}, config: config}
	config.WarningHandler = a.heard
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		panic(err) // a mistake in the configuration, not in what is tested
	}
	a.Client = c
	return a
}

// person may do anything that admission lets them do.
func person(name string, groups ...string) *actor {
	return newActor(rest.ImpersonationConfig{UserName: name, Groups: append([]string{anything}, groups...)})
}

// serviceAccount may do anything too, with the groups that the API server gives a ServiceAccount.
func serviceAccount(namespace, name string) *actor {
	return newActor(rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":" + name,
		Groups:   []string{anything, "system:serviceaccounts", "system:serviceaccounts:" + namespace},
	})
}

// theOperator talks with a token that is bound to its pod.
func theOperator() *actor {
	return newActor(rest.ImpersonationConfig{
		UserName: operatorName,
		Groups:   []string{anything, "system:serviceaccounts", "system:serviceaccounts:sluice-system"},
		Extra:    map[string][]string{"authentication.kubernetes.io/pod-name": {"sluice-0"}},
	})
}

// pretender has the operator's name and not its token.
func pretender() *actor { return serviceAccount("sluice-system", "sluice") }

// controller is one of the cluster's own.
func controller(name string) *actor { return serviceAccount("kube-system", name) }

// with binds the verb on environments to a new person, in one namespace.
func with(t *testing.T, verb, namespace string) *actor {
	t.Helper()
	name := verb + "-" + namespace
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"sluice.dev"}, Resources: []string{"environments"}, Verbs: []string{verb}}},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}
	create(t, role)
	create(t, binding)
	holder := person(name)
	eventually(t, func() error { return canI(t.Context(), holder, verb, namespace) })
	return holder
}

// clusterRestore is a backup tool with the ClusterRole sluice-restore, everywhere.
func clusterRestore(t *testing.T) *actor {
	t.Helper()
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "velero"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "sluice-restore"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "velero", Namespace: "velero"}},
	})
	velero := serviceAccount("velero", "velero")
	eventually(t, func() error { return canI(t.Context(), velero, "restore", "anywhere") })
	return velero
}

// grantEverythingButVerbs gives the group `anything` every verb of Kubernetes on everything, by name: "*" would
// contain unlock and restore.
func grantEverythingButVerbs(ctx context.Context) error {
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: anything},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"*"}, Resources: []string{"*"},
			Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
		}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: anything},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: anything},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: anything}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := admin.Create(ctx, object); err != nil {
			return fmt.Errorf("let the testers in: %w", err)
		}
	}
	return nil
}
