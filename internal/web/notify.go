package web

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/db"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/views"
	"doksportal/views/ui"
)

// owned is whose channels a page changes.
type owned struct {
	owner portal.Owner
	page  string // that shows them
	base  string // path below which they are changed
}

func (s *Server) ownChannels(_ *gin.Context, v viewer) (owned, error) {
	return owned{portal.Owner{Person: v.actor.Identity}, "/me", "/me/channels"}, nil
}

func (s *Server) teamChannels(c *gin.Context, _ viewer) (owned, error) {
	team, err := store.TeamBySlug(c.Request.Context(), s.Pool, db.Text(c.Param("slug")))
	path := "/admin/teams/" + team.Slug
	return owned{portal.Owner{TeamID: team.ID}, path, path + "/channels"}, err
}

// whose finds out whose channels a request is about.
type whose func(c *gin.Context, v viewer) (owned, error)

// addChannel adds a channel. A webhook's secret is shown in the answer, which
// nothing on the way may keep.
func (s *Server) addChannel(find whose) personal {
	return func(c *gin.Context, v viewer) error {
		o, err := find(c, v)
		if err != nil {
			return err
		}
		f := c.Request.PostForm
		in := notify.Input{Kind: f.Get("kind"), Target: f.Get("target"), Topics: f["topics"]}
		secret, err := s.Notify.Add(c.Request.Context(), v.actor, o.owner, in)
		switch {
		case portal.Is(err, portal.KindInvalid):
			return s.showChannels(c, v, o, in, err)
		case err != nil:
			return err
		case secret == "":
			return s.flash(c, o.page, ui.ToastProps{Text: "The channel is added. Send a test to see that it works."})
		}
		c.Header("Cache-Control", "no-store")
		s.render(c, http.StatusOK, views.ChannelSecret(views.ChannelSecretPage{Page: s.page(c, v, "Webhook added"), Secret: secret, Back: o.page}))
		return nil
	}
}

// showChannels shows the owner's page with what is wrong with a new channel.
func (s *Server) showChannels(c *gin.Context, v viewer, o owned, in notify.Input, problem error) error {
	form := views.ChannelForm{Kind: in.Kind, Target: in.Target}
	for _, name := range in.Topics {
		form.Topics = append(form.Topics, portal.Topic(name))
	}
	if o.owner.TeamID == "" {
		return s.showMe(c, v, status(problem), meForms{channel: form, channelProblem: problem})
	}
	team, err := store.TeamBySlug(c.Request.Context(), s.Pool, db.Text(c.Param("slug")))
	if err != nil {
		return err
	}
	p, err := s.teamPage(c, v, "Team "+team.Slug, teams.FormOf(team))
	if err != nil {
		return err
	}
	if p.Channels, err = s.channelsPanel(c, o, form, problem); err != nil {
		return err
	}
	s.render(c, status(problem), views.Team(p))
	return nil
}

func (s *Server) removeChannel(find whose) personal {
	return s.changeChannel(find, s.Notify.Remove, "The channel is removed.")
}

func (s *Server) testChannel(find whose) personal {
	return s.changeChannel(find, s.Notify.Test, "A test is on its way. Reload the page in a moment to see whether it arrived.")
}

// changeChannel does something with one channel and shows its page again.
func (s *Server) changeChannel(find whose, do func(context.Context, portal.Actor, portal.Owner, string) error, done string) personal {
	return func(c *gin.Context, v viewer) error {
		o, err := find(c, v)
		if err != nil {
			return err
		}
		id, err := pathID(c, "channel")
		if err != nil {
			return err
		}
		if err := do(c.Request.Context(), v.actor, o.owner, id); err != nil {
			return err
		}
		return s.flash(c, o.page, ui.ToastProps{Text: done})
	}
}

func (s *Server) channelsPanel(c *gin.Context, o owned, form views.ChannelForm, problem error) (views.ChannelsPanel, error) {
	p := views.ChannelsPanel{
		Base: o.base, Form: form, Faults: portal.FieldErrorsOf(problem),
		Kinds: s.Notify.Kinds(o.owner),
	}
	if problem == nil {
		p.Form.Topics = portal.Topics
	}
	var err error
	p.Channels, err = s.Notify.Channels(c.Request.Context(), o.owner)
	return p, err
}

// chooseMail keeps what the reader wants to be told by e-mail.
func (s *Server) chooseMail(c *gin.Context, v viewer) error {
	f := c.Request.PostForm
	if err := s.Notify.Choose(c.Request.Context(), v.actor, f.Get("mail") != "", f["topics"]); err != nil {
		return err
	}
	return s.flash(c, "/me", ui.ToastProps{Text: "What you are told by e-mail is saved."})
}

func (s *Server) undelivered(c *gin.Context, v viewer) error {
	p := views.UndeliveredPage{Page: s.page(c, v, "Notifications"), NoMail: !s.Notify.CanMail()}
	list, err := s.Notify.Undelivered(c.Request.Context(), v.actor, beforeID(c), pageSize+1)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		p.Next = nextEvents(c, list[pageSize-1].ID)
	}
	p.Deliveries = list
	s.render(c, http.StatusOK, views.Undelivered(p))
	return nil
}

// decideDelivery does something with one delivery and shows the list again.
func (s *Server) decideDelivery(do func(context.Context, portal.Actor, string) error, done string) personal {
	return func(c *gin.Context, v viewer) error {
		id, err := pathID(c, "id")
		if err != nil {
			return err
		}
		if err := do(c.Request.Context(), v.actor, id); err != nil {
			return err
		}
		return s.flash(c, "/admin/notifications", ui.ToastProps{Text: done})
	}
}
