package metric

import (
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"

	"github.com/sluice-dev/sluice/internal/metric/result"
	"github.com/sluice-dev/sluice/internal/termination"
)

const (
	// costLimit bounds the evaluation of a condition, in CEL's units: far more than looking at each of maxSeries takes.
	costLimit = 1_000_000
	// The names by which a condition knows a sample.
	oneName, allName = "result", "results"
)

// environment is what a condition may be about. To compare with 1 is to compare with 1.0.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable(oneName, cel.DoubleType), cel.Variable(allName, cel.ListType(cel.DoubleType)), cel.CrossTypeNumericComparisons(true))
})

// mixed is how CEL says that a result meets a whole number where it has to be another: with == and in sums.
var mixed = regexp.MustCompile(`\((double, int|int, double)\)`)

var errNoResult = errors.New("it looks at neither result nor results, and could never fail")

// unknown is a sample of which nothing is known yet.
var unknown = sync.OnceValues(func() (cel.PartialActivation, error) {
	return cel.PartialVars(map[string]any{}, cel.AttributePattern(oneName), cel.AttributePattern(allName))
})

// Condition is a CEL expression over one sample.
type Condition struct {
	program cel.Program
	// single says that it looks at result: the one number of a sample.
	single bool
}

// NewCondition reads an expression: over result, the number of a sample with one series, or results, those of all series.
func NewCondition(expression string) (*Condition, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	compiled, issues := env.Compile(expression)
	if err := issues.Err(); err != nil {
		if mixed.MatchString(err.Error()) {
			return nil, fmt.Errorf("%w; results are numbers with a point: write 100.0 where you mean 100", err)
		}
		return nil, err
	}
	if !compiled.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("it says %s, and has to say true or false", compiled.OutputType())
	}
	single, several := mentions(compiled, oneName), mentions(compiled, allName)
	if !single && !several {
		return nil, errNoResult
	}
	if err := open(env, compiled); err != nil {
		return nil, err
	}
	program, err := env.Program(compiled, cel.CostLimit(costLimit))
	return &Condition{program: program, single: single}, err
}

// mentions says whether an expression looks at a variable.
func mentions(compiled *cel.Ast, name string) bool {
	return len(ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.IdentKind && e.AsIdent() == name && !shadowed(e, name)
	})) > 0
}

// shadowed says whether a name stands for what a macro goes through, as in results.all(result, result < 0.01).
func shadowed(e ast.NavigableExpr, name string) bool {
	for {
		parent, ok := e.Parent()
		if !ok {
			return false
		}
		if parent.Kind() == ast.ComprehensionKind {
			over := parent.AsComprehension()
			if (over.IterVar() == name || over.IterVar2() == name) && over.IterRange().ID() != e.ID() {
				return true
			}
		}
		e = parent
	}
}

// open says why a sample cannot decide an expression: what is true or false before anything is known, such as
// result < 0.01 || true, is no condition.
func open(env *cel.Env, compiled *cel.Ast) error {
	nothing, err := unknown()
	if err != nil {
		return err
	}
	program, err := env.Program(compiled, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return err
	}
	verdict, _, err := program.Eval(nothing)
	switch {
	case err != nil:
		return fmt.Errorf("it cannot be evaluated, whatever the sample is: %w", err)
	case !types.IsUnknown(verdict):
		return fmt.Errorf("it is always %v, whatever the sample is", verdict)
	}
	return nil
}

// Holds says whether a sample keeps the condition. An error means that the sample is no number that it could be about.
func (c *Condition) Holds(numbers []float64) (bool, error) {
	given := map[string]any{allName: numbers}
	if c.single {
		if len(numbers) != 1 {
			return false, fmt.Errorf("the query returned %d series, and result is the number of one: aggregate them, or write a condition on results", len(numbers))
		}
		given[oneName] = numbers[0]
	}
	verdict, _, err := c.program.Eval(given)
	if err != nil {
		return false, fmt.Errorf("passIf cannot be evaluated: %w", err)
	}
	holds, ok := verdict.Value().(bool)
	if !ok {
		return false, fmt.Errorf("passIf says %v", verdict)
	}
	return holds, nil
}

// Problems says of each expression why it is no condition; nothing where it is one.
func Problems(expressions []string) map[string]string {
	problems := make(map[string]string, len(expressions))
	for _, expression := range expressions {
		problems[expression] = ""
		if _, err := NewCondition(expression); err != nil {
			problems[expression] = termination.OneLine(err.Error(), result.MaxText)
		}
	}
	return problems
}
