package names

import (
	"regexp"
	"strings"
)

// beginsFormula finds where a formula would begin in a spreadsheet that parts cells at
// semicolons, or at tabs.
var beginsFormula = regexp.MustCompile(`([;\t]["' ]*)([=+@-])`)

// Cell is a text for a cell of a CSV file, which no spreadsheet takes for a formula, nor
// a part of it, whatever parts cells where it is opened.
func Cell(text string) string {
	if strings.ContainsAny(text[:min(1, len(text))], "=+-@\t\r") {
		text = "'" + text
	}
	return beginsFormula.ReplaceAllString(text, "$1'$2")
}
