package environment

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const day = 24 * time.Hour

var today = time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)

// chain makes records of releases, the oldest first; each word is a release, its age in days, and its result.
func chain(words ...string) []*v1alpha1.ReleaseRecord {
	var records []*v1alpha1.ReleaseRecord
	for _, word := range words {
		parts := strings.Split(word, " ")
		age, err := time.ParseDuration(strings.TrimSuffix(parts[1], "d") + "h")
		if err != nil {
			panic(err)
		}
		completed := metav1.NewTime(today.Add(-24 * age))
		r := &v1alpha1.ReleaseRecord{ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: word, CreationTimestamp: completed}}
		r.Spec = v1alpha1.ReleaseRecordSpec{
			ReleaseHash: parts[0], Result: v1alpha1.RecordResult(parts[2]), CompletionTime: &completed,
			Images: []v1alpha1.Image{{Name: "api", Repository: api, Digest: digest(parts[0])}},
		}
		if len(records) > 0 {
			promotion.Follow(&r.Spec, records[len(records)-1])
		} else {
			promotion.Follow(&r.Spec, nil)
		}
		records = append(records, r)
	}
	return records
}

func namesOf(records []*v1alpha1.ReleaseRecord) string {
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

func TestOldRecords(t *testing.T) {
	for _, c := range []struct {
		reason  string
		records []string
		allowed string
		old     string
		next    time.Duration
	}{
		{"all are young", []string{"1 399d Passed", "2 1d Passed"}, "", "", day},
		{"what is older than the limit goes", []string{"1 500d Passed", "2 450d Failed", "3 10d Passed", "4 1d Passed"}, "", "1 500d Passed, 2 450d Failed", 390 * day},
		{"at the limit", []string{"1 400d Passed", "2 1d Passed"}, "", "1 400d Passed", 0},
		{"the newest stays", []string{"1 500d Failed"}, "", "", 0},
		{"the stable release stays, with all that was said of it", []string{"1 600d Failed", "2 500d Passed", "1 450d Passed", "3 420d Failed"}, "", "", 0},
		{"what may run stays", []string{"1 500d Passed", "2 450d Passed", "3 1d Passed"}, "1", "", 0},
		{"no gap is left behind what stays", []string{"1 500d Passed", "2 480d Passed", "3 450d Passed", "4 1d Passed"}, "2", "1 500d Passed", 0},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := Retention{Now: today, Keep: 400 * day, Records: chain(c.records...)}
			if c.allowed != "" {
				r.Allowed = []string{api + "@" + digest(c.allowed)}
			}
			slices.Reverse(r.Records)
			old, next := r.Old()
			if namesOf(old) != c.old {
				t.Errorf("old are %q, want %q", namesOf(old), c.old)
			}
			if c.next == 0 && !next.IsZero() || c.next > 0 && !next.Equal(today.Add(c.next)) {
				t.Errorf("looks again at %s, want in %s", next, c.next)
			}
		})
	}
}

func TestUnneededRecords(t *testing.T) {
	old := chain("1 600d Passed", "2 500d Passed")
	elsewhere := chain("1 590d Passed", "9 1d Passed")
	for _, r := range elsewhere {
		r.Namespace = "shop-eu"
	}
	site := func(allowed ...string) promotion.Site {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop-eu", Annotations: map[string]string{}}}
		for _, a := range allowed {
			ns.Annotations[v1alpha1.ImagesAnnotation] += " " + api + "@" + digest(a)
		}
		return promotion.Site{Namespace: ns}
	}
	unfinished := func(asked, resolved string) *v1alpha1.Promotion {
		p := &v1alpha1.Promotion{}
		p.Spec.ReleaseHash, p.Status.ReleaseHash = asked, resolved
		return p
	}
	ended := unfinished("", "1")
	ended.Status.Outcome = v1alpha1.OutcomeFailed
	for _, c := range []struct {
		reason     string
		site       promotion.Site
		promotions []*v1alpha1.Promotion
		want       string
	}{
		{"nobody needs them", site("9"), []*v1alpha1.Promotion{ended}, "1 600d Passed, 2 500d Passed"},
		{"one may run in another environment", site("9", "1"), nil, ""},
		{"the second may run in another environment", site("9", "2"), nil, "1 600d Passed"},
		{"one is on its way", site(), []*v1alpha1.Promotion{unfinished("", "2")}, "1 600d Passed"},
		{"one is gone back to", site(), []*v1alpha1.Promotion{unfinished("2", "")}, "1 600d Passed"},
		{"one that is not resolved yet may be any", site(), []*v1alpha1.Promotion{unfinished("", "")}, ""},
		{"the namespace is gone", promotion.Site{}, nil, "1 600d Passed, 2 500d Passed"},
	} {
		if got := namesOf(Unneeded(old, []promotion.Site{c.site}, append(slices.Clone(old), elsewhere...), c.promotions)); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
