package teams

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// LabelGroup says what pages call a group of the identity provider; an empty
// label gives it its own name back. Nothing is decided by a label, but people
// read it where they decide: one that looks like another group's label or name
// is refused (KindInvalid, at "label"). Only admins may.
func (s *Service) LabelGroup(ctx context.Context, a portal.Actor, group, label string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	var f fieldErrors
	f.checkGroup("group", "a group", group)
	if label != "" {
		label = f.name("label", "a label", label)
		if !labelForm.MatchString(label) {
			f.Add("label", "A label has letters, digits, spaces and . - _ & + only.")
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	var others []string
	if s.OtherGroups != nil {
		var err error
		if others, err = s.OtherGroups(ctx); err != nil {
			return err
		}
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		labels, err := store.LockGroupLabels(ctx, tx)
		if err != nil {
			return err
		}
		if labels[group] == label {
			return nil
		}
		if err := checkLabel(ctx, tx, others, labels, group, label); err != nil {
			return err
		}
		if err := store.SetGroupLabel(ctx, tx, group, label, s.Now()); err != nil {
			return err
		}
		e := portal.Event{At: s.Now(), Kind: portal.EventGroupLabelled, Actor: a.Person(),
			Target:  portal.EventTarget{Kind: portal.TargetGroup, ID: group, Name: label},
			Summary: a.Name + " labelled group " + group + " “" + label + "”", Data: map[string]any{"group": group, "label": label, "before": labels[group]}}
		if label == "" {
			e.Summary = a.Name + " removed the label of group " + group
		}
		return audit.Append(ctx, tx, e)
	})
}

// labelForm keeps a label from reading like a part of the sentence around it.
var labelForm = regexp.MustCompile(`^[\p{L}\p{M}\p{N} ._&+-]*$`)

// roleWords are what pages call people with a role.
var roleWords = []string{"admin", "administrator", "auditor", "approver", "member", "platform", "portal", "owner", "everyone", "everybody", "anyone", "anybody", "noone", "nobody", "else", "user", "people"}

// fillers are words that tell no group from another.
var fillers = []string{"the", "team", "group", "of", "for", "in", "all", "and", "our"}

// gist is a label without what tells it from no other: fillers, plurals, and the
// order of its words.
func gist(label string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(label, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		alike := func(filler string) bool { return names.Alike(filler, word) || names.Alike(filler+"s", word) }
		if !slices.ContainsFunc(fillers, alike) {
			words = append(words, strings.TrimSuffix(strings.ToLower(word), "s"))
		}
	}
	slices.Sort(words)
	return words
}

// checkLabel makes sure that nobody takes the group for another one, or for what
// pages call people of no particular group.
func checkLabel(ctx context.Context, tx pgx.Tx, others []string, labels portal.GroupLabels, group, label string) error {
	if label == "" {
		return nil
	}
	said := gist(label)
	alike := func(other string) bool {
		return names.Alike(other, label) || names.Alike(strings.Join(gist(other), " "), strings.Join(said, " "))
	}
	if i := slices.IndexFunc(ownWords, alike); i >= 0 {
		return refuseLabel("Pages use “" + ownWords[i] + "” for something else; choose another label.")
	}
	if slices.Contains(said, "or") {
		return refuseLabel("This reads like several groups; pages join them by “or”.")
	}
	particular := func(word string) bool {
		return !slices.ContainsFunc(roleWords, func(role string) bool { return names.Alike(role, word) || names.Alike(role+"s", word) })
	}
	if !slices.ContainsFunc(said, particular) {
		return refuseLabel("This says nothing of which group it is; people have roles that are called like that.")
	}
	teams, err := store.Teams(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range teams {
		others = append(others, t.MemberGroup, t.ApproverGroup, t.Name)
	}
	for other, called := range labels {
		if other != group {
			others = append(others, other, called)
		}
	}
	for _, other := range others {
		if other != group && other != "" && alike(other) {
			return refuseLabel("This looks like the label of another group, “" + other + "”; choose another label.")
		}
	}
	return nil
}

func refuseLabel(why string) error {
	return portal.Invalid(portal.FieldError{Field: "label", Message: why})
}
