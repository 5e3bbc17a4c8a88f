package teams

import (
	"context"
	"regexp"

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
			Summary: a.Name + " had pages call group " + group + " “" + label + "”", Data: map[string]any{"group": group, "label": label, "before": labels[group]}}
		if label == "" {
			e.Summary = a.Name + " took the label of group " + group + " away"
		}
		return audit.Append(ctx, tx, e)
	})
}

// labelForm keeps a label from reading like a part of the sentence around it.
var labelForm = regexp.MustCompile(`^[\p{L}\p{M}\p{N} ._&/+-]*$`)

// checkLabel makes sure that nobody takes the group for another one.
func checkLabel(ctx context.Context, tx pgx.Tx, others []string, labels portal.GroupLabels, group, label string) error {
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
		if other != group && other != "" && label != "" && names.Alike(other, label) {
			return portal.Invalid(portal.FieldError{Field: "label", Message: "This looks like what another group is called, “" + other + "”; choose another label."})
		}
	}
	return nil
}
