package names_test

import (
	"testing"

	"doksportal/internal/names"
)

func TestCell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a": "a", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "a=b": "a=b", "'=": "'=", "é=": "é=",
	} {
		if got := names.Cell(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
