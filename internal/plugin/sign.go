package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// signing is one run of approve or reject.
type signing struct {
	decision v1alpha1.ApprovalDecision
	// question that is asked.
	question string
	command  cobra.Command

	promotion   string
	environment string
	comment     string
	yes         bool
}

func approval() *signing {
	return &signing{
		decision: v1alpha1.DecisionApproved,
		question: "Approve this release?",
		command: cobra.Command{
			Use:   "approve PROMOTION [-e ENVIRONMENT]",
			Short: "Sign a release for an environment",
			Long: `Sign a release for an environment.

Shows who you are and what you sign: the release, what changes against what runs there, why, and all evidence of this
very release, failures included. Then it asks. The signature is an Approval in the environment's namespace; the API
server stamps your name on it, and refuses it where you may not sign.`,
			Example: `  # Sign the release for production; -e may be left out where one environment awaits sign-off
  kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu -m "load report read"

  # From a script
  kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu --yes`,
		},
	}
}

func rejection() *signing {
	return &signing{
		decision: v1alpha1.DecisionRejected,
		question: "Reject this release? It ends the promotion.",
		command: cobra.Command{
			Use:   "reject PROMOTION [-e ENVIRONMENT] -m COMMENT",
			Short: "Refuse to sign a release for an environment, which ends its promotion",
			Long: `Refuse to sign a release for an environment, which ends its promotion.

This is also how one withdraws an approval, as long as the promotion still awaits sign-off.`,
			Example: `  # Say no, and why
  kubectl sluice reject checkout-1.4.2 -n shop -e prod-eu -m "p99 doubled under load"`,
		},
	}
}

func (a *App) signCommand(flags *genericclioptions.ConfigFlags, sign *signing) *cobra.Command {
	command := sign.command
	command.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("name one promotion: %s", c.UseLine())
		}
		return nil
	}
	command.RunE = func(c *cobra.Command, args []string) error {
		if sign.decision == v1alpha1.DecisionRejected && strings.TrimSpace(sign.comment) == "" {
			return errors.New("say why: reject needs -m COMMENT, which the requester and the record will show")
		}
		s, err := a.session(flags)
		if err != nil {
			return err
		}
		sign.promotion = args[0]
		return s.sign(c.Context(), *sign)
	}
	command.Flags().StringVarP(&sign.environment, "environment", "e", "",
		"Environment to sign for: its name in the pipeline, or its namespace. May be left out where exactly one awaits sign-off.")
	command.Flags().StringVarP(&sign.comment, "comment", "m", "", "Comment for whoever reads the record later.")
	command.Flags().BoolVar(&sign.yes, "yes", false, "Do not ask.")
	return &command
}

// sign shows what is signed, asks, signs, and says what is still missing.
func (s *session) sign(ctx context.Context, sign signing) error {
	sheet, err := s.sheet(ctx, sign)
	if err != nil {
		return err
	}
	if err := s.confirm(sheet.Lines(s.options(false)), sign); err != nil {
		return err
	}
	signed := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: sheet.Environment.Namespace, GenerateName: sheet.Promotion.Name + "-"},
		Spec: v1alpha1.ApprovalSpec{
			PromotionRef: sheet.Awaiting.PromotionRef,
			ReleaseHash:  sheet.Awaiting.ReleaseHash,
			EvidenceHash: sheet.Awaiting.EvidenceHash,
			Decision:     sign.decision,
			Comment:      sign.comment,
		},
	}
	if err := s.client.Create(ctx, signed); err != nil {
		return s.refused(err, s.advice(ctx, err, sheet))
	}
	if err := s.say("approval.sluice.dev/%s created in namespace %s", signed.Name, signed.Namespace); err != nil {
		return err
	}
	return s.followUp(ctx, sheet, signed)
}

// confirm shows what is signed, and asks, unless that was waived.
func (s *session) confirm(shown []view.Line, sign signing) error {
	if err := s.print(shown); err != nil {
		return err
	}
	if sign.yes {
		return nil
	}
	if !s.Console.Asks {
		return errors.New("nothing was signed: standard input is not a terminal, so nobody can be asked; add --yes to sign without being asked")
	}
	if _, err := fmt.Fprintf(s.Console.Out, "\n%s [y/N] ", sign.question); err != nil {
		return err
	}
	answer := bufio.NewScanner(s.Console.In)
	answer.Scan()
	switch strings.ToLower(strings.TrimSpace(answer.Text())) {
	case "y", "yes":
		return nil
	}
	if err := s.say("Nothing was signed."); err != nil {
		return err
	}
	return errEnded
}

// refused says what the API server said, as it is, and what to do.
func (s *session) refused(refusal error, advice string) error {
	if err := s.complain(explain(refusal) + "\n" + advice); err != nil {
		return err
	}
	return errEnded
}
