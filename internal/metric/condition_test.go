package metric

import (
	"math"
	"strings"
	"testing"
)

func TestCondition(t *testing.T) {
	for _, c := range []struct {
		expression string
		numbers    []float64
		holds      bool
		problem    string
	}{
		{"result < 0.01", []float64{0.009}, true, ""},
		{"result < 0.01", []float64{0.01}, false, ""},
		{"result < 1", []float64{0.5}, true, ""},
		{"result <= 0.01 && result >= 0.0", []float64{-1}, false, ""},
		{"result < 0.01", []float64{math.Inf(1)}, false, ""},
		{"result == 0.0", []float64{0}, true, ""},
		{"results.all(r, r < 0.5)", []float64{0.1, 0.4, 0.2}, true, ""},
		{"results.all(r, r < 0.5)", []float64{0.1, 0.6, 0.2}, false, ""},
		{"results.exists(r, r > 0.5) && size(results) == 3", []float64{0.1, 0.6, 0.2}, true, ""},
		{"results.all(result, result < 0.5)", []float64{0.1, 0.4}, true, ""},
		{"results.all(result, result < 0.5)", []float64{0.1, 0.6}, false, ""},
		{"results.exists(results, results > 0.5)", []float64{0.1, 0.6}, true, ""},
		{"results.all(r, r <= result)", []float64{0.1}, true, ""},
		{"results.all(r, r <= result)", []float64{0.1, 0.2}, false, "the query returned 2 series, and result is the number of one"},
		{"result < 0.01", []float64{0.1, 0.2}, false, "the query returned 2 series, and result is the number of one"},
		{"results[3] < 0.1", []float64{0.1}, false, "passIf cannot be evaluated"},
		{"results.all(a, results.all(b, results.all(c, a + b + c < 9.0)))", make([]float64, 1000), false, "passIf cannot be evaluated"},
	} {
		condition, err := NewCondition(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		holds, err := condition.Holds(c.numbers)
		switch {
		case c.problem == "" && (err != nil || holds != c.holds):
			t.Errorf("%s of %v: %v, %v", c.expression, c.numbers, holds, err)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem) || holds):
			t.Errorf("%s: %v, %v, want %s", c.expression, holds, err, c.problem)
		}
	}
}

func TestProblems(t *testing.T) {
	for expression, want := range map[string]string{
		"result < 0.01":                      "",
		"results.all(r, r < 1)":              "",
		"result <":                           "Syntax error",
		"value < 0.01":                       "undeclared reference to 'value'",
		"result":                             "it says double, and has to say true or false",
		"'result' == 'x'":                    "it looks at neither result nor results",
		"true || 'result' == ''":             "it looks at neither result nor results",
		"[1.0].all(result, result > 0.0)":    "it looks at neither result nor results",
		"[1.0].exists(results, results > 0)": "it looks at neither result nor results",
		"result < 0.01 || true":              "it is always true, whatever the sample is",
		"true || results.all(r, r < 1)":      "it is always true, whatever the sample is",
		"false && result < 0.01":             "it is always false, whatever the sample is",
		"1 / 0 == 1 ? result < 1.0 : true":   "it cannot be evaluated, whatever the sample is: division by zero",
		"result < '1'":                       "no matching overload",
		"result == 0":                        "write 100.0 where you mean 100",
		"result * 100 < 5.0":                 "write 100.0 where you mean 100",
		"result < 1 ? 'yes' : 'n'":           "it says string",
		strings.Repeat("(", 1000) + "result": "recursion limit exceeded",
	} {
		problem := Problems([]string{expression})[expression]
		if want == "" && problem != "" || !strings.Contains(problem, want) {
			t.Errorf("%.40s: %q, want %q", expression, problem, want)
		}
		if strings.Contains(problem, "\n") || len(problem) > 512 {
			t.Errorf("%.40s: a problem of %d bytes: %q", expression, len(problem), problem)
		}
	}
}
