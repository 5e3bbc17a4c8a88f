package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
)

// createCluster submits the form for a new cluster, changes its number of pools, or
// saves it as a template.
func (s *Server) createCluster(c *gin.Context, v viewer) error {
	form := portal.Form(c.Request.PostForm)
	switch action := form.Get("action"); {
	case action == "name-template":
		return s.nameTemplate(c, v, form, nil)
	case action == "save-template":
		return s.saveTemplate(c, v, form)
	case changePools(form, action):
		return s.showChange(c, v, http.StatusOK, create.ask(c), nil)
	}
	return s.submit(create)(c, v)
}

// changePools does what the buttons beside the pools ask for, and reports
// whether one of them was pressed.
func changePools(form portal.Form, action string) bool {
	count := form.Pools()
	if action == "add-pool" {
		form.Set(fmt.Sprintf("pools[%d].name", count), fmt.Sprintf("pool-%d", count+1))
		form.Set(fmt.Sprintf("pools[%d].count", count), "1")
		if count > 0 { // most clusters have nodes of one size
			form.Set(fmt.Sprintf("pools[%d].size", count), form.Get(fmt.Sprintf("pools[%d].size", count-1)))
		}
		return true
	}
	nr, ok := strings.CutPrefix(action, "remove-pool-")
	if !ok {
		return false
	}
	if i, ok := portal.ParseNumber(nr, 0, count-1); ok {
		removePool(form, i, count)
	}
	return true
}

// removePool takes out a pool and moves up those behind it.
func removePool(form portal.Form, i, count int) {
	for ; i < count; i++ {
		here, next := fmt.Sprintf("pools[%d].", i), fmt.Sprintf("pools[%d].", i+1)
		for name := range form {
			if strings.HasPrefix(name, here) {
				delete(form, name)
			}
		}
		for name, values := range form {
			if field, ok := strings.CutPrefix(name, next); ok {
				form[here+field] = values
			}
		}
	}
}
