package admission_test

const (
	wrongBounds   = "a String has allowedValues; an Integer or a Duration has minimum, maximum and sets"
	needsBounds   = "what teams may set needs bounds, else they could make the gate trivial: write minimum and maximum, or allowedValues, or leave setBy out"
	wrongInteger  = "write the default of an Integer as digits, such as \"200\", from minimum to maximum"
	wrongDuration = "write the default of a Duration in hours, minutes and seconds, such as \"90s\" or \"1h30m\", from minimum to maximum"
	leaveOut      = "timeoutSeconds, retries and onInconclusive are the template's: leave them out"
)

func badTemplates() []schemaCase {
	parameter := func(inner string) string { return `[{name: p, ` + inner + `}]` }
	cases := []schemaCase{
		{"template", "metadata.name", "a123456789012345678901234567890123456789012345678901234567890123", "write a name of at most 63 characters: results of gates hold it"},
		{"template", "gate", `{name: g, purpose: Stress, templateRef: {name: another}}`, "a template holds the gate itself: write job, load or another kind instead of templateRef"},
		{"template", "gate", `{name: g, purpose: Stress}`, oneKindOfGate},
		{"template", "gate", "", "spec.gate: Required value"},
		{"template", "gate", `{name: g, purpose: Functional, job: {image: "$(params.image)"}}`, gateImage},
		{"template", "parameters", `[{name: P, type: String}]`, "write letters and digits, the first a lower case letter"},
		{"template", "parameters", `[{name: p, type: String}, {name: p, type: String}]`, "Duplicate value"},
		{"template", "parameters", parameter(`type: Boolean`), `supported values: "String", "Integer", "Duration"`},
		{"template", "parameters", parameter(`type: String, minimum: 1`), wrongBounds},
		{"template", "parameters", parameter(`type: String, sets: [retries]`), wrongBounds},
		{"template", "parameters", parameter(`type: Integer, allowedValues: ["1"]`), wrongBounds},
		{"template", "parameters", parameter(`type: Integer, sets: [load.targets]`), "supported values"},
		{"template", "parameters", parameter(`type: Duration, sets: [load.thresholds.p99Microseconds]`), "a Duration sets numbers of seconds: for other numbers write an Integer"},
		{"template", "parameters", parameter(`type: Integer, minimum: 2, maximum: 1`), "minimum is above maximum"},
		{"template", "parameters", parameter(`type: Integer, setBy: Anyone, minimum: 1`), needsBounds},
		{"template", "parameters", parameter(`type: Duration, setBy: Anyone, maximum: 1`), needsBounds},
		{"template", "parameters", parameter(`type: String, setBy: Anyone`), needsBounds},
		{"template", "parameters", parameter(`type: String, default: c, allowedValues: [a, b]`), "the default is none of allowedValues"},
		{"template", "parameters", parameter(`type: Integer, default: "1.5"`), wrongInteger},
		{"template", "parameters", parameter(`type: Integer, default: "9", minimum: 10`), wrongInteger},
		{"template", "parameters", parameter(`type: Integer, default: "9", maximum: 8`), wrongInteger},
		{"template", "parameters", parameter(`type: Duration, default: "90"`), wrongDuration},
		{"template", "parameters", parameter(`type: Duration, default: ""`), wrongDuration},
		{"template", "parameters", parameter(`type: Duration, default: 90s, maximum: 60`), wrongDuration},
		{"template", "parameters", parameter(`type: Duration, default: 90s, minimum: 91`), wrongDuration},
	}
	for _, field := range []string{"timeoutSeconds: 1", "retries: 1", "onInconclusive: Fail"} {
		cases = append(cases, schemaCase{"environment", "gates", `[{name: g, purpose: Stress, templateRef: {name: t}, ` + field + `}]`, leaveOut})
	}
	return append(cases,
		schemaCase{"environment", "gates", `[{name: g, purpose: Stress, templateRef: {name: t}, soak: {durationSeconds: 1}}]`, oneKindOfGate},
		schemaCase{"environment", "gates", `[{name: g, purpose: Stress, templateRef: {name: t, params: [{name: p}]}}]`, "value: Required value"},
		schemaCase{"environment", "requires", `{evidence: [{purpose: Stress, declaredBy: Anyone, gateTemplateRef: {name: t}}]}`, "a GateTemplate is the platform team's: leave declaredBy out"},
		schemaCase{"environment", "requires", `{evidence: [{purpose: Stress, gateTemplateRef: {name: t, revision: Newest}}]}`, `supported values: "Any", "Present"`},
	)
}
