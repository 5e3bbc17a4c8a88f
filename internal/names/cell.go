package names

import "strings"

// Cell is a text for a cell of a CSV file, which no spreadsheet takes for a formula.
func Cell(text string) string {
	if strings.ContainsAny(text[:min(1, len(text))], "=+-@\t\r") {
		return "'" + text
	}
	return text
}
