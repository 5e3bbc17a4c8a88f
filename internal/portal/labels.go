package portal

import (
	"regexp"
	"strings"
)

// GroupLabels are what admins call groups of the identity provider whose own
// names say nothing, by those names. They are for people to read; nothing is
// decided by them.
type GroupLabels map[string]string

// Of returns what a group is called: its label, or else its own name.
func (l GroupLabels) Of(group string) string {
	if label, ok := l[group]; ok {
		return label
	}
	return group
}

// All returns what groups are called.
func (l GroupLabels) All(groups []string) []string {
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = l.Of(g)
	}
	return list
}

// Labels returns the labels of those groups that have one.
func (l GroupLabels) Labels(groups []string) []string {
	var list []string
	for _, g := range groups {
		if label, ok := l[g]; ok {
			list = append(list, label)
		}
	}
	return list
}

// idForm is what the ids look like that providers send for groups: a UUID
// (Entra ID), or one long word with digits (Okta).
var idForm = regexp.MustCompile(`[0-9A-Za-z][0-9A-Za-z_-]{14,}[0-9A-Za-z]`)

// In replaces the ids of groups in a sentence by their labels. A group with a
// name of ordinary words stays, because the sentence may mean the word.
func (l GroupLabels) In(text string) string {
	if len(l) == 0 {
		return text
	}
	return idForm.ReplaceAllStringFunc(text, func(id string) string {
		if !strings.ContainsAny(id, "0123456789") {
			return id
		}
		return l.Of(id)
	})
}
