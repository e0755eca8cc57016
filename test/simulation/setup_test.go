package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// setUp makes a cluster in which version 0 runs everywhere.
func (s *simulation) setUp() {
	s.pushAll()
	admin := s.api.ClientFor("admin", s.api.Live())
	for _, object := range policy.Shipped().Objects() {
		s.create(admin, object.DeepCopyObject().(client.Object))
	}
	s.create(admin, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: teamNamespace}})
	for _, st := range s.plan.steps {
		s.create(admin, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: st.namespace}})
		for _, image := range s.plan.images {
			s.create(admin, deployment(st, image))
		}
		s.create(admin, roleBinding(st.namespace))
	}
	s.settleWorld()
	for _, st := range s.plan.steps {
		s.create(admin, st.environment())
		if !s.adopts {
			s.adopt(st)
		}
	}
	s.create(admin, s.plan.pipeline())
}

func (s *simulation) create(c client.Client, obj client.Object) {
	s.must(c.Create(context.Background(), obj))
}

// pushAll puts every version of every image into the registry.
func (s *simulation) pushAll() {
	for _, image := range s.plan.images {
		name := strings.TrimPrefix(image.Repository, registryHost+"/shop/")
		for v := range 6 {
			s.registry.push(image.Repository, fmt.Sprintf("v%d", v), fmt.Sprintf("%s v%d", name, v))
		}
	}
	s.registry.push(repository(testImage), "v1", "tests")
}

// imageID is what the kubelet says of an image.
func (s *simulation) imageID(image string) string {
	if strings.Contains(image, "@") {
		return image
	}
	if content := s.registry.tags[image]; content != "" {
		return repository(image) + "@" + digestOf(content)
	}
	return ""
}

// settleWorld lets the cluster do all it has to.
func (s *simulation) settleWorld() {
	for range 1000 {
		chores := s.world.chores()
		if len(chores) == 0 {
			return
		}
		chores[0].do()
	}
	s.must(fmt.Errorf("the world does not come to rest: %s", s.world.chores()[0].what))
}

func deployment(st step, image v1alpha1.PipelineImage) *appsv1.Deployment {
	labels := map[string]string{"app": image.Name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: st.namespace, Name: image.Name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &st.replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image.Repository + ":v0"}}},
			},
		},
	}
}

func roleBinding(namespace string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "sluice-system", Name: "sluice"}},
	}
}

// adopt stands in for the controller of Environments: it writes what that would find.
func (s *simulation) adopt(st step) {
	ctx, c := context.Background(), s.api.ClientFor(operatorUser, s.api.Live())
	ns, env := &corev1.Namespace{}, &v1alpha1.Environment{}
	s.must(c.Get(ctx, memapi.Key{Name: st.namespace}, ns))
	s.must(c.Get(ctx, memapi.Key{Namespace: st.namespace, Name: v1alpha1.EnvironmentName}, env))
	force := promotion.InForce(env.Spec)
	enforced := promotion.ParseEnforced(nil)
	enforced.Lock, enforced.Tier, enforced.Unmanaged = force.Lock, env.Spec.Tier, force.UnmanagedImages
	var adopted []v1alpha1.Image
	for _, image := range s.plan.images {
		digest := digestOf(image.Name + " v0")
		i := v1alpha1.Image{Name: image.Name, Repository: image.Repository, Digest: digest}
		adopted = append(adopted, i)
		enforced.Images = append(enforced.Images, i.Reference())
		enforced.Pins[image.Repository] = i.Reference()
		enforced.Owners[image.Repository] = teamNamespace + "/" + pipelineName
		enforced.Adopted[image.Repository+":v0"] = digest
	}
	ns.Labels, ns.Annotations = nonEmpty(enforced.Labels()), nonEmpty(enforced.Annotations())
	s.must(c.Update(ctx, ns))
	hash := promotion.ReleaseHash(adopted)
	s.create(c, &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{Namespace: st.namespace, Name: promotion.RecordName(pipelineName, hash, "adopted"), Labels: map[string]string{v1alpha1.PipelineLabel: pipelineName}},
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: teamNamespace, Name: pipelineName},
			ReleaseHash: hash, Images: adopted, Result: v1alpha1.ResultAdopted,
			Environment: v1alpha1.RecordedEnvironment{UID: string(env.UID), Generation: 1, Tier: env.Spec.Tier},
		},
	})
	env.Status.Requires = &force
	now := metav1.NewTime(s.clock.now)
	for _, condition := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionAdopted, v1alpha1.ConditionLocked, v1alpha1.ConditionReady} {
		env.Status.Conditions = append(env.Status.Conditions, metav1.Condition{
			Type: condition, Status: metav1.ConditionTrue, Reason: condition, ObservedGeneration: 1, LastTransitionTime: now,
		})
	}
	s.must(c.Status().Update(ctx, env))
}

func nonEmpty(values map[string]string) map[string]string {
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
