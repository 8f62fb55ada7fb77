package policy

import (
	"strings"
	"testing"
)

func TestVariables_CountsMeaning(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "$": 0, "$$": 0, "$${A}": 0, "$A": 1, "${A}": 1, "$$$A": 1, "$$$$A": 0, "$_a $1 $(x) $-": 1, "${A:-${B}}": 2, "a$": 0,
		strings.Repeat("$${NAME}", 400): 0, strings.Repeat("${NAME}", 400): 400,
	} {
		if got := variables(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"{{{}}}": 0, "${A}": 1, "${A:-${B:-${C}}}": 3, "$${A:-$${B}}": 0, "${A}${B}${C}": 1, `${A:-{"b":{}}}`: 3, "$$${A:-${B}}": 2,
	} {
		if got := nested(text); got != want {
			t.Errorf("%q: %d levels, want %d", text, got, want)
		}
	}
}

func TestMeasured_BoundsWhatVariablesTake(t *testing.T) {
	value := func(n int) string { return "a: \"" + strings.Repeat("${A:-x}", n) + "\"\n" }
	if _, _, err := measured([]byte(value(1000))); err != nil {
		t.Errorf("1000 variables in one value: %v", err)
	}
	if _, _, err := measured([]byte(value(5000))); err == nil {
		t.Error("5000 variables in one value")
	}
	many := "a: &a \"" + strings.Repeat("${A:-x}", 500) + "\"\nb: [" + strings.Repeat("*a, ", 100) + "]\n"
	if _, _, err := measured([]byte(many)); err == nil {
		t.Error("500 variables in 100 values")
	}
}
