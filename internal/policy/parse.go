package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"doksportal/internal/portal"
)

// Bounds of a policy.
const (
	MaxText      = 64 << 10 // bytes
	MaxLines     = 2000
	maxRules     = 200
	maxGroups    = 200 // of the identity provider that it names
	maxNeeds     = 5
	maxApprovals = 10
	maxName      = 60
	maxReason    = 300
	maxParts     = 15_000 // in YAML's tokens
	maxFaults    = 100    // that are told of
)

// Parse reads a policy. When something is wrong with it, it returns all of the
// faults in the order of the text (the first hundred), and no policy.
func Parse(text []byte) (*Policy, []Fault) {
	typed := Clean(string(text))
	r := newReader([]rune(typed))
	var p *Policy
	if root := r.root(typed); root != nil {
		p = r.policy(root)
	}
	if len(r.faults) > 0 {
		return nil, r.sorted()
	}
	return p, nil
}

// Clean writes the ends of lines in one way, because browsers send two
// characters, and leaves out the byte order mark that some editors begin a file
// with.
func Clean(text string) string {
	const byteOrderMark = "\uFEFF"
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, byteOrderMark))
}

// invisible says where a character stands that a reader cannot see, or that
// turns the direction of writing: a policy must say what it seems to say.
func (r *reader) invisible() {
	line, column := 1, 0
	for _, c := range r.text {
		column++
		switch {
		case c == '\n':
			line, column = line+1, 0
		case unseen(c):
			r.faultAt(line, column, "Here is a character that cannot be seen (U+%04X); delete it.", c)
		}
	}
}

// unseen reports whether a character cannot be seen, or changes how others are.
func unseen(c rune) bool {
	return c != '\n' && c != '\t' && (unicode.IsControl(c) ||
		unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// root reads the text as YAML. It notes a fault and returns nil when it cannot
// be read.
func (r *reader) root(text string) ast.Node {
	if len(text) > MaxText {
		r.faultAt(1, 1, "A policy has at most %d KiB; this one has %d.", MaxText>>10, (len(text)+1023)>>10)
		return nil
	}
	if !utf8.ValidString(text) {
		r.faultAt(1, 1, "This is not text: it is not valid UTF-8.")
		return nil
	}
	if r.invisible(); len(r.faults) > 0 {
		return nil
	}
	if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; lines > MaxLines {
		r.faultAt(MaxLines+1, 1, "A policy has at most %d lines; this one has %d.", MaxLines, lines)
		return nil
	}
	file, err := parseYAML(text)
	if err != nil {
		r.unreadable(err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		r.faultAt(1, 1, "Enter one policy: a list of rules under “rules:”.")
		return nil
	}
	return file.Docs[0].Body
}

// parseYAML turns a panic of the parser into an error.
func parseYAML(text string) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the parser failed: %v", cause)
		}
	}()
	tokens := lexer.Tokenize(text)
	if len(tokens) > maxParts { // the parser would spend long on them
		return nil, &yaml.SyntaxError{Message: "it has too many parts", Token: tokens[maxParts]}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func (r *reader) unreadable(err error) {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil || e.GetToken().Position == nil {
		r.faultAt(1, 1, "This cannot be read as YAML.")
		return
	}
	at := e.GetToken().Position
	r.faultAt(at.Line, at.Column, "This cannot be read as YAML: %s.", e.GetMessage())
}

// builtInTerms hold where a policy says nothing else.
var builtInTerms = portal.Terms{WaitFor: 7 * day, HoldFor: day, LongestAccess: day / 3, StandIn: 14 * day, LongestGrant: 30 * day}

func (r *reader) policy(n ast.Node) *Policy {
	m := r.members(n, texts(policyKeys)...)
	p := &Policy{terms: builtInTerms}
	if defaults := m["defaults"]; defaults != nil {
		p.terms = r.terms(r.members(defaults, termKeys()...), builtInTerms)
	}
	if m["rules"] == nil {
		if len(r.faults) == 0 {
			r.fault(n, "A policy needs a list of rules under “rules:”.")
		}
		return p
	}
	list := r.list(m["rules"], "rules")
	if len(list) > maxRules {
		r.fault(list[maxRules], "A policy has at most %d rules; this one has %d.", maxRules, len(list))
		return p
	}
	seen := coverage{}
	for _, part := range list {
		before := len(r.faults)
		rule := r.readRule(part, p)
		if len(r.faults) == before {
			r.checkReach(part, &rule, seen)
		}
		p.rules = append(p.rules, rule)
		r.rule = ""
	}
	return p
}

// readRule reads a rule of p, whose earlier rules have been read.
func (r *reader) readRule(n ast.Node, p *Policy) rule {
	m := r.members(n, append(texts(ruleKeys), termKeys()...)...)
	read := rule{name: r.name(n, m["name"], p), terms: r.terms(m, p.terms), saysStandIn: m["stand_in"] != nil}
	read.line, _ = start(n)
	r.selectors(&read, m)
	if when := m["when"]; when != nil {
		read.when = r.condition(when)
	}
	r.decision(&read, n, m)
	return read
}

func (r *reader) name(of, n ast.Node, p *Policy) string {
	if n == nil {
		r.fault(of, "Give this rule a name, with “name:”.")
		return ""
	}
	name, ok := r.word(n, "a name")
	r.rule = name
	switch {
	case !ok:
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsAny(name, "\n\r"):
		r.fault(n, "A name is one line of 1 to %d characters.", maxName)
	case slices.ContainsFunc(p.rules, func(other rule) bool { return other.name == name }):
		r.fault(n, "Another rule is called “%s” as well.", name)
	}
	return name
}

// decision reads what the rule says: exactly one of allow, require, deny.
func (r *reader) decision(read *rule, n ast.Node, m map[string]ast.Node) {
	allow, require, deny := m["allow"], m["require"], m["deny"]
	switch {
	case allow == nil && require == nil && deny == nil:
		r.fault(n, "Say what this rule does: “allow: true”, “require: …” or “deny: why”.")
	case allow != nil && (require != nil || deny != nil), require != nil && deny != nil:
		r.fault(n, "A rule does one thing: it has one of “allow”, “require” and “deny”.")
	case allow != nil:
		read.decision, read.reason = portal.Allow, fmt.Sprintf("The rule “%s” allows it.", read.name)
		if yes, ok := r.yes(allow); ok && !yes {
			r.fault(allow, "“allow” is true; write “deny: why” to deny.")
		}
		if read.operations[portal.RaiseQuota] {
			r.fault(allow, "A larger quota is never allowed without approval: write “require: …” for %s, in a rule of its own.", portal.RaiseQuota)
		}
	case require != nil:
		read.decision, read.reason = portal.Approve, fmt.Sprintf("The rule “%s” asks for it.", read.name)
		read.approvals = r.approvals(require)
	default:
		r.denial(read, deny, m)
	}
	if reason := m["reason"]; reason != nil && deny == nil {
		read.reason = r.reason(reason)
	}
}

func (r *reader) denial(read *rule, n ast.Node, m map[string]ast.Node) {
	read.decision, read.reason = portal.Deny, r.reason(n)
	for _, key := range append([]string{"reason"}, termKeys()...) {
		if m[key] != nil {
			r.fault(m[key], "A rule that denies has no “%s”; why it denies stands after “deny:”.", key)
		}
	}
}

func (r *reader) reason(n ast.Node) string {
	reason, ok := r.word(n, "a sentence for the people who ask")
	reason = strings.TrimSpace(reason)
	if ok && (reason == "" || utf8.RuneCountInString(reason) > maxReason) {
		r.fault(n, "A reason has 1 to %d characters.", maxReason)
	}
	return reason
}

func (r *reader) approvals(n ast.Node) []approvalRule {
	list := r.list(n, "approvals")
	if len(list) > maxNeeds {
		r.fault(n, "A rule asks for at most %d kinds of approval.", maxNeeds)
	}
	var rules []approvalRule
	for _, part := range list {
		m := r.members(part, texts(approvalKeys)...)
		if m["approvals"] == nil || m["from"] == nil {
			r.fault(part, "Say how many approvals and whose, like {approvals: 1, from: [team, platform]}.")
			continue
		}
		rules = append(rules, approvalRule{count: r.number(m["approvals"], 1, maxApprovals), from: r.words(m["from"], "approvers", r.checkApprovers)})
	}
	return rules
}

func (r *reader) checkApprovers(n ast.Node, word string) {
	group, named := strings.CutPrefix(word, fromGroup)
	if word == fromTeam || word == fromPlatform {
		return
	}
	if named && strings.TrimSpace(group) == group && group != "" {
		r.countGroup(n, group)
		return
	}
	r.fault(n, "“%s” are no approvers: write team, platform, or “group:” with the name of a group of the identity provider.", word)
}

// countGroup notes that the policy names a group, and a fault at the first that is
// one too many.
func (r *reader) countGroup(n ast.Node, group string) {
	if r.groups == nil {
		r.groups = map[string]bool{}
	}
	if r.groups[group] = true; len(r.groups) == maxGroups+1 && !r.manyGroups {
		r.manyGroups = true
		r.fault(n, "A policy names at most %d groups of the identity provider; this is one more.", maxGroups)
	}
}
