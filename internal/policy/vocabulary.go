package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Word is something that can be written in a policy.
type Word struct {
	Text  string `json:"label"`
	About string `json:"detail,omitempty"` // in a few words what it means
}

// Variable is something that conditions speak of, with what is known of it.
type Variable struct {
	Word
	Members []Word `json:"members"`
}

// Vocabulary is all that can be written in a policy, for editors to offer it.
type Vocabulary struct {
	Keys      map[string][]Word `json:"keys"`   // by the key that they stand under; "" for the outermost
	Values    map[string][]Word `json:"values"` // by key and the one that it stands under, e.g. "rules.risks", or by member
	Variables []Variable        `json:"variables"`
	Functions []Word            `json:"functions"` // of conditions, e.g. size(x)
	Methods   []Word            `json:"methods"`   // of conditions, e.g. x.startsWith(y)
}

// The keys of each part of a policy. Those of terms are in terms.
var (
	policyKeys = []Word{{"defaults", "terms of all rules that do not say otherwise"}, {"rules", "the first that matches gives the verdict"}}
	ruleKeys   = []Word{
		{"name", "of the rule"},
		{"operations", "that it applies to"},
		{"risks", "that it applies to"},
		{"teams", "that it applies to"},
		{"environments", "that it applies to"},
		{"when", "a condition in CEL"},
		{"allow", "it runs at once"},
		{"require", "approvals, and whose"},
		{"deny", "why it is denied"},
		{"reason", "what people read beside the verdict"},
	}
	approvalKeys = []Word{{"approvals", "how many"}, {"from", "whose"}}
	windowKeys   = []Word{{"days", "of the week"}, {"from", "hours and minutes"}, {"to", "hours and minutes"}, {"zone", "like Europe/Berlin"}}
)

// texts are the words themselves.
func texts(words []Word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Text
	}
	return list
}

// Words returns all that can be written in a policy. Its maps are the caller's.
func Words() (Vocabulary, error) {
	var ofTerms []Word
	values := map[string][]Word{
		"rules.operations": operationWords(), "rules.risks": wordsOf(portal.Risks), "rules.environments": wordsOf(portal.Environments),
		"change.operation": operationWords(), "change.risk": wordsOf(portal.Risks), "cluster.environment": wordsOf(portal.Environments), // to compare with
		"rules.allow": {{"true", ""}}, "windows.days": wordsOf(dayNames),
		"require.from": {{fromTeam, "the team's approvers"}, {fromPlatform, "platform approvers"}, {fromGroup, "a group of the identity provider"}},
	}
	for _, t := range terms {
		ofTerms = append(ofTerms, Word{t.key, t.about})
		if len(t.choices) > 0 {
			values["rules."+t.key], values["defaults."+t.key] = wordsOf(t.choices), wordsOf(t.choices)
		}
	}
	v := Vocabulary{
		Keys:   map[string][]Word{"": policyKeys, "rules": slices.Concat(ruleKeys, ofTerms), "defaults": ofTerms, "require": approvalKeys, "windows": windowKeys},
		Values: values, Variables: variableWords(),
	}
	err := v.addFunctions()
	return v, err
}

func wordsOf[T ~string](list []T) []Word {
	words := make([]Word, len(list))
	for i, text := range list {
		words[i] = Word{Text: string(text)}
	}
	return words
}

func operationWords() []Word {
	words := make([]Word, len(portal.Operations()))
	for i, op := range portal.Operations() {
		words[i] = Word{string(op.ID), op.Title}
	}
	return words
}

func variableWords() []Variable {
	var list []Variable
	for _, m := range Members() {
		variable, member, _ := strings.Cut(m.Name, ".")
		if len(list) == 0 || list[len(list)-1].Text != variable {
			list = append(list, Variable{Word: Word{Text: variable}})
		}
		last := &list[len(list)-1]
		last.Members = append(last.Members, Word{member, string(m.Kind)})
	}
	return list
}

var functionName = regexp.MustCompile(`^[a-z]\w*$`) // operators have other names

// addFunctions adds what conditions can call.
func (v *Vocabulary) addFunctions() error {
	env, err := environment()
	if err != nil {
		return err
	}
	functions, methods := map[string]bool{}, map[string]bool{}
	for _, m := range env.Macros() {
		if functionName.MatchString(m.Function()) {
			of(m.IsReceiverStyle(), methods, functions)[m.Function()] = true
		}
	}
	for name, f := range env.Functions() {
		for _, o := range f.OverloadDecls() {
			if functionName.MatchString(name) {
				of(o.IsMemberFunction(), methods, functions)[name] = true
			}
		}
	}
	v.Functions, v.Methods = wordsOf(slices.Sorted(maps.Keys(functions))), wordsOf(slices.Sorted(maps.Keys(methods)))
	return nil
}

func of(member bool, methods, functions map[string]bool) map[string]bool {
	if member {
		return methods
	}
	return functions
}
