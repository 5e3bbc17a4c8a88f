package rulebook

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"doksportal/internal/policy"
)

// LinesShown is how many lines of a comparison a page shows: all, where both texts
// keep to the bounds that policies have now.
const LinesShown = 2 * policy.MaxLines

// Line is a line of a comparison of two texts.
type Line struct {
	Sign byte // '+' new, '-' gone, ' ' in both
	Text string
}

var signs = map[udiff.OpKind]byte{udiff.Insert: '+', udiff.Delete: '-', udiff.Equal: ' '}

// Diff compares two texts line by line, and returns all lines of both.
func Diff(before, after string) ([]Line, error) {
	before, after = endLine(before), endLine(after)
	edits := udiff.Lines(before, after)
	if len(edits) == 0 {
		return sameLines(before), nil
	}
	diff, err := udiff.ToUnifiedDiff("", "", before, edits, strings.Count(before, "\n"))
	if err != nil {
		return nil, err
	}
	var list []Line
	for _, hunk := range diff.Hunks {
		for _, l := range hunk.Lines {
			list = append(list, Line{Sign: signs[l.Kind], Text: strings.TrimSuffix(l.Content, "\n")})
		}
	}
	return list, nil
}

// endLine gives the last line an end, so that none differs by that alone.
func endLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

func sameLines(text string) []Line {
	var list []Line
	for line := range strings.Lines(text) {
		list = append(list, Line{Sign: ' ', Text: strings.TrimSuffix(line, "\n")})
	}
	return list
}
