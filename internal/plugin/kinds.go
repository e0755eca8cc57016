package plugin

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

func promotionKind() kind {
	return kind{
		command: cobra.Command{
			Use:     "promotions [NAME]",
			Aliases: []string{"promotion", "promos", "promo"},
			Short:   "Show promotions: what is on its way, and what it waits for",
			Long: `Show promotions.

Without a name, a table. With a name, a tree: what changes, and for each environment in order its state, what it waits
for and which command unblocks it, who signed, its gates and its record.

With a name and --watch it is drawn again in place as it changes (elsewhere than on a terminal: one line for each
transition), until the promotion ends. The exit status is 0 when it succeeded, and 1 when it ended otherwise.`,
			Example: `  # What is on its way?
  kubectl sluice get promotions -n shop

  # Follow one to its end; in CI the exit status says how it ended
  kubectl sluice get promotion checkout-1.4.2 -n shop --watch`,
		},
		list:  (*session).listPromotions,
		one:   (*session).onePromotion,
		watch: (*session).watchPromotion,
	}
}

func (s *session) listPromotions(ctx context.Context, namespace string) (found, error) {
	list := &v1alpha1.PromotionList{}
	if err := s.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return found{}, err
	}
	return found{
		object: list,
		empty:  len(list.Items) == 0,
		lines:  func(o view.Options) []view.Line { return view.PromotionTable(o, list.Items, namespace == "").Lines() },
		watch:  []target{promotionTarget(namespace, "")},
	}, nil
}

func (s *session) onePromotion(ctx context.Context, name string) (found, error) {
	p, err := s.promotion(ctx, name)
	if err != nil {
		return found{}, err
	}
	jobs, err := s.jobs(ctx, p)
	if err != nil {
		return found{}, err
	}
	before, err := s.before(ctx, p)
	if err != nil {
		return found{}, err
	}
	lines := func(o view.Options) []view.Line {
		return view.Promotion{Object: p, Jobs: jobs, Saying: s.saying(ctx, jobs), Before: before}.Lines(o)
	}
	return found{object: p, lines: lines}, nil
}

func pipelineKind() kind {
	return kind{
		command: cobra.Command{
			Use:     "pipelines [NAME]",
			Aliases: []string{"pipeline", "pipes", "pipe", "deliverypipelines", "deliverypipeline"},
			Short:   "Show pipelines: their environments, what runs in each, their promotions",
			Example: `  # All pipelines of a team, and which release runs where
  kubectl sluice get pipelines -n shop

  # One pipeline: environments, who awaits sign-off, promotions
  kubectl sluice get pipeline checkout -n shop`,
		},
		list: (*session).listPipelines,
		one:  (*session).onePipeline,
	}
}

func (s *session) listPipelines(ctx context.Context, namespace string) (found, error) {
	list := &v1alpha1.DeliveryPipelineList{}
	if err := s.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return found{}, err
	}
	environments, err := s.environments(ctx, list.Items)
	if err != nil {
		return found{}, err
	}
	pipelines := make([]view.Pipeline, 0, len(list.Items))
	for i := range list.Items {
		pipelines = append(pipelines, view.Pipeline{Object: &list.Items[i], Environments: environments})
	}
	return found{
		object: list,
		empty:  len(list.Items) == 0,
		lines:  func(o view.Options) []view.Line { return view.PipelineTable(o, pipelines, namespace == "").Lines() },
		watch:  append(environmentTargets(environments), pipelineTarget(namespace, "")),
	}, nil
}

func (s *session) onePipeline(ctx context.Context, name string) (found, error) {
	p := &v1alpha1.DeliveryPipeline{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, p)
	if err := missing(err, "pipeline", name, s.namespace); err != nil {
		return found{}, err
	}
	environments, err := s.environments(ctx, []v1alpha1.DeliveryPipeline{*p})
	if err != nil {
		return found{}, err
	}
	promotions := &v1alpha1.PromotionList{}
	if err := s.client.List(ctx, promotions, client.InNamespace(s.namespace), client.MatchingFields{"spec.pipelineRef.name": name}); err != nil {
		return found{}, err
	}
	return found{
		object: p,
		lines:  view.Pipeline{Object: p, Environments: environments, Promotions: promotions.Items}.Lines,
		watch:  append(environmentTargets(environments), pipelineTarget(s.namespace, name), promotionTarget(s.namespace, "")),
	}, nil
}

// environmentTargets are the Environments that were found.
func environmentTargets(environments map[string]*v1alpha1.Environment) []target {
	var targets []target
	for namespace, env := range environments {
		if env != nil {
			targets = append(targets, environmentTarget(namespace).butOptional())
		}
	}
	return targets
}

func environmentKind() kind {
	return kind{
		command: cobra.Command{
			Use:     "environments [NAMESPACE]",
			Aliases: []string{"environment", "envs", "env"},
			Short:   "Show environments: what each demands, what runs there, who awaits sign-off",
			Long: `Show environments.

A namespace has at most one Environment, and its name is always "environment": so the name to write here is that of
the namespace.`,
			Example: `  # All environments that you may see
  kubectl sluice get environments -A

  # One: tier, lock, requirements, what runs, who is at work, who awaits sign-off
  kubectl sluice get environment shop-prod-eu`,
		},
		list: (*session).listEnvironments,
		one:  (*session).oneEnvironment,
	}
}

func (s *session) listEnvironments(ctx context.Context, namespace string) (found, error) {
	list := &v1alpha1.EnvironmentList{}
	if err := s.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return found{}, err
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Environment) int {
		return slices.Compare([]string{a.Namespace}, []string{b.Namespace})
	})
	return found{
		object: list,
		empty:  len(list.Items) == 0,
		lines:  func(o view.Options) []view.Line { return view.EnvironmentTable(o, list.Items).Lines() },
		watch:  []target{environmentTarget(namespace)},
	}, nil
}

func (s *session) oneEnvironment(ctx context.Context, name string) (found, error) {
	namespace := name
	if name == v1alpha1.EnvironmentName {
		namespace = s.namespace
	}
	env, err := s.environment(ctx, namespace)
	if err != nil {
		return found{}, err
	}
	if env == nil {
		return found{}, notThere(namespace)
	}
	return found{
		object: env,
		lines:  view.Environment{Object: env, Requires: inForce(env)}.Lines,
		watch:  []target{environmentTarget(namespace)},
	}, nil
}
