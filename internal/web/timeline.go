package web

import (
	"context"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// timeline says whose events a search finds, see views.Timeline.
func (s *Server) timeline(ctx context.Context, v viewer, a auditSearch) (views.Timeline, error) {
	form := a.form
	form.From, form.To = "", ""
	switch only := len(form.Query()); {
	case only == 1 && form.Cluster != "":
		return s.timelineOfCluster(ctx, a.filter.Cluster)
	case only == 1 && form.Team != "":
		return s.timelineOfTeam(ctx, v, a.filter.TeamID)
	case only == 1 && form.Actor != "", only == 2 && form.Person != "":
		return s.timelineOfPerson(ctx, a.filter.Actor)
	}
	return views.Timeline{}, nil
}

func (s *Server) timelineOfCluster(ctx context.Context, id string) (views.Timeline, error) {
	c, err := store.Cluster(ctx, s.Pool, id)
	if portal.Is(err, portal.KindNotFound) {
		return views.Timeline{Of: "cluster " + id}, nil
	}
	return views.Timeline{Of: "cluster " + c.Name, Cluster: &c}, err
}

func (s *Server) timelineOfTeam(ctx context.Context, v viewer, id string) (views.Timeline, error) {
	var list []portal.Team
	for _, t := range v.teams {
		if t.ID == id {
			list = append(list, t)
		}
	}
	standings, err := s.standings(ctx, list)
	if err != nil || len(standings) == 0 {
		return views.Timeline{}, err
	}
	return views.Timeline{Of: "team " + standings[0].Team.Name, Team: &standings[0]}, nil
}

func (s *Server) timelineOfPerson(ctx context.Context, id portal.Identity) (views.Timeline, error) {
	if id.Issuer == portal.SystemIssuer {
		return views.Timeline{Of: portal.System(id.Subject).Name}, nil
	}
	p, err := store.PersonByIdentity(ctx, s.Pool, id, s.Now())
	if portal.Is(err, portal.KindNotFound) {
		return views.Timeline{Of: id.Subject + " of " + id.Issuer}, nil
	}
	if err != nil {
		return views.Timeline{}, err
	}
	seen, err := store.LastSeen(ctx, s.Pool, id)
	return views.Timeline{Of: p.Name, Person: &views.TimelinePerson{
		Email: p.Email, Identity: p.Identity, Groups: p.Groups, GroupsAt: p.GroupsAt, Problem: p.GroupsProblem, SeenAt: seen}}, err
}
