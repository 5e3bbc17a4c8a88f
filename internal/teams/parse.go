package teams

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

func (s *Service) parse(ctx context.Context, in Input, isNew bool) (portal.Team, error) {
	var f fieldErrors
	t := portal.Team{
		Slug: strings.TrimSpace(in.Slug), Name: strings.TrimSpace(in.Name),
		MemberGroup: strings.TrimSpace(in.MemberGroup), ApproverGroup: strings.TrimSpace(in.ApproverGroup),
	}
	t.Version, _ = portal.ParseNumber(in.Version, 1, portal.MaxVersion) // a wrong one matches no team
	if isNew && !portal.IsSlug(t.Slug) {
		f.Add("slug", "Enter 1 to 40 lowercase letters, digits and hyphens, starting with a letter.")
	}
	if isNew && t.Slug == "new" { // its page would be the one for new teams
		f.Add("slug", "The portal uses the short name “new” itself; choose another one.")
	}
	t.Name = f.name("name", "a name", t.Name)
	f.checkGroup("member_group", "the group of the members", t.MemberGroup)
	f.checkGroup("approver_group", "the group of the approvers", t.ApproverGroup)
	known, err := s.knownGroups(ctx)
	if err != nil {
		return t, err
	}
	f.checkNew("member_group", t.MemberGroup, known)
	f.checkNew("approver_group", t.ApproverGroup, known)
	t.Quota, err = s.readQuota(ctx, &f, in.Quota)
	if err != nil {
		return t, err
	}
	return t, f.Err()
}

// readQuota reads the fields of all limits.
func (s *Service) readQuota(ctx context.Context, f *fieldErrors, form map[string]string) (portal.Quota, error) {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return portal.Quota{}, err
	}
	q := portal.Quota{Limits: map[portal.Item]int{}}
	for _, l := range limits {
		typed, sent := form[l.Name]
		if !sent { // read as empty it would take a limit away, or all that it allows
			f.Add(l.Name, "This field was not sent; open the form again.")
			continue
		}
		l.read(f, typed, offer.Options, &q)
	}
	if len(q.Limits) == 0 {
		q.Limits = nil // as it is kept
	}
	return q, nil
}

// fieldErrors collects what is wrong with what an admin typed, while it is read.
type fieldErrors struct{ portal.FieldErrors }

// name reads the name of a team.
func (f *fieldErrors) name(field, what, typed string) string {
	const most = 60
	if typed == "" {
		f.Add(field, "Enter %s.", what)
		return ""
	}
	name, problem := names.Check(typed, most)
	if problem != "" {
		f.Add(field, "%s", problem)
	}
	return name
}

// checkNew refuses a group that can be taken for one that the portal goes by:
// whoever accepts it sees no difference.
func (f *fieldErrors) checkNew(field, group string, known []string) {
	if slices.ContainsFunc(f.FieldErrors, func(e portal.FieldError) bool { return e.Field == field }) {
		return
	}
	if other, ok := names.Mistaken(group, known); ok {
		f.Add(field, "This looks like group %s, which is another one; type its name as the identity provider has it.", other)
	}
}

// knownGroups are the groups that the portal goes by: those of teams, those that
// give roles, and those that the policy names.
func (s *Service) knownGroups(ctx context.Context) ([]string, error) {
	teams, err := store.Teams(ctx, s.Pool)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, t := range teams {
		known = append(known, t.MemberGroup, t.ApproverGroup)
	}
	if s.OtherGroups == nil {
		return known, nil
	}
	others, err := s.OtherGroups(ctx)
	return append(known, others...), err
}

// checkGroup checks the name of a group, which is kept to the letter. Another
// admin decides by what is seen of it.
func (f *fieldErrors) checkGroup(field, what, s string) {
	const most = 200
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		f.Add(field, "Enter %s.", what)
	case n > most:
		f.Add(field, "This has %d characters; at most %d are allowed.", n, most)
	case names.Visible(s, most) != s:
		f.Add(field, "This has a character that cannot be seen; type it again.")
	}
}
