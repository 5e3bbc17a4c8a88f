package portal

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OnOff says whether something is switched on.
func OnOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// RegistryText names the registries of a cluster.
func RegistryText(c Cluster) string {
	if len(c.Details.Registries) == 0 {
		if c.Details.RegistryEnabled {
			return "the account's registry"
		}
		return "no registry"
	}
	return strings.Join(slices.Sorted(slices.Values(c.Details.Registries)), ", ")
}

// LabelText shows labels in the order of their keys.
func LabelText(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	return strings.Join(list, ", ")
}

// TaintText shows taints as kubectl does, in alphabetical order.
func TaintText(taints []Taint) string {
	list := make([]string, len(taints))
	for i, t := range taints {
		list[i] = t.String()
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// YesNo answers a question.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// OrNone is a text, or the word for none.
func OrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Quote shows what was typed, shortened to what fits a sentence.
func Quote(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return "“" + s + "”"
}

// Sentence writes a text as a sentence of its own.
func Sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	text = string(unicode.ToUpper(first)) + text[size:]
	if last, _ := utf8.DecodeLastRuneInString(text); !unicode.IsPunct(last) {
		text += "."
	}
	return text
}
