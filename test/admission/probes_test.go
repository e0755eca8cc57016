package admission_test

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

var dryRun = client.DryRunAll

// awaitPolicies returns once every policy is in force: each answers a write that it alone would stop or change.
func awaitPolicies(ctx context.Context) error {
	namespace := "probes"
	for _, object := range []client.Object{
		MakeNamespace(namespace, v1alpha1.LockEnforce).Obj(), MakeEnvironment(namespace, v1alpha1.TierProduction).Obj(),
	} {
		if err := until(ctx, func() error { return admin.Create(ctx, object) }); err != nil {
			return err
		}
	}
	everybody := person("prober")
	probes := []func() error{
		probe(ctx, everybody, "sluice-lock", MakePod("nginx").Pod(namespace, "probe")),
		probe(ctx, everybody, "sluice-namespaces", MakeNamespace("probe", v1alpha1.LockOff).Obj()),
		probe(ctx, everybody, "sluice-releaserecords", MakeRecord(namespace, "probe")),
		probe(ctx, everybody, "sluice-environments", MakeEnvironment(namespace, v1alpha1.TierTest).Obj()),
		probe(ctx, everybody, "sluice-gatetemplates", MakeTemplate("probe")),
		probe(ctx, everybody, "sluice-signoff", MakeApproval(namespace, "probe").Obj()),
		probe(ctx, everybody, "sluice-promotions", MakePromotion(namespace, "probe").Label(v1alpha1.OutcomeLabel, "Succeeded").Obj()),
		probe(ctx, everybody, "sluice-gate-names", MakePod(api).Job(namespace, "sl-probe")),
		func() error { return pinProbe(ctx, everybody, namespace) },
		func() error { return stampProbe(ctx, everybody, namespace) },
	}
	return until(ctx, func() error {
		var missing error
		for _, probe := range probes {
			missing = errors.Join(missing, probe())
		}
		return missing
	})
}

// probe is nil once one of the policies refuses that the object is made.
func probe(ctx context.Context, a *actor, policy string, object client.Object) func() error {
	return func() error {
		err := a.Create(ctx, copyOf(object), dryRun)
		if err == nil || !apierrors.IsForbidden(err) {
			return fmt.Errorf("%s is not in force: %w", policy, err)
		}
		return refusal(err, policy, "")
	}
}

func pinProbe(ctx context.Context, a *actor, namespace string) error {
	deployment := MakePod(api+":v5").Deployment(namespace, "probe")
	if err := a.Create(ctx, deployment, dryRun); err != nil {
		return fmt.Errorf("sluice-pin is not in force: %w", err)
	}
	if image := podSpecOf(deployment).Containers[0].Image; image != api+"@"+current {
		return fmt.Errorf("sluice-pin is not in force: %s", image)
	}
	return nil
}

func stampProbe(ctx context.Context, a *actor, namespace string) error {
	promotion := MakePromotion(namespace, "probe").Obj()
	if err := a.Create(ctx, promotion, dryRun); err != nil {
		return fmt.Errorf("sluice-stamp-promotions is not in force: %w", err)
	}
	if promotion.Spec.RequestedBy.Username == "" {
		return errors.New("sluice-stamp-promotions is not in force")
	}
	return nil
}
