package policy

import (
	"slices"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// place finds where in the text the character at an index of a scalar's value
// was typed. YAML folds and indents, but keeps all that is no space in its
// order, so this counts what is no space.
func (r *reader) place(n ast.Node, value []rune, index int) (line, column int) {
	at, kind := r.content(n)
	for _, c := range value[:min(index, len(value))] {
		if !unicode.IsSpace(c) {
			at = r.skipSpace(at, kind)
			at += r.width(at, kind)
		}
	}
	if index < len(value) && !unicode.IsSpace(value[index]) {
		at = r.skipSpace(at, kind)
	}
	return r.position(at)
}

// content is the index in the text at which a scalar's value starts, and how
// it is written.
func (r *reader) content(n ast.Node) (int, token.Type) {
	line, column := start(n)
	kind := n.GetToken().Type
	if _, block := n.(*ast.LiteralNode); block {
		return r.index(line+1, 1), token.LiteralType
	}
	if kind == token.SingleQuoteType || kind == token.DoubleQuoteType {
		column++
	}
	return r.index(line, column), kind
}

// skipSpace returns the index of the first character from at on that is no
// space.
func (r *reader) skipSpace(at int, kind token.Type) int {
	for at < len(r.text) {
		switch {
		case unicode.IsSpace(r.text[at]):
			at++
		case kind == token.DoubleQuoteType && r.escapesSpace(at):
			at += 2
		default:
			return at
		}
	}
	return at
}

// escapesSpace reports whether a space is written as an escape at an index.
func (r *reader) escapesSpace(at int) bool {
	if r.text[at] != '\\' || at+1 == len(r.text) {
		return false
	}
	switch r.text[at+1] {
	case 'n', 't', 'r', ' ', '\n':
		return true
	}
	return false
}

// width is how many characters of the text stand for the one at an index.
func (r *reader) width(at int, kind token.Type) int {
	if at >= len(r.text) {
		return 0
	}
	escapes := kind == token.SingleQuoteType && r.text[at] == '\'' || kind == token.DoubleQuoteType && r.text[at] == '\\'
	if !escapes {
		return 1
	}
	if kind == token.DoubleQuoteType && at+1 < len(r.text) {
		switch r.text[at+1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
	}
	return 2
}

// index is the index in the text of a line and a column.
func (r *reader) index(line, column int) int {
	if line > len(r.lines) {
		return len(r.text)
	}
	return min(r.lines[max(line, 1)-1]+max(column, 1)-1, len(r.text))
}

// position is the line and the column of an index in the text.
func (r *reader) position(at int) (line, column int) {
	line, exact := slices.BinarySearch(r.lines, at)
	if exact {
		return line + 1, 1
	}
	return line, at - r.lines[line-1] + 1
}
