package observer

import (
	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// checkFreeze looks whether somebody enters while a freeze lasts that is there once; schedules do not stand in these
// stories. A claim that was lost is taken again at any time, and so is one for a rollback.
func (o *Observer) checkFreeze(r *memapi.Revision, env *v1alpha1.Environment, h v1alpha1.Holder) {
	id := env.Namespace + "/" + h.PromotionRef.UID
	p := o.promotions[h.PromotionRef.UID]
	if o.entered[id] || p == nil || p.Spec.Intent == v1alpha1.IntentRollback {
		return
	}
	o.entered[id] = true
	for _, freeze := range env.Spec.Freezes {
		if freeze.FromTime != nil && !r.Time.Before(freeze.FromTime.Time) && r.Time.Before(freeze.ToTime.Time) {
			o.broken("freeze", r, "%s enters %s, which is frozen until %s", p.Name, env.Namespace, freeze.ToTime)
		}
	}
}
