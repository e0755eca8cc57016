package observer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// Violation is one broken invariant.
type Violation struct {
	// Invariant: I1 to I8, or freeze.
	Invariant string
	// Revision at which it broke; 0 where it is about the end.
	Revision int64
	// Message says what was found.
	Message string
}

// String says all of it in one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s broken at revision %d: %s", v.Invariant, v.Revision, v.Message)
}

// Observer reads a journal.
type Observer struct {
	operator   string
	state      map[string]map[memapi.Key]client.Object
	versions   map[string]map[memapi.Key][]version
	promotions map[string]*v1alpha1.Promotion
	// entitled references by namespace of a production environment.
	entitled map[string]map[string]bool
	// entered says who took a slot before, as namespace/uid.
	entered map[string]bool
	// locked says since when a namespace is.
	locked map[string]time.Time
	// jobs that were created, by name, and not deleted by somebody else since.
	jobs map[memapi.Key]bool
	// completed Jobs by name, with the revision.
	completed map[memapi.Key]int64
	// started Jobs by name, with the revision.
	started map[memapi.Key]int64
	// writes of the operator for each promotion, and those of people.
	writes map[string]int
	people int
	// released images by promotion.
	images map[string]string
	found  []Violation
}

// version is an object at a revision; nil where it was deleted.
type version struct {
	number int64
	object client.Object
}

// Check reads a journal from the beginning. The operator is the user that it writes as.
func Check(operator string, journal []memapi.Revision) *Observer {
	o := &Observer{
		operator: operator, state: map[string]map[memapi.Key]client.Object{}, versions: map[string]map[memapi.Key][]version{},
		promotions: map[string]*v1alpha1.Promotion{}, entitled: map[string]map[string]bool{}, jobs: map[memapi.Key]bool{}, locked: map[string]time.Time{},
		completed: map[memapi.Key]int64{}, started: map[memapi.Key]int64{}, writes: map[string]int{}, images: map[string]string{},
		entered: map[string]bool{},
	}
	for i := range journal {
		o.see(&journal[i])
	}
	o.checkWrites()
	return o
}

// Found returns what is broken, in the order in which it broke.
func (o *Observer) Found() []Violation { return o.found }

func (o *Observer) broken(invariant string, r *memapi.Revision, format string, arguments ...any) {
	o.found = append(o.found, Violation{Invariant: invariant, Revision: r.Number, Message: fmt.Sprintf(format, arguments...)})
}

// see checks one revision, then takes it into the state.
func (o *Observer) see(r *memapi.Revision) {
	o.note(r)
	switch obj := r.Object.(type) {
	case *v1alpha1.Promotion:
		o.seePromotion(r, obj)
	case *v1alpha1.Environment:
		o.seeEnvironment(r, obj)
	case *v1alpha1.ReleaseRecord:
		o.seeRecord(r, obj)
	}
	o.seeNamespace(r)
	o.seeTouch(r)
	o.seeJob(r)
	o.seePod(r)
	o.countWrite(r)
}

func (o *Observer) note(r *memapi.Revision) {
	if o.state[r.Kind] == nil {
		o.state[r.Kind] = map[memapi.Key]client.Object{}
		o.versions[r.Kind] = map[memapi.Key][]version{}
	}
	v := version{number: r.Number, object: r.Object}
	if r.Verb == memapi.Delete {
		delete(o.state[r.Kind], r.Key)
		v.object = nil
	} else {
		o.state[r.Kind][r.Key] = r.Object
	}
	if p, ok := r.Object.(*v1alpha1.Promotion); ok {
		o.promotions[string(p.UID)] = p
	}
	switch r.Kind {
	case "Environment", "ReleaseRecord", "Approval", "Namespace", "Pod", "Promotion":
		o.versions[r.Kind][r.Key] = append(o.versions[r.Kind][r.Key], v)
	}
}

// at returns an object as it was at a revision; nil where it was not there.
func (o *Observer) at(kind string, key memapi.Key, number int64) client.Object {
	var found client.Object
	for _, v := range o.versions[kind][key] {
		if v.number > number {
			break
		}
		found = v.object
	}
	return found
}

// all returns the objects of a kind as they were at a revision, in no order.
func (o *Observer) all(kind string, number int64) []client.Object {
	var found []client.Object
	for key := range o.versions[kind] {
		if obj := o.at(kind, key, number); obj != nil {
			found = append(found, obj)
		}
	}
	return found
}

// cuts are the revisions at which what a writer knew may have stood: its horizon, and every change of the given kinds
// since, up to the write itself.
func (o *Observer) cuts(r *memapi.Revision, kinds ...string) []int64 {
	cuts := []int64{min(r.Horizon, r.Number-1)}
	for _, kind := range kinds {
		for _, versions := range o.versions[kind] {
			for _, v := range versions {
				if v.number > r.Horizon && v.number < r.Number {
					cuts = append(cuts, v.number)
				}
			}
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// some says whether a rule held at any of the revisions that the writer may have gone by.
func (o *Observer) some(r *memapi.Revision, holds func(cut int64) bool, kinds ...string) bool {
	return slices.ContainsFunc(o.cuts(r, kinds...), holds)
}

func (o *Observer) environment(namespace string, number int64) *v1alpha1.Environment {
	env, _ := o.at("Environment", memapi.Key{Namespace: namespace, Name: v1alpha1.EnvironmentName}, number).(*v1alpha1.Environment)
	return env
}

func (o *Observer) byOperator(r *memapi.Revision) bool { return r.Actor == o.operator }

func repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}
