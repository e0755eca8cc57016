package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// templates reads the GateTemplates that gates and requirements on the way of a Promotion name, as far as they exist.
func (g *Gatherer) templates(ctx context.Context, snapshot *promotion.Snapshot) (map[string]*v1alpha1.GateTemplate, error) {
	found := map[string]*v1alpha1.GateTemplate{}
	for _, name := range templateNames(snapshot) {
		if found[name] != nil {
			continue
		}
		template := &v1alpha1.GateTemplate{}
		there, err := g.find(ctx, client.ObjectKey{Name: name}, template)
		if err != nil {
			return nil, err
		}
		if there {
			found[name] = template
		}
	}
	return found, nil
}

// templateNames are the names of GateTemplates on the way of a Promotion; a name may come twice.
func templateNames(snapshot *promotion.Snapshot) []string {
	var names []string
	add := func(gates []v1alpha1.Gate) {
		for i := range gates {
			if name := gates[i].TemplateRef.Name; name != "" {
				names = append(names, name)
			}
		}
	}
	steps, _ := stepsOf(snapshot)
	for i := range steps {
		add(steps[i].Gates)
	}
	for _, site := range snapshot.Sites {
		if site.Environment == nil {
			continue
		}
		add(site.Environment.Spec.Gates)
		for _, requirement := range promotion.InForce(site.Environment.Spec).Evidence {
			if name := requirement.GateTemplateRef.Name; name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
