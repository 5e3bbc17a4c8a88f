package web

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
	"doksportal/internal/teams"
	"doksportal/views/ui"
)

// account is how the nodes that teams may have stand against what the account may.
func (s *Server) account(list []portal.Team) portal.AccountStanding {
	return portal.AccountOf(s.DropletLimit, list, s.Now())
}

// accountWarning says of a form that was taken that teams may have more nodes than the
// account, where they may have more than before. One that waits for a second admin is
// warned of too.
func (s *Server) accountWarning(v viewer, in teams.Input) string {
	after := slices.DeleteFunc(slices.Clone(v.teams), func(t portal.Team) bool { return t.Slug == in.Slug })
	after = append(after, portal.Team{Slug: in.Slug, Name: in.Name, Quota: nodesTyped(in)})
	return s.account(after).Grown(s.account(v.teams))
}

// warned says besides what an act has done what it comes to; that stays until it is
// read.
func warned(said ui.ToastProps, before, warning string) ui.ToastProps {
	if warning == "" {
		return said
	}
	said.Text += " " + before + warning
	if said.Next == "" {
		said.Next, said.Label = "/quotas", "See quotas"
	}
	return said
}

// defaultQuotaWarning is the same of one more team that keeps the default quota.
func (s *Server) defaultQuotaWarning(v viewer, in teams.Input) string {
	one := portal.Team{Name: "(new)", Quota: nodesTyped(in)}
	return s.account(append(slices.Clone(v.teams), one)).Warning()
}

// nodesTyped is the limit on all nodes that was typed, without the others.
func nodesTyped(in teams.Input) portal.Quota {
	most, _ := portal.AllNodes.Typed()
	for _, f := range teams.QuotaFields() {
		if n, ok := portal.ParseNumber(strings.TrimSpace(in.Quota[f.Name]), 0, most); f.Item == portal.AllNodes && ok {
			return portal.Quota{Limits: map[portal.Item]int{portal.AllNodes: n}}
		}
	}
	return portal.Quota{}
}
