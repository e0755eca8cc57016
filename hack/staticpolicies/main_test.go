package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/config/admission"
	"github.com/sluice-dev/sluice/internal/policy"
)

// What is made can be read as policies, fits the loader's rules, and says what config/admission says.
func TestTheStaticFormIsTheSame(t *testing.T) {
	to := t.TempDir()
	if err := write(admission.Files, to); err != nil {
		t.Fatal(err)
	}
	made := &policy.Set{}
	for _, folder := range []string{"validating", "mutating"} {
		set, err := policy.Load(os.DirFS(filepath.Join(to, folder)))
		if err != nil {
			t.Fatal(err)
		}
		if mixed := len(set.ValidatingPolicies) > 0 == (folder == "mutating"); mixed {
			t.Errorf("%s holds policies of the other kind", folder)
		}
		made.ValidatingPolicies = append(made.ValidatingPolicies, set.ValidatingPolicies...)
		made.ValidatingBindings = append(made.ValidatingBindings, set.ValidatingBindings...)
		made.MutatingPolicies = append(made.MutatingPolicies, set.MutatingPolicies...)
		made.MutatingBindings = append(made.MutatingBindings, set.MutatingBindings...)
	}
	for _, object := range made.Objects() {
		name, static := strings.CutSuffix(object.GetName(), suffix)
		if !static {
			t.Errorf("the name %s does not end in %s", object.GetName(), suffix)
		}
		object.SetName(name)
	}
	for i := range made.ValidatingBindings {
		made.ValidatingBindings[i].Spec.PolicyName = cut(t, made.ValidatingBindings[i].Spec.PolicyName)
	}
	for i := range made.MutatingBindings {
		made.MutatingBindings[i].Spec.PolicyName = cut(t, made.MutatingBindings[i].Spec.PolicyName)
	}
	var missing []string
	for _, state := range policy.Compare(policy.Shipped(), made) {
		if len(state.Altered) > 0 {
			t.Errorf("%s %s differs in %v", state.Kind, state.Name, state.Altered)
		}
		if state.Missing {
			missing = append(missing, state.Kind+" "+state.Name)
		}
	}
	slices.Sort(missing)
	// Those with a parameter, and what only warns.
	want := []string{
		"MutatingAdmissionPolicy sluice-stamp-approvals", "MutatingAdmissionPolicyBinding sluice-stamp-approvals",
		"ValidatingAdmissionPolicy sluice-pinned", "ValidatingAdmissionPolicy sluice-reviews", "ValidatingAdmissionPolicy sluice-signoff",
		"ValidatingAdmissionPolicyBinding sluice-lock-audit", "ValidatingAdmissionPolicyBinding sluice-pinned",
		"ValidatingAdmissionPolicyBinding sluice-reviews-need-an-environment-in-this-namespace",
		"ValidatingAdmissionPolicyBinding sluice-signoff-needs-an-environment-in-this-namespace",
	}
	if !slices.Equal(missing, want) {
		t.Errorf("without a static form are\n%s\nwant\n%s", strings.Join(missing, "\n"), strings.Join(want, "\n"))
	}
}

func cut(t *testing.T, name string) string {
	t.Helper()
	cut, static := strings.CutSuffix(name, suffix)
	if !static {
		t.Errorf("policyName %s does not end in %s", name, suffix)
	}
	return cut
}

// A file that is made no more goes, and one that is written by hand stays.
func TestFilesThatAreMadeNoMore(t *testing.T) {
	to := t.TempDir()
	old, own := filepath.Join(to, "validating", "old.yaml"), filepath.Join(to, "validating", "own.yaml")
	if err := os.MkdirAll(filepath.Dir(old), 0o750); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{old: mark + "old.yaml\n", own: "# By hand.\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(admission.Files, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", old, err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}
