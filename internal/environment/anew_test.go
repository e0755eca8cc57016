package environment

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// passedHere is a Promotion of shop/checkout that passed in the namespace.
func passedHere(pipeline, digest string) *v1alpha1.Promotion {
	p := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}}
	p.Spec.PipelineRef.Name = pipeline
	p.Status.Images = []v1alpha1.Image{{Name: "api", Repository: api, Digest: digest}}
	progress := v1alpha1.EnvironmentProgress{Name: "prod", State: v1alpha1.StatePassed}
	progress.EnvironmentRef.Namespace = space
	p.Status.Environments = []v1alpha1.EnvironmentProgress{progress}
	return p
}

func TestScenario28MadeAnewWithoutItsRecords(t *testing.T) {
	for _, c := range []struct {
		reason     string
		promotions []*v1alpha1.Promotion
		adopted    string
		pin        string
	}{
		{"what was promoted is pinned, and not what runs by then", []*v1alpha1.Promotion{passedHere("checkout", digest("2"))}, "Restored", digest("2")},
		{"nothing was promoted: what runs is adopted", nil, "Adopted", digest("9")},
		{"a Promotion of another pipeline says nothing", []*v1alpha1.Promotion{passedHere("billing", digest("2"))}, "Adopted", digest("9")},
	} {
		t.Run(c.reason, func(t *testing.T) {
			w := newWorld(t)
			w.has(api, "anything", digest("9"))
			w.runs("api", api+":anything", digest("9"))
			w.snapshot.Promotions = c.promotions
			w.settle()
			w.expect("Adopted=True/"+c.adopted, "Locked=True/Enforced", "Ready=True/Ready")
			w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+c.pin)
			w.expectAnnotation(v1alpha1.ImagesAnnotation, api+"@"+c.pin)
			// A rollback has somewhere to go.
			if stable := promotion.Stable(w.snapshot.Records, space); stable == nil || stable.Spec.Images[0].Digest != c.pin {
				t.Errorf("the stable release is %+v", stable)
			}
			want := v1alpha1.DeliveryCurrent
			if c.adopted == v1alpha1.ReasonRestored {
				want = v1alpha1.DeliveryDrifted
			}
			w.expectState("shop/checkout", want)
		})
	}
}

func TestScenario28RecordsOfABackupComeFirst(t *testing.T) {
	w := newWorld(t)
	w.promoted(digest("3"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	w.snapshot.Environment.Status = v1alpha1.EnvironmentStatus{}
	w.snapshot.Promotions = []*v1alpha1.Promotion{passedHere("checkout", digest("2"))}
	w.settle()
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("3"))
}
