package gate

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestCheckScenario35Secrets(t *testing.T) {
	value := "v"
	secret := func(name string) []v1alpha1.GateVariable {
		return []v1alpha1.GateVariable{{Name: "PLAIN", Value: &value}, {Name: "TOKEN", SecretKeyRef: v1alpha1.SecretKeyReference{Name: name, Key: "k"}}}
	}
	for _, c := range []struct {
		reason, pipeline string
		env              []v1alpha1.GateVariable
		allowed          bool
	}{
		{"no variables", "shop/checkout", nil, true},
		{"the pipeline's own Secret", "shop/checkout", secret("sluice-gate.shop.checkout"), true},
		{"the environment's Secret", "shop/checkout", secret("db-password"), false},
		{"the Secret of another pipeline", "shop/checkout", secret("sluice-gate.shop.cart"), false},
		{"the Secret of a pipeline whose name begins alike", "shop/checkout", secret("sluice-gate.shop.checkout-eu"), false},
		{"the Secret of a pipeline with a dot in its name", "shop/checkout", secret("sluice-gate.shop.checkout.eu"), false},
		{"the same name in another team's namespace", "mallory/checkout", secret("sluice-gate.shop.checkout"), false},
		{"a namespace with a dash is no other pipeline", "shop-checkout/eu", secret("sluice-gate.shop.checkout-eu"), false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			start := makeStart().With(func(j *v1alpha1.JobGate) { j.Env = c.env }).Obj()
			err := Check(start.Gate, c.pipeline)
			if (err == nil) != c.allowed {
				t.Fatalf("want allowed %v, got %v", c.allowed, err)
			}
			if err != nil && !strings.Contains(err.Error(), "secretKeyRef: {name: "+SecretName(c.pipeline)+", key: k}") {
				t.Errorf("want a message that says what to write, got %v", err)
			}
		})
	}
}

func TestCheckWantsAJob(t *testing.T) {
	if err := Check(v1alpha1.Gate{Name: "calm", Soak: v1alpha1.SoakGate{DurationSeconds: 1}}, "shop/checkout"); err == nil {
		t.Error("want a gate without a job refused: rendered, it would be an empty test")
	}
}
