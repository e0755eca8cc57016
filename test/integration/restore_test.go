package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// awaitAllowed waits until somebody may change one kind of thing in a namespace: RBAC is some milliseconds late.
func (s *shop) awaitAllowed(user, namespace, resource string) {
	s.t.Helper()
	attributes := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Group: "sluice.dev", Resource: resource}
	if resource == "namespaces" {
		attributes.Verb, attributes.Group, attributes.Name = "patch", "", namespace
	}
	eventually(s.t, user+" may change "+resource+" in "+namespace, func() error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: attributes}}
		if err := s.admin.Create(s.t.Context(), review); err != nil {
			return err
		}
		if !review.Status.Allowed {
			return errors.New("not yet")
		}
		return nil
	})
}

// prober tries all along to start an image that was not promoted.
type prober struct {
	stop   context.CancelFunc
	done   sync.WaitGroup
	tries  int
	opened error
}

func (s *shop) probe(namespace string) *prober {
	ctx, cancel := context.WithCancel(s.t.Context())
	p := &prober{stop: cancel}
	intruder := as(s.t, "")
	p.done.Go(func() {
		for ctx.Err() == nil && p.opened == nil {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "evil-"},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: s.repository + "@" + digest(666)}}},
			}
			err := intruder.Create(ctx, pod, client.DryRunAll)
			p.tries++
			if err == nil {
				p.opened = fmt.Errorf("%s was open at try %d", namespace, p.tries)
			}
		}
	})
	return p
}

// settle ends the tries, and fails where one of them got through.
func (p *prober) settle(t *testing.T) {
	t.Helper()
	p.stop()
	p.done.Wait()
	if p.opened != nil || p.tries < 20 {
		t.Errorf("%d tries: %v", p.tries, p.opened)
	}
}

// mayRestore gives a backup tool the roles that the page asks for.
func (s *shop) mayRestore(user string) {
	s.t.Helper()
	s.create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "restorer"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"create"}},
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings"}, Verbs: []string{"create"}},
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, Verbs: []string{"bind"}},
	}})
	for _, role := range []string{"restorer", "sluice-restore"} {
		s.create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role + "-" + user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		})
	}
}

// deleteNamespaces removes namespaces with everything in them, and waits until they are gone.
func (s *shop) deleteNamespaces(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, name := range names {
		eventually(s.t, name+" is gone", func() error {
			err := s.admin.Get(s.t.Context(), client.ObjectKey{Name: name}, &corev1.Namespace{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("it is still there: %w", err)
		})
	}
}

func (s *shop) records(environment string) map[string]v1alpha1.ReleaseRecordSpec {
	s.t.Helper()
	var list v1alpha1.ReleaseRecordList
	if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace(environment))); err != nil {
		s.t.Fatal(err)
	}
	found := map[string]v1alpha1.ReleaseRecordSpec{}
	for i := range list.Items {
		found[list.Items[i].Name] = list.Items[i].Spec
	}
	return found
}

// Everything is lost and brought back, while the operator runs and somebody tries all along to start what was not promoted.
func TestScenario27RestoreWithTheCommandsOfThePage(t *testing.T) {
	t.Parallel()
	p := openPage(t, "backup.md")
	s := openShop(t, "restored", recipe{environments: []string{"test", "prod"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = append(functional(), testGate("stress", v1alpha1.PurposeStress))
	}})
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	first := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.promote("second", digest(2))
	s.mustSign("alice", "second", "prod")
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	s.promote("third", digest(3))
	s.awaitReason("third", "prod", v1alpha1.ReasonApprovalsMissing)
	s.mayRestore("velero")
	before := map[string]map[string]v1alpha1.ReleaseRecordSpec{"test": s.records("test"), "prod": s.records("prod")}

	namespaces := []string{s.name, s.namespace("test"), s.namespace("prod")}
	values := map[string]string{"BACKUP": "backup", "NAMESPACES": strings.Join(namespaces, " ")}
	p.run("", nil, p.part("What to back up", "", ""), values)
	test, prod := s.probe(s.namespace("test")), s.probe(s.namespace("prod"))
	s.deleteNamespaces(namespaces...)
	p.run("velero", nil, p.part("Restore", "", ""), values)
	for environment, pinned := range map[string]string{"test": digest(3), "prod": digest(2)} {
		s.createDeployment(environment)
		s.awaitReady(environment)
		s.awaitTemplate(environment, "@"+pinned)
		after := s.records(environment)
		for name, spec := range before[environment] {
			if !equality.Semantic.DeepEqual(after[name], spec) {
				t.Errorf("record %s of %s came back as %+v, was %+v", name, environment, after[name], spec)
			}
		}
	}
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	if jobs := s.gateJobs("prod", "functional"); len(jobs) > 0 {
		t.Errorf("%d Jobs run of promotions that had ended", len(jobs))
	}
	// What was under way and had passed somewhere has used its name; under another one it goes its way.
	s.promote("third-again", digest(3))
	s.awaitReason("third-again", "prod", v1alpha1.ReasonApprovalsMissing)
	s.awaitOutcome("third", v1alpha1.OutcomeSuperseded)
	s.promoteAs("dave", "back", backTo(first.Status.ReleaseHash, "prod"))
	s.awaitOutcome("back", v1alpha1.OutcomeSucceeded)
	s.awaitTemplate("prod", "@"+digest(1))
	test.settle(t)
	prod.settle(t)
}
