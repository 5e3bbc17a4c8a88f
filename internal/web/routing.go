package web

import (
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views"
)

// Keys of what routes say about themselves.
const (
	keyFormPage = "form page"
	keyPart     = "part"
)

// panel shows a problem in the place of a part of a page.
type panel func(problem string) templ.Component

// formOn names the page on which the form is that is sent to a route. It is a
// part of the route's own path; a route that does not say so is that page.
func formOn(page string) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set(keyFormPage, page) }
}

// part says that a route answers with a part of a page, and how an error is
// shown there; nil: not at all.
func part(p panel) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set(keyPart, p) }
}

func partOf(c *gin.Context) (panel, bool) {
	value, ok := c.Get(keyPart)
	p, _ := value.(panel)
	return p, ok
}

// formPage is the address of the page on which the form is that was sent. A
// reader who has to sign in comes back there.
func formPage(c *gin.Context) string {
	path := c.Request.URL.EscapedPath()
	page := c.GetString(keyFormPage)
	if page == "" {
		return path
	}
	segments := strings.Split(path, "/")
	return strings.Join(segments[:min(len(segments), strings.Count(page, "/")+1)], "/")
}

func planPanel(problem string) templ.Component { return views.PlanPanel(portal.Plan{}, problem) }

func trialPanel(problem string) templ.Component {
	return views.PolicyTrialPart(views.PolicyTrial{Problem: problem})
}

func policyPanel(problem string) templ.Component {
	return views.PolicyPanel(true, views.PolicyCheck{}, problem)
}
