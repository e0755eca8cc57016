package promotion

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// argument is the value of a parameter: as text, and as a number where it is one.
type argument struct {
	text   string
	number int64
}

// arguments are the values of all parameters of a template: those given, else their defaults.
func arguments(parameters []v1alpha1.TemplateParameter, given []v1alpha1.TemplateArgument, by v1alpha1.GateDeclarer) (map[string]argument, error) {
	for _, argument := range given {
		i := slices.IndexFunc(parameters, func(p v1alpha1.TemplateParameter) bool { return p.Name == argument.Name })
		if i < 0 {
			return nil, fmt.Errorf("it has no parameter %s: %s", argument.Name, listParameters(parameters, by))
		}
		if !maySet(parameters[i], by) {
			return nil, fmt.Errorf("parameter %s is for Environments alone to give: leave it out, or let the platform team say setBy: Anyone with bounds", argument.Name)
		}
	}
	values := map[string]argument{}
	for _, parameter := range parameters {
		text := parameter.Default
		if i := slices.IndexFunc(given, func(a v1alpha1.TemplateArgument) bool { return a.Name == parameter.Name }); i >= 0 {
			text = given[i].Value
		}
		if text == nil {
			return nil, fmt.Errorf("parameter %s is missing, %s: write params: [{name: %s, value: \"...\"}]", parameter.Name, describe(parameter), parameter.Name)
		}
		value, err := parse(parameter, *text)
		if err != nil {
			return nil, err
		}
		values[parameter.Name] = value
	}
	return values, nil
}

func maySet(parameter v1alpha1.TemplateParameter, by v1alpha1.GateDeclarer) bool {
	return by == v1alpha1.DeclaredByPlatform || parameter.SetBy == v1alpha1.DeclaredByAnyone
}

// listParameters says what may be given.
func listParameters(parameters []v1alpha1.TemplateParameter, by v1alpha1.GateDeclarer) string {
	var names []string
	for _, parameter := range parameters {
		if maySet(parameter, by) {
			names = append(names, parameter.Name+" ("+describe(parameter)+")")
		}
	}
	if len(names) == 0 {
		return "leave params out"
	}
	return "write " + strings.Join(names, " or ")
}

// describe says what a value has to be.
func describe(parameter v1alpha1.TemplateParameter) string {
	unit := pick(parameter.Type == v1alpha1.DurationParameter, " s", "")
	text := map[v1alpha1.ParameterType]string{
		v1alpha1.IntegerParameter:  "digits, such as \"200\"",
		v1alpha1.DurationParameter: "hours, minutes and seconds, such as \"90s\" or \"1h30m\"",
	}[parameter.Type]
	switch {
	case len(parameter.AllowedValues) > 0:
		return "one of " + strings.Join(parameter.AllowedValues, ", ")
	case parameter.Type == v1alpha1.StringParameter:
		return "a text"
	case parameter.Minimum != nil && parameter.Maximum != nil:
		return fmt.Sprintf("%s, from %d%s to %d%s", text, *parameter.Minimum, unit, *parameter.Maximum, unit)
	case parameter.Minimum != nil:
		return fmt.Sprintf("%s, at least %d%s", text, *parameter.Minimum, unit)
	case parameter.Maximum != nil:
		return fmt.Sprintf("%s, at most %d%s", text, *parameter.Maximum, unit)
	}
	return text
}

var (
	digits   = regexp.MustCompile(`^(0|[1-9]\d{0,9})$`)
	duration = regexp.MustCompile(`^(\d{1,3}h)?(\d{1,5}m)?(\d{1,7}s)?$`)
)

// parse reads a value of a parameter, within its bounds.
func parse(parameter v1alpha1.TemplateParameter, text string) (argument, error) {
	value := argument{text: text}
	var understood bool
	switch parameter.Type {
	case v1alpha1.StringParameter:
		understood = len(parameter.AllowedValues) == 0 || slices.Contains(parameter.AllowedValues, text)
	case v1alpha1.IntegerParameter:
		value.number, understood = whole(text)
	case v1alpha1.DurationParameter:
		value.number, understood = wholeSeconds(text)
	default:
		return value, fmt.Errorf("parameter %s is of the type %s, which this operator does not know: upgrade it", parameter.Name, parameter.Type)
	}
	if !understood || !within(parameter, value.number) {
		return value, fmt.Errorf("parameter %s is %q: write %s", parameter.Name, v1alpha1.Clip(text, 64), describe(parameter))
	}
	return value, nil
}

func whole(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && digits.MatchString(text)
}

func wholeSeconds(text string) (int64, bool) {
	length, err := time.ParseDuration(text)
	return int64(length / time.Second), err == nil && duration.MatchString(text)
}

// within says whether a number lies in the bounds of a parameter, if it has any.
func within(parameter v1alpha1.TemplateParameter, number int64) bool {
	tooSmall := parameter.Minimum != nil && number < *parameter.Minimum
	return !tooSmall && (parameter.Maximum == nil || number <= *parameter.Maximum)
}

// number is one number of a gate, with the bounds that the schema sets for it; nil where the gate does not hold it.
type number struct {
	of       func(*v1alpha1.Gate) *int32
	min, max int64
}

const week, most32 = 7 * 24 * 3600, 1<<31 - 1

// fields are the numbers that parameters may set.
var fields = map[v1alpha1.TemplateField]number{
	"timeoutSeconds":                     {func(g *v1alpha1.Gate) *int32 { return &g.TimeoutSeconds }, 1, week},
	"retries":                            {func(g *v1alpha1.Gate) *int32 { return g.Retries }, 0, 10},
	"soak.durationSeconds":               {func(g *v1alpha1.Gate) *int32 { return &g.Soak.DurationSeconds }, 1, week},
	"load.requestsPerSecond":             {func(g *v1alpha1.Gate) *int32 { return &g.Load.RequestsPerSecond }, 1, 100_000},
	"load.durationSeconds":               {func(g *v1alpha1.Gate) *int32 { return &g.Load.DurationSeconds }, 1, 86_400},
	"load.warmUpSeconds":                 {func(g *v1alpha1.Gate) *int32 { return g.Load.WarmUpSeconds }, 0, 3600},
	"load.workers":                       {func(g *v1alpha1.Gate) *int32 { return &g.Load.Workers }, 1, 50},
	"load.thresholds.p50Microseconds":    {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.P50Microseconds }, 1, most32},
	"load.thresholds.p90Microseconds":    {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.P90Microseconds }, 1, most32},
	"load.thresholds.p95Microseconds":    {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.P95Microseconds }, 1, most32},
	"load.thresholds.p99Microseconds":    {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.P99Microseconds }, 1, most32},
	"load.thresholds.maxMicroseconds":    {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.MaxMicroseconds }, 1, most32},
	"load.thresholds.successBasisPoints": {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.SuccessBasisPoints }, 1, 10_000},
	"load.thresholds.answeredPerSecond":  {func(g *v1alpha1.Gate) *int32 { return &g.Load.Thresholds.AnsweredPerSecond }, 1, 100_000},
	"metric.samples":                     {func(g *v1alpha1.Gate) *int32 { return &g.Metric.Samples }, 1, 1000},
	"metric.intervalSeconds":             {func(g *v1alpha1.Gate) *int32 { return &g.Metric.IntervalSeconds }, 1, 3600},
	"metric.minimumSamples":              {func(g *v1alpha1.Gate) *int32 { return &g.Metric.MinimumSamples }, 1, 1000},
	"metric.maxFailed":                   {func(g *v1alpha1.Gate) *int32 { return &g.Metric.MaxFailed }, 1, 999},
	"webhook.pollSeconds":                {func(g *v1alpha1.Gate) *int32 { return &g.Webhook.PollSeconds }, 1, 3600},
	"metric.maxConsecutiveFailed":        {func(g *v1alpha1.Gate) *int32 { return &g.Metric.MaxConsecutiveFailed }, 1, 999},
}

// setField puts a number into a gate that holds another one there: else a parameter could make a gate of another kind.
func setField(gate *v1alpha1.Gate, name v1alpha1.TemplateField, value int64) error {
	field, known := fields[name]
	if !known {
		return fmt.Errorf("it sets %s, which this operator does not know: upgrade it", name)
	}
	target := field.of(gate)
	switch {
	case target == nil || *target == 0 && field.min > 0:
		return fmt.Errorf("it sets %s, and the template's gate does not hold that: the platform team writes a number there (kubectl edit gatetemplates)", name)
	case value < field.min || value > field.max:
		return errors.New(string(name) + " would be " + strconv.FormatInt(value, 10) +
			fmt.Sprintf(": give a value with which it is from %d to %d", field.min, field.max))
	}
	*target = int32(value)
	return nil
}
