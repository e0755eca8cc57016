package attacks_test

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/test/controlplane"
)

// actor is somebody who talks to the API server, and hears its warnings. testdata/people.yaml says what each may do.
type actor struct {
	client.Client
	// who is the actor, for the report.
	who   string
	heard *controlplane.Warnings
	// config is what the actor connects with.
	config *rest.Config
}

// The actors. Those of the first group try what they should not.
var (
	dave, erin, tara, paul, ci, flux, edith, adam, impostor, minted *actor
	// root is a member of system:masters, and stores what a test looks at.
	root *actor

	alice, bob, carol, pat                        *actor
	operator, jobController, replicaSetController *actor
)

// cast makes the actors.
func cast(ctx context.Context) (err error) {
	if root, err = newActor("a member of system:masters", plane.Config); err != nil {
		return err
	}
	for _, role := range []struct {
		actor **actor
		who   string
		as    rest.ImpersonationConfig
	}{
		{&dave, "dave, a developer", user("dave")},
		{&erin, "erin, a developer who may also sign", user("erin")},
		{&tara, "tara, namespace admin of test", user("tara")},
		{&paul, "paul, namespace admin of production", user("paul")},
		{&ci, "a bot", serviceAccount("ci", "builder")},
		{&flux, "a GitOps tool", serviceAccount("flux-system", "kustomize-controller")},
		{&edith, "edith, with the stock role edit", user("edith")},
		{&adam, "adam, with the stock role admin", user("adam")},
		{&impostor, "somebody who impersonates the operator", serviceAccount("sluice-system", "sluice")},
		{&alice, "alice, an approver", user("alice", "release-managers")},
		{&bob, "bob, an approver for whom a bot asked", user("bob")},
		{&carol, "carol, an approver who wrote the change", user("carol")},
		{&pat, "pat, of the platform team", user("pat")},
		{&operator, "the operator", theOperator()},
		{&jobController, "the Job controller", serviceAccount("kube-system", "job-controller")},
		{&replicaSetController, "the ReplicaSet controller", serviceAccount("kube-system", "replicaset-controller")},
	} {
		config := rest.CopyConfig(plane.Config)
		config.Impersonate = role.as
		if *role.actor, err = newActor(role.who, config); err != nil {
			return err
		}
	}
	minted, err = tokenOfTheOperator(ctx)
	return err
}

func newActor(who string, config *rest.Config) (*actor, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	a := &actor{who: who, heard: &controlplane.Warnings{}, config: config}
	config.WarningHandler = a.heard
	var err error
	a.Client, err = client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	return a, nil
}

func user(name string, groups ...string) rest.ImpersonationConfig {
	return rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}
}

func serviceAccount(namespace, name string) rest.ImpersonationConfig {
	return user("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

// theOperator has a token that is bound to its pod, which is what its policies ask for.
func theOperator() rest.ImpersonationConfig {
	as := serviceAccount("sluice-system", "sluice")
	as.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {"sluice-0"}}
	return as
}

// tokenOfTheOperator asks for a token of the operator's ServiceAccount, as whoever may edit its namespace can: it is
// bound to no pod.
func tokenOfTheOperator(ctx context.Context) (*actor, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "sluice-system", Name: "sluice"}}
	request := &authenticationv1.TokenRequest{}
	if err := root.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("ask for a token of the operator: %w", err)
	}
	config := rest.AnonymousClientConfig(plane.Config)
	config.BearerToken = request.Status.Token
	return newActor("somebody with a token of the operator's ServiceAccount", config)
}
