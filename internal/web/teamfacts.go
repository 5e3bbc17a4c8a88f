package web

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// mostPeople is how many people of each group of a team are listed.
const mostPeople = 100

// teamFacts shows a team to those who may read what it is and change nothing.
func (s *Server) teamFacts(c *gin.Context, v viewer, team portal.Team) error {
	ctx := c.Request.Context()
	p := views.TeamFactsPage{Page: s.page(c, v, "Team "+team.Slug)}
	standings, err := s.standings(ctx, []portal.Team{team})
	if err != nil {
		return err
	}
	p.TeamStanding = standings[0]
	if p.Raises, err = s.raises(ctx, team); err != nil {
		return err
	}
	groups := []string{team.MemberGroup, team.ApproverGroup}
	if p.People, err = store.Approvers(ctx, s.Pool, groups, s.Now().Add(-portal.KnownFor), mostPeople+1); err != nil {
		return err
	}
	p.Cut = slices.ContainsFunc(groups, func(g string) bool { return inGroup(p.People, g) > mostPeople })
	s.render(c, http.StatusOK, views.TeamFacts(p))
	return nil
}

// inGroup counts those of the people who are in a group.
func inGroup(people []portal.Approver, group string) int {
	n := 0
	for _, p := range people {
		if slices.Contains(p.Groups, group) {
			n++
		}
	}
	return n
}
