// Package names checks names that people give to teams and groups, and cleans
// those that the identity provider gives: no characters that cannot be seen, and
// no two names that look alike, so that what people read is what it seems. It is
// pure; teams, templates and auth call it.
package names

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mtibben/confusables"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/runenames"
)

// Check returns a name as it is kept, with single spaces and composed letters.
// problem says what is wrong with it to the person who typed it, empty when it is
// fine: one line of at most so many characters, all of which can be seen, with
// letters of one script.
func Check(typed string, most int) (name, problem string) {
	if r, ok := Hidden(typed); ok {
		return "", fmt.Sprintf("This has a character that cannot be seen (U+%04X); type it again.", r)
	}
	if strings.ContainsAny(strings.TrimSpace(typed), "\r\n\t") {
		return "", "A name is one line."
	}
	name = norm.NFC.String(strings.Join(strings.Fields(typed), " "))
	switch n := len([]rune(name)); {
	case n > most:
		return "", fmt.Sprintf("This has %d characters; at most %d are allowed.", n, most)
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return "", "A name has at least one letter or digit."
	}
	if a, b := scripts(name); b != "" {
		return "", fmt.Sprintf("This mixes %s and %s letters, which look alike; use those of one script.", a, b)
	}
	return name, ""
}

// CheckText says what is wrong with a text of several lines that people write to
// each other, called what in the answer; empty when it is fine.
func CheckText(what, text string, most int, required bool) (problem string) {
	if required && strings.TrimSpace(text) == "" {
		return "Enter " + what + "."
	}
	if n := utf8.RuneCountInString(text); n > most {
		return fmt.Sprintf("This has %d characters; at most %d are allowed.", n, most)
	}
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return "This has characters that cannot be kept."
	}
	if r, ok := Hidden(text); ok {
		return fmt.Sprintf("This has a character that cannot be seen (U+%04X); type it again.", r)
	}
	return ""
}

// Hidden returns the first character of a text of several lines that cannot be
// seen, or that changes how others are; ok is false when there is none.
func Hidden(text string) (first rune, ok bool) {
	for _, r := range text {
		if hidden(r) && r != '\r' && r != '\n' && r != '\t' {
			return r, true
		}
	}
	return 0, false
}

// hidden reports whether a character cannot be seen, or changes how others are.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == unicode.ReplacementChar
}

// Shown is a text with what cannot be seen of it, or changes how the rest is,
// written out like \u202e. The ends of lines stay, as does what stands for bytes
// that are no text.
func Shown(text string) string {
	var b strings.Builder
	for _, r := range strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) {
		if hidden(r) && r != '\n' && r != '\t' && r != unicode.ReplacementChar {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// together are scripts that one language writes in.
var together = map[string]string{"Hiragana": "Han", "Katakana": "Han", "Hangul": "Han", "Bopomofo": "Han"}

// scripts returns two scripts of a name's letters, the second empty when there
// is but one.
func scripts(name string) (first, second string) {
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		script := scriptOf(r)
		switch {
		case script == "" || script == first:
		case first == "":
			first = script
		default:
			return first, script
		}
	}
	return first, ""
}

func scriptOf(r rune) string {
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			if other, ok := together[name]; ok {
				return other
			}
			return name
		}
	}
	return ""
}

// Alike reports whether two names can be taken for each other, as they are
// written, with lowercase letters or with capitals: a capital I looks like a small L,
// and some scripts have no letters but such that look like Latin capitals. Spaces,
// hyphens and other marks between the letters tell nothing apart.
func Alike(a, b string) bool {
	return likeness(a).intersects(likeness(b))
}

// looks are the skeletons of a name: as it is written, with small letters, with
// capitals.
type looks [3]string

func likeness(name string) looks {
	name = normal(name)
	return looks{skeleton(name), skeleton(cases.Fold().String(name)), skeleton(strings.ToUpper(name))}
}

func (l looks) intersects(m looks) bool { return l[0] == m[0] || l[1] == m[1] || l[2] == m[2] }

// Mistaken returns a known name that is another one than name and can be taken for
// it; ok is false when there is none.
func Mistaken(name string, known []string) (other string, ok bool) {
	_, other, ok = AnyMistaken([]string{name}, known)
	return other, ok
}

// AnyMistaken returns the first of the names that can be taken for a known one,
// which is another one, and that one; ok is false when there is none. It looks at
// each name once, however many there are.
func AnyMistaken(list, known []string) (name, other string, ok bool) {
	type look struct {
		way      int
		skeleton string
	}
	seen := map[look][2]string{} // two names that look so, the second empty where there is but one
	for _, k := range known {
		if k == "" {
			continue
		}
		for way, s := range likeness(k) {
			switch two := seen[look{way, s}]; {
			case two[0] == "":
				seen[look{way, s}] = [2]string{k}
			case two[0] != k && two[1] == "":
				seen[look{way, s}] = [2]string{two[0], k}
			}
		}
	}
	for _, name := range list {
		for way, s := range likeness(name) {
			for _, other := range seen[look{way, s}] {
				if other != "" && other != name {
					return name, other, true
				}
			}
		}
	}
	return "", "", false
}

// normal leaves of a name what tells it from others: letters and digits, without
// lines and accents that can be taken for dirt on the screen.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r):
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return capital(r)
		}
		return -1
	}, norm.NFKD.String(name))
}

// capital is the capital letter that a small capital looks like; any other letter
// is itself.
func capital(r rune) rune {
	if letter, ok := strings.CutPrefix(runenames.Name(r), "LATIN LETTER SMALL CAPITAL "); ok && len(letter) == 1 {
		return rune(letter[0])
	}
	return r
}

func skeleton(name string) string { return cases.Fold().String(confusables.Skeleton(name)) }

// Visible makes a name that cannot be refused, like a person's, what can be seen
// of it: one line of at most so many characters.
func Visible(given string, most int) string {
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, given)
	runes := []rune(strings.Join(strings.Fields(seen), " "))
	return string(runes[:min(len(runes), most)])
}
