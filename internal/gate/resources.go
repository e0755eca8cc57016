package gate

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// share is what a test gets of one resource, where its author says nothing.
type share struct {
	name           corev1.ResourceName
	request, limit string
}

// shares of a test. Ephemeral storage has a limit, so that no test fills a node, and no request: nodes need not report
// how much they have.
var shares = []share{
	{corev1.ResourceCPU, "50m", "1"},
	{corev1.ResourceMemory, "64Mi", "512Mi"},
	{corev1.ResourceEphemeralStorage, "0", "1Gi"},
}

// loadShares are those of a worker of a load gate. Its CPU has no limit: a generator that is held back measures itself.
var loadShares = []share{
	{corev1.ResourceCPU, "250m", ""},
	{corev1.ResourceMemory, "64Mi", "512Mi"},
	{corev1.ResourceEphemeralStorage, "0", "1Gi"},
}

// resourcesOf fills in what the author left out, without contradicting what is there: a request never exceeds its limit.
func resourcesOf(given *corev1.ResourceRequirements, shares []share) corev1.ResourceRequirements {
	if given == nil {
		given = &corev1.ResourceRequirements{}
	}
	filled := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for name, quantity := range given.Requests {
		filled.Requests[name] = quantity
	}
	for name, quantity := range given.Limits {
		filled.Limits[name] = quantity
	}
	for _, s := range shares {
		fill(filled, s)
	}
	return filled
}

func fill(r corev1.ResourceRequirements, s share) {
	request, requested := r.Requests[s.name]
	limit, limited := r.Limits[s.name]
	if !limited && s.limit != "" {
		limited = true
		limit = resource.MustParse(s.limit)
		if requested && request.Cmp(limit) > 0 {
			limit = request
		}
		r.Limits[s.name] = limit
	}
	if !requested {
		request = resource.MustParse(s.request)
		if limited && request.Cmp(limit) > 0 {
			request = limit
		}
		r.Requests[s.name] = request
	}
}
