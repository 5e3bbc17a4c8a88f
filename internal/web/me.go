package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
	"doksportal/views"
)

func (s *Server) me(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showMe(c, v, http.StatusOK, meForms{delegation: typed})
}

// meForms are what the reader typed into the forms of their page, and what is
// wrong with that.
type meForms struct {
	channel           views.ChannelForm
	channelProblem    error
	delegation        portal.Form
	delegationProblem error
	zone              *string // nil: nothing was typed
	zoneProblem       error
}

// showMe shows the reader what the portal knows of them.
func (s *Server) showMe(c *gin.Context, v viewer, code int, forms meForms) error {
	p := s.mePage(c, v)
	p.Title = v.actor.Name
	p.Zone = &views.ZonePanel{Typed: v.actor.TimeZone, Chosen: v.actor.TimeZone, Now: s.Now(), Faults: portal.FieldErrorsOf(forms.zoneProblem)}
	if forms.zone != nil {
		p.Zone.Typed = *forms.zone
	}
	told := views.NotificationsPanel{
		Address: v.actor.Email, NoMail: !s.Notify.CanMail(),
	}
	own, err := s.ownChannels(c, v)
	if err != nil {
		return err
	}
	if told.Channels, err = s.channelsPanel(c, own, forms.channel, forms.channelProblem); err != nil {
		return err
	}
	if told.Mail, err = s.Notify.Choice(c.Request.Context(), v.actor); err != nil {
		return err
	}
	p.Notifications = &told
	if p.Sessions, err = s.Auth.Sessions(c.Request); err != nil {
		return err
	}
	if p.Delegation, err = s.delegationPanel(c, v, forms.delegation, forms.delegationProblem); err != nil {
		return err
	}
	s.render(c, code, views.Me(p))
	return nil
}

// noAccess tells readers who belong to nothing which groups were received and
// whom to ask.
func (s *Server) noAccess(c *gin.Context, v viewer) error {
	if c.FullPath() != "/" { // where everybody arrives who signs in
		s.recordRefusal(c, portal.E(portal.KindForbidden, "belongs to no team and has no role"))
	}
	p := s.mePage(c, v)
	p.Title, p.NoAccess = "No access yet", true
	s.render(c, http.StatusForbidden, views.Me(p))
	return nil
}

func (s *Server) mePage(c *gin.Context, v viewer) views.MePage {
	p := views.MePage{Page: s.page(c, v, ""), GroupsKey: s.Groups}
	p.AskWhom = "a member of the group " + s.AdminGroup
	p.Problem = auth.GroupsProblem(c.Request.Context())
	for _, t := range v.teams {
		if v.actor.MemberOf(t) {
			p.Teams = append(p.Teams, "member of "+t.Name)
		}
		if v.actor.InGroup(t.ApproverGroup) {
			p.Teams = append(p.Teams, "approver of "+t.Name)
		}
	}
	return p
}
