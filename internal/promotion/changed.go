package promotion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	// maxChanges is how many changes the schema lets an entry of the inbox list.
	maxChanges = 16
	// maxChange is how long one of them may be.
	maxChange = 512
)

// beginSignOff writes down what the Environment demands when people are first asked to sign. It is kept in the Promotion:
// the entry of the inbox goes while something else stands in the way, and what changed meanwhile has to show all the same.
func (v *visit) beginSignOff() {
	if v.progress.SignOff == nil {
		v.progress.SignOff = &v1alpha1.SignOffStart{EnvironmentGeneration: v.site.Environment.Generation, Requires: v.force.DeepCopy()}
	}
}

// changed says what is different in the Environment since people were first asked to sign, a line for each: its
// generation, then what is demanded.
func (v *visit) changed() []string {
	began := v.progress.SignOff
	if began == nil || began.Requires == nil {
		return nil
	}
	differences := Differences(*began.Requires, v.force)
	if now := v.site.Environment.Generation; began.EnvironmentGeneration != now {
		generation := fmt.Sprintf("generation: %d -> %d", began.EnvironmentGeneration, now)
		if len(differences) == 0 {
			generation += ", nothing of what is demanded"
		}
		differences = append([]string{generation}, differences...)
	}
	if surplus := len(differences) - maxChanges; surplus > 0 {
		differences = append(differences[:maxChanges-1], fmt.Sprintf("and %d more", surplus+1))
	}
	return differences
}

// Differences says how two sets of requirements differ, as "approvals.count: 2 -> 1", sorted. It goes through whatever
// fields there are, so that none is forgotten.
func Differences(then, now v1alpha1.RequirementsInForce) []string {
	before, after := leaves(then), leaves(now)
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if _, there := before[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var lines []string
	for _, name := range names {
		if before[name] != after[name] {
			lines = append(lines, v1alpha1.Clip(name+": "+orNone(before[name])+" -> "+orNone(after[name]), maxChange))
		}
	}
	return lines
}

func orNone(text string) string { return pick(text == "", "none", text) }

// leaves are the values of an API type by their paths; a list is one value.
func leaves(value any) map[string]string {
	encoded, err := json.Marshal(value)
	if err != nil {
		// API types always encode: they came from JSON.
		panic(err)
	}
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		panic(err)
	}
	found := map[string]string{}
	collect(found, "", tree)
	return found
}

func collect(found map[string]string, path string, tree map[string]any) {
	for key, value := range tree {
		name := strings.TrimPrefix(path+"."+key, ".")
		if inner, ok := value.(map[string]any); ok {
			collect(found, name, inner)
			continue
		}
		found[name] = flow(value)
	}
}

// flow writes a value in one line: the items of a list, the fields of an object in braces.
func flow(value any) string {
	switch v := value.(type) {
	case []any:
		items := make([]string, 0, len(v))
		for _, item := range v {
			items = append(items, flow(item))
		}
		return strings.Join(items, ", ")
	case map[string]any:
		fields := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			fields = append(fields, key+": "+flow(v[key]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	return fmt.Sprint(value)
}
