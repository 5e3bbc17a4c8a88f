package rulebook

import "strings"

// Line is a line of a comparison of two texts.
type Line struct {
	Sign byte // '+' new, '-' gone, ' ' in both
	Text string
}

// maxTable bounds the work of a comparison. What differs by more is shown as
// gone and new as a whole.
const maxTable = 4_000_000

// Diff compares two texts line by line.
func Diff(before, after string) []Line {
	a, b := lines(before), lines(after)
	var list, tail []Line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		list = append(list, Line{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append([]Line{{' ', a[len(a)-1]}}, tail...)
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return append(append(list, middle(a, b)...), tail...)
}

// middle compares what differs at both ends: it keeps the longest sequence of
// lines that both have.
func middle(a, b []string) []Line {
	var list []Line
	common := longest(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case common != nil && i < len(a) && j < len(b) && a[i] == b[j]:
			list = append(list, Line{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common == nil || common[i+1][j] >= common[i][j+1]):
			list = append(list, Line{'-', a[i]})
			i++
		default:
			list = append(list, Line{'+', b[j]})
			j++
		}
	}
	return list
}

// longest is a table of how many lines the ends of a and b from each pair of
// lines on have in common; nil when it would be too large.
func longest(a, b []string) [][]int32 {
	if len(a)*len(b) > maxTable {
		return nil
	}
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
