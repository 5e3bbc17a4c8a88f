package names_test

import (
	"testing"

	"doksportal/internal/names"
)

func TestCell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a": "a", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "a=b": "a=b",
		"a;=1": "a;'=1", "a; \"-1": "a; \"'-1", "a\t@x": "a\t'@x", "a,=1": "a,=1", "a;b=1": "a;b=1", "=1;=2": "'=1;'=2", "'=": "'=", "é=": "é=",
	} {
		if got := names.Cell(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
