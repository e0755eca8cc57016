package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

func (a *App) reviewCommand(flags *genericclioptions.ConfigFlags) *cobra.Command {
	sign := &signing{decision: v1alpha1.DecisionReviewed, question: "Say that you reviewed this?"}
	command := &cobra.Command{
		Use:   "review RECORD -n NAMESPACE",
		Short: "Say that you reviewed an emergency, or a change by hand",
		Long: `Say that you reviewed an emergency, or a change by hand.

Shows the record: who asked for it, who approved it or changed what by hand, what was missing, and what the gates said
afterwards. Then it asks. The review is an Approval in the environment's namespace; the API server stamps your name on
it, and refuses it where you had a part in what you review.`,
		Example: `  # What is there to review?
  kubectl sluice get environment shop-prod-eu

  # Review one record
  kubectl sluice review checkout-7f3a9c21-p5k2m -n shop-prod-eu -m "rightly so; SHOP-830 adds the missing test"`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one record: %s", c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.session(flags)
			if err != nil {
				return err
			}
			return s.review(c.Context(), args[0], *sign)
		},
	}
	command.Flags().StringVarP(&sign.comment, "comment", "m", "", "Comment for whoever reads it later.")
	command.Flags().BoolVar(&sign.yes, "yes", false, "Do not ask.")
	return command
}

// review shows what is reviewed, asks, and signs.
func (s *session) review(ctx context.Context, record string, sign signing) error {
	sheet, err := s.reviewSheet(ctx, record)
	if err != nil {
		return err
	}
	if err := s.confirm(sheet.Lines(s.options(false)), sign); err != nil {
		return err
	}
	signed := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "review-"},
		Spec: v1alpha1.ApprovalSpec{
			RecordRef: sheet.Pending.RecordRef, ReleaseHash: sheet.Pending.ReleaseHash, EvidenceHash: sheet.Pending.EvidenceHash,
			Decision: sign.decision, Comment: sign.comment,
		},
	}
	if err := s.client.Create(ctx, signed); err != nil {
		advice := "Nothing was signed; kubectl sluice get environment " + s.namespace + " shows what has to be reviewed."
		if sheet.Involved() {
			advice = "Somebody else has to review it: not one of " + strings.Join(sheet.Pending.Excluded, ", ") + "."
		}
		return s.refused(err, advice)
	}
	return s.say("approval.sluice.dev/%s created in namespace %s", signed.Name, s.namespace)
}

// reviewSheet gathers what is reviewed.
func (s *session) reviewSheet(ctx context.Context, name string) (view.Review, error) {
	env, err := s.environment(ctx, s.namespace)
	if err != nil {
		return view.Review{}, err
	}
	if env == nil {
		return view.Review{}, notThere(s.namespace)
	}
	reviews := env.Status.Reviews
	i := slices.IndexFunc(reviews, func(r v1alpha1.PendingReview) bool { return r.RecordRef.Name == name })
	if i < 0 {
		pending := make([]string, 0, len(reviews))
		for _, r := range reviews {
			pending = append(pending, r.RecordRef.Name)
		}
		if len(pending) == 0 {
			return view.Review{}, errors.New("nothing has to be reviewed in namespace " + s.namespace)
		}
		return view.Review{}, fmt.Errorf("record %s does not have to be reviewed in namespace %s; these do: %s", name, s.namespace, strings.Join(pending, ", "))
	}
	sheet := view.Review{Record: &v1alpha1.ReleaseRecord{}, Pending: reviews[i]}
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, sheet.Record); err != nil {
		return view.Review{}, err
	}
	sheet.Me, _ = s.whoAmI(ctx, nil)
	return sheet, nil
}
