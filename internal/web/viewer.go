package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// viewer is the signed-in reader of a page.
type viewer struct {
	actor portal.Actor
	teams []portal.Team // that the reader may see by a group of their own or by a role
	named bool          // the policy asks for approvals of a group of theirs, by its name
	inbox int           // how much waits for them; only known for pages that are opened
}

// belongs reports whether the viewer has anything to do with the portal.
func (v viewer) belongs() bool { return len(v.teams) > 0 || len(v.actor.Roles) > 0 || v.named }

// teamIDs are the ids of the viewer's teams.
func (v viewer) teamIDs() []string {
	ids := make([]string, len(v.teams))
	for i, t := range v.teams {
		ids[i] = t.ID
	}
	return ids
}

// memberTeams are the teams that the viewer may ask on behalf of.
func (v viewer) memberTeams() []portal.Team {
	var list []portal.Team
	for _, t := range v.teams {
		if v.actor.MemberOf(t) {
			list = append(list, t)
		}
	}
	return list
}

// personal is a page for a signed-in reader.
type personal func(c *gin.Context, v viewer) error

// signedIn sends everybody else to sign in. Readers who are about to change
// something must have fresh groups.
func (s *Server) signedIn(h personal) gin.HandlerFunc {
	return s.handle(func(c *gin.Context) error {
		actor, ok := auth.ActorFrom(c.Request.Context())
		if !ok {
			return s.requireSignIn(c)
		}
		if c.Request.Method == http.MethodPost {
			var err error
			if actor, err = s.Auth.Fresh(c.Request); err != nil {
				return err
			}
			if err := parseForm(c.Request); err != nil {
				return err
			}
			if _, preview := partOf(c); !preview {
				if err := s.limitActs(c, actor); err != nil {
					return err
				}
			}
		}
		teams, err := store.Teams(c.Request.Context(), s.Pool)
		if err != nil {
			return err
		}
		c.Request = c.Request.WithContext(s.withGroups(c.Request.Context(), actor, teams))
		v := viewer{actor: actor}
		for _, t := range teams {
			if actor.CanSee(t) {
				v.teams = append(v.teams, t)
			}
		}
		if !v.belongs() {
			rules, err := s.Requests.Rules.InForce(c.Request.Context(), s.Pool)
			if err != nil {
				return err
			}
			v.named = rules.Names(actor.Groups)
		}
		if c.FullPath() != "/events" {
			labels, err := s.groupLabels(c.Request.Context())
			if err != nil {
				return err
			}
			c.Request = c.Request.WithContext(views.WithGroupLabels(c.Request.Context(), labels))
		}
		if err := s.readAround(c, &v); err != nil {
			return err
		}
		return h(c, v)
	})
}

// readAround reads what every page shows beside what it is about: how much waits for its
// reader, and why nothing is sent to DigitalOcean.
func (s *Server) readAround(c *gin.Context, v *viewer) error {
	ctx := c.Request.Context()
	if c.FullPath() == "/events" {
		return nil
	}
	if c.Request.Method != http.MethodGet {
		pauses, err := store.Pauses(ctx, s.Pool)
		s.keepPauses(c, *v, pauses)
		return err
	}
	if err := s.noteVisit(c, v.actor); err != nil {
		return err
	}
	around, err := store.ReadAround(ctx, s.Pool, v.actor, s.Now(), views.InboxMost+1)
	v.inbox = around.Waiting
	s.keepPauses(c, *v, around.Pauses)
	return err
}

// keepPauses has the page say why nothing is sent to DigitalOcean, to who has to do with
// that. A try that is due is made by the next request that comes, whenever that is.
func (s *Server) keepPauses(c *gin.Context, v viewer, pauses []portal.Pause) {
	if !v.belongs() {
		return
	}
	for i := range pauses {
		if !pauses[i].NextTryAt.After(s.Now()) {
			pauses[i].NextTryAt = time.Time{}
		}
	}
	c.Set(keyPauses, pauses)
}

// keyPauses is under which a request has why nothing is sent to DigitalOcean, also for
// the page of an error.
const keyPauses = "pauses"

// pausesOf are why nothing is sent to DigitalOcean, where that is known.
func pausesOf(c *gin.Context) []portal.Pause {
	pauses, _ := c.Value(keyPauses).([]portal.Pause)
	return pauses
}

// withGroups has events say which groups of the actor gave anything then.
func (s *Server) withGroups(ctx context.Context, actor portal.Actor, teams []portal.Team) context.Context {
	roles := slices.Collect(maps.Values(s.Auth.RoleGroups()))
	var giving []string
	for _, group := range actor.Groups {
		if slices.Contains(roles, group) || slices.ContainsFunc(teams, func(t portal.Team) bool { return t.MemberGroup == group || t.ApproverGroup == group }) {
			giving = append(giving, group)
		}
	}
	return audit.WithGroups(ctx, giving)
}

// welcome keeps out readers who belong to nothing, and tells them why.
func (s *Server) welcome(h personal) gin.HandlerFunc {
	return s.signedIn(func(c *gin.Context, v viewer) error {
		if !v.belongs() {
			return s.noAccess(c, v)
		}
		return h(c, v)
	})
}

// admin keeps out everybody but admins.
func (s *Server) admin(h personal) gin.HandlerFunc {
	return s.welcome(func(c *gin.Context, v viewer) error {
		if err := v.actor.RequireAdmin(); err != nil {
			return err
		}
		return h(c, v)
	})
}

// auditor keeps out everybody but auditors and admins.
func (s *Server) auditor(h personal) gin.HandlerFunc {
	return s.welcome(func(c *gin.Context, v viewer) error {
		if err := v.actor.RequireAuditor(); err != nil {
			return err
		}
		return h(c, v)
	})
}

func (s *Server) requireSignIn(c *gin.Context) error {
	if c.Request.Method != http.MethodGet || c.GetHeader("HX-Request") != "" || c.FullPath() == "/events" {
		return portal.E(portal.KindUnauthorized, "your session has ended; sign in and try again")
	}
	c.Redirect(http.StatusSeeOther, "/login?return="+url.QueryEscape(c.Request.URL.RequestURI()))
	return nil
}

// parseForm reads a form and replaces what Postgres cannot keep.
func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return portal.E(portal.KindTooLarge, fmt.Sprintf("what you sent is larger than the limit of %d KiB for a form; shorten it and send it again", maxBody>>10), err)
		}
		return portal.E(portal.KindInvalid, "this form could not be read", err)
	}
	clean(r.PostForm)
	return nil
}

// clean leaves of what was sent what can be kept.
func clean(form url.Values) {
	for _, values := range form {
		for i, value := range values {
			values[i] = db.Text(value)
		}
	}
}

// pathID returns an id of the portal's own in the path, KindNotFound when it is
// none.
func pathID(c *gin.Context, name string) (string, error) {
	id := c.Param(name)
	if !portal.IsUUID(id) {
		return "", portal.E(portal.KindNotFound, "there is nothing with this id")
	}
	return id, nil
}

// before returns the number that a page of a list goes on below; anything else
// is the first page.
func before(c *gin.Context) int64 {
	n, _ := portal.ParseNumber[int64](query(c, "before"), 1, portal.MaxNumber)
	return n
}

// beforeID is before for lists that go by id.
func beforeID(c *gin.Context) string {
	if id := query(c, "before"); portal.IsUUID(id) {
		return id
	}
	return ""
}

// queryForm is the query of an address as if it were a form. Nothing else reads
// it: what comes from outside is cleaned in one place.
func queryForm(c *gin.Context) portal.Form {
	form := c.Request.URL.Query()
	clean(form)
	return portal.Form(form)
}

// query returns a parameter of the address.
func query(c *gin.Context, name string) string { return queryForm(c).Typed(name) }

// number returns the number in the path, KindNotFound when there is none.
func number(c *gin.Context) (int64, error) {
	n, ok := portal.ParseNumber[int64](c.Param("number"), 1, portal.MaxNumber)
	if !ok {
		return 0, portal.E(portal.KindNotFound, "there is no such request")
	}
	return n, nil
}
