package web

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

// labelCache keeps the labels of groups for a moment, since every page needs
// them and they hardly ever change.
type labelCache struct {
	mu     sync.Mutex
	labels portal.GroupLabels
	until  time.Time
}

const labelsFor = 10 * time.Second

// groupLabels returns the labels, those of other replicas at most labelsFor old.
func (s *Server) groupLabels(ctx context.Context) (portal.GroupLabels, error) {
	if labels, ok := s.labels.find(s.Now()); ok {
		return labels, nil
	}
	labels, err := store.GroupLabels(ctx, s.Pool)
	if err == nil {
		s.labels.keep(labels, s.Now().Add(labelsFor))
	}
	return labels, err
}

func (c *labelCache) find(now time.Time) (portal.GroupLabels, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.labels, now.Before(c.until)
}

func (c *labelCache) keep(labels portal.GroupLabels, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.labels, c.until = labels, until
}

func (s *Server) groups(c *gin.Context, v viewer) error {
	return s.showGroups(c, v, http.StatusOK, views.GroupForm{}, nil)
}

func (s *Server) labelGroup(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	form := views.GroupForm{Group: f.Get("group"), Label: f.Typed("label")}
	err := s.Teams.LabelGroup(c.Request.Context(), v.actor, form.Group, form.Label)
	if portal.Is(err, portal.KindInvalid) {
		return s.showGroups(c, v, status(err), form, err)
	}
	if err != nil {
		return err
	}
	s.labels.keep(nil, time.Time{})
	if form.Label == "" {
		return s.flash(c, "/admin/groups", ui.ToastProps{Text: "Group " + form.Group + " has no label."})
	}
	return s.flash(c, "/admin/groups", ui.ToastProps{Text: "Group " + form.Group + " is called “" + form.Label + "”."})
}

func (s *Server) showGroups(c *gin.Context, v viewer, code int, form views.GroupForm, problem error) error {
	p := views.GroupsPage{Page: s.page(c, v, "Groups"), Typed: form, Faults: portal.FieldErrorsOf(problem)}
	rules, err := s.Requests.Rules.InForce(c.Request.Context(), s.Pool)
	if err != nil {
		return err
	}
	labels, err := s.groupLabels(c.Request.Context())
	if err != nil {
		return err
	}
	uses := map[string][]string{}
	use := func(group, what string) {
		if group != "" {
			uses[group] = append(uses[group], what)
		}
	}
	for group := range labels {
		uses[group] = nil
	}
	for role, group := range s.Auth.RoleGroups() {
		use(group, string(role)+"s")
	}
	for _, t := range v.teams {
		use(t.MemberGroup, "members of team "+t.Name)
		use(t.ApproverGroup, "approvers of team "+t.Name)
	}
	for _, group := range rules.Groups() {
		use(group, "named by the policy")
	}
	for _, group := range slices.Sorted(maps.Keys(uses)) {
		slices.Sort(uses[group])
		p.Groups = append(p.Groups, views.GroupUse{Name: group, Label: labels[group], Uses: uses[group]})
	}
	s.render(c, code, views.Groups(p))
	return nil
}
