package teams

import (
	"context"
	"regexp"
	"slices"

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
			f.Add("label", "A label has letters, digits, spaces and . - _ & / + only.")
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
			Summary: a.Name + " labelled group " + group + " “" + label + "”", Data: map[string]any{"group": group, "label": label, "before": labels[group]}}
		if label == "" {
			e.Summary = a.Name + " removed the label of group " + group
		}
		return audit.Append(ctx, tx, e)
	})
}

// labelForm keeps a label from reading like a part of the sentence around it.
var labelForm = regexp.MustCompile(`^[\p{L}\p{M}\p{N} ._&/+-]*$`)

// roleWords are what pages call people with a role.
var roleWords = []string{"admins", "auditors", "approvers", "members", "platform approvers"}

// checkLabel makes sure that nobody takes the group for another one, or for what
// pages call people of no particular group.
func checkLabel(ctx context.Context, tx pgx.Tx, others []string, labels portal.GroupLabels, group, label string) error {
	if label == "" {
		return nil
	}
	alike := func(other string) bool {
		return names.Alike(other, label) || names.Alike(other, withoutTeam(label))
	}
	if i := slices.IndexFunc(ownWords, alike); i >= 0 {
		return refuseLabel("Pages use “" + ownWords[i] + "” for something else; choose another label.")
	}
	if i := slices.IndexFunc(roleWords, alike); i >= 0 {
		return refuseLabel("Pages use “" + roleWords[i] + "” for something else; choose another label.")
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
