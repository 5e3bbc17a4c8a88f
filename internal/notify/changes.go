package notify

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// notificationColumns are what readNotification reads.
const notificationColumns = `id, kind, coalesce(request_id::text, '') AS request_id, coalesce(team_id::text, '') AS team_id,
	cluster_id, coalesce(delegation_id::text, '') AS delegation_id, issuer, subject, actor_name AS name, summary, at`

// kept is a notification that has been written down.
type kept struct {
	id string
	Notification
}

func readNotification(row pgx.CollectableRow) (kept, error) {
	type notification struct {
		ID string
		Notification
		portal.Person
	}
	r, err := pgx.RowToStructByNameLax[notification](row)
	r.Actor = r.Person
	return kept{r.ID, r.Notification}, err
}

// concernedByChange are the admins and the people of the team, or of the
// delegation, that a change is about, but for who made it.
func (s *Service) concernedByChange(ctx context.Context, q store.Querier, n Notification) ([]reader, error) {
	groups, err := s.groupsToTell(ctx, q, n)
	if err != nil {
		return nil, err
	}
	pair, err := peopleToTell(ctx, q, n)
	if err != nil {
		return nil, err
	}
	list, err := store.RecipientsAnd(ctx, q, groups, pair, s.Now().Add(-portal.KnownFor))
	return slices.DeleteFunc(s.allKnown(list), func(p reader) bool { return p.Identity == n.Actor.Identity }), err
}

// peopleToTell are the people who are told of what became of a delegation.
func peopleToTell(ctx context.Context, q store.Querier, n Notification) ([]portal.Identity, error) {
	if n.DelegationID == "" {
		return nil, nil
	}
	d, err := store.DelegationByID(ctx, q, n.DelegationID)
	return []portal.Identity{d.Delegator.Identity, d.StandIn.Identity}, err
}

// groupsToTell are the groups whose people are told of a change.
func (s *Service) groupsToTell(ctx context.Context, q store.Querier, n Notification) ([]string, error) {
	groups := []string{s.AdminGroup}
	if portal.TopicOf(n.Kind) == portal.TopicDrift && n.TeamID != "" {
		groups = nil // it is for the team to know
	}
	if topic := portal.TopicOf(n.Kind); (topic == portal.TopicTrail || topic == portal.TopicAccessReview) && s.AuditorGroup != "" {
		groups = append(groups, s.AuditorGroup)
	}
	if portal.TopicOf(n.Kind) == portal.TopicUnusual && s.AuditorGroup != "" {
		groups = []string{s.AuditorGroup}
	}
	if n.TeamID == "" {
		return groups, nil
	}
	team, err := store.TeamByID(ctx, q, n.TeamID)
	return append(groups, team.MemberGroup, team.ApproverGroup), err
}

// changeMessage says what an admin has changed. It reports false when that is
// no longer the business of whom it is for.
func (s *Service) changeMessage(ctx context.Context, d claimed, n Notification) (message, bool, error) {
	link := s.BaseURL.JoinPath("/")
	switch {
	case n.Kind == portal.EventChangeProposed:
		link = s.BaseURL.JoinPath("admin", "changes")
	case portal.TopicOf(n.Kind) == portal.TopicPause:
		link = s.BaseURL.JoinPath("admin", "queue")
	case portal.TopicOf(n.Kind) == portal.TopicTrail:
		link = s.BaseURL.JoinPath("audit")
	case portal.TopicOf(n.Kind) == portal.TopicUnusual:
		link = s.BaseURL.JoinPath("audit", "reviews")
	case portal.TopicOf(n.Kind) == portal.TopicAccessReview:
		link = s.BaseURL.JoinPath("audit", "access")
	case n.DelegationID != "":
		link = s.BaseURL.JoinPath("me")
	case n.Kind == portal.EventClusterAppeared && n.TeamID == "":
		link = s.BaseURL.JoinPath("admin", "clusters")
	case n.ClusterID != "":
		link = s.BaseURL.JoinPath("clusters", n.ClusterID)
	}
	m := message{topic: d.topic, headline: plain(d.topic.Title(), 200), at: n.At, link: link.String(),
		lines: []line{{"", plain(n.Summary, 1000)}}}
	if d.person.IsZero() {
		return m, true, nil
	}
	p, err := s.reader(ctx, s.Pool, d.person)
	if portal.Is(err, portal.KindNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	groups, err := s.groupsToTell(ctx, s.Pool, n)
	if err != nil {
		return m, false, err
	}
	pair, err := peopleToTell(ctx, s.Pool, n)
	m.address = p.Email
	return m, (slices.ContainsFunc(groups, p.InGroup) || slices.Contains(pair, p.Identity)) && (d.channelID != "" || p.wants(d.topic)), err
}
