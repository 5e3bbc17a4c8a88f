package web

import "github.com/gin-gonic/gin"

// Routes lists the routes for the test that walks them all.
func (s *Server) Routes() gin.RoutesInfo { return s.handler.(*gin.Engine).Routes() }
