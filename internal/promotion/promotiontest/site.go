package promotiontest

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// SiteBuilder builds a Site: a namespace with its Environment.
type SiteBuilder struct{ site promotion.Site }

// MakeSite begins with a namespace that the operator may work in, and in which nothing was pinned yet.
func MakeSite(env *v1alpha1.Environment) *SiteBuilder {
	b := &SiteBuilder{promotion.Site{
		Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: env.Namespace, UID: uidOf("namespace", env.Namespace), ResourceVersion: "1", CreationTimestamp: At(0),
		}},
		Environment: env,
		Permitted:   true,
		Zones:       Zones(env),
	}}
	lock := promotion.InForce(env.Spec).Lock
	return b.Enforced(func(c *promotion.EnforcedCopy) { c.Lock, c.Tier = lock, env.Spec.Tier })
}

// Zones are the time zones that an Environment names; nil where it names none.
func Zones(env *v1alpha1.Environment) map[string]*time.Location {
	var zones map[string]*time.Location
	for _, freeze := range env.Spec.Freezes {
		zone, err := time.LoadLocation(freeze.TimeZone)
		if err != nil {
			continue
		}
		if zones == nil {
			zones = map[string]*time.Location{}
		}
		zones[freeze.TimeZone] = zone
	}
	return zones
}

// Enforced changes what the Namespace enforces.
func (b *SiteBuilder) Enforced(change func(*promotion.EnforcedCopy)) *SiteBuilder {
	c := promotion.ParseEnforced(b.site.Namespace)
	change(&c)
	Enforce(b.site.Namespace, c)
	return b
}

// Runs pins a release as Sluice would have done, and adds a Deployment that runs it for each of its images.
func (b *SiteBuilder) Runs(images ...v1alpha1.Image) *SiteBuilder {
	b.Enforced(func(c *promotion.EnforcedCopy) {
		for _, image := range images {
			c.Images = append(c.Images, image.Reference())
			c.Pins[image.Repository] = image.Reference()
			c.Owners[image.Repository] = PipelineKey
		}
	})
	for _, image := range images {
		b.Workload(MakeWorkload("Deployment", image.Name).Image(image.Reference()).Pods(2).Obj())
	}
	return b
}

// Workload adds a workload.
func (b *SiteBuilder) Workload(w promotion.Workload) *SiteBuilder {
	b.site.Workloads = append(b.site.Workloads, w)
	return b
}

// Run adds an attempt of a gate.
func (b *SiteBuilder) Run(run promotion.Run) *SiteBuilder {
	b.site.Runs = append(b.site.Runs, run)
	return b
}

// Approval adds approvals.
func (b *SiteBuilder) Approval(approvals ...*v1alpha1.Approval) *SiteBuilder {
	b.site.Approvals = append(b.site.Approvals, approvals...)
	return b
}

// NotPermitted takes the RoleBinding of the operator away.
func (b *SiteBuilder) NotPermitted() *SiteBuilder {
	b.site.Permitted = false
	return b
}

// Obj returns the Site.
func (b *SiteBuilder) Obj() promotion.Site { return b.site }

// Enforce writes an enforced copy into a Namespace.
func Enforce(ns *corev1.Namespace, c promotion.EnforcedCopy) {
	ns.Labels = kept(ns.Labels, c.Labels())
	ns.Annotations = kept(ns.Annotations, c.Annotations())
}

func kept(have, want map[string]string) map[string]string {
	result := map[string]string{}
	for key, value := range have {
		result[key] = value
	}
	for key, value := range want {
		result[key] = value
		if value == "" {
			delete(result, key)
		}
	}
	return result
}

// WorkloadBuilder builds a Workload.
type WorkloadBuilder struct{ workload promotion.Workload }

// MakeWorkload begins with a settled workload without containers and pods.
func MakeWorkload(kind, name string) *WorkloadBuilder {
	return &WorkloadBuilder{promotion.Workload{Kind: kind, Name: name, ResourceVersion: "1", Settled: true}}
}

// Image adds a container.
func (b *WorkloadBuilder) Image(reference string) *WorkloadBuilder {
	name := "c" + string(rune('0'+len(b.workload.Images)))
	b.workload.Images = append(b.workload.Images, promotion.ContainerImage{Container: name, Image: reference})
	return b
}

// Pods adds ready pods that run the images of the template.
func (b *WorkloadBuilder) Pods(count int32) *WorkloadBuilder {
	b.workload.Desired = count
	for range count {
		b.Pod(true, b.workload.Images...)
	}
	return b
}

// Pod adds a pod.
func (b *WorkloadBuilder) Pod(ready bool, images ...promotion.ContainerImage) *WorkloadBuilder {
	name := b.workload.Name + "-" + string(rune('a'+len(b.workload.Pods)))
	b.workload.Pods = append(b.workload.Pods, promotion.Pod{Name: name, Images: slices.Clone(images), Ready: ready})
	return b
}

// Touched says that a release was brought in.
func (b *WorkloadBuilder) Touched(release string) *WorkloadBuilder {
	b.workload.Release = release
	return b
}

// With changes anything else.
func (b *WorkloadBuilder) With(change func(*promotion.Workload)) *WorkloadBuilder {
	change(&b.workload)
	return b
}

// Obj returns the Workload.
func (b *WorkloadBuilder) Obj() promotion.Workload { return b.workload }
