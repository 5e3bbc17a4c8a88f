package web

import (
	"io/fs"

	"github.com/gin-gonic/gin"
)

// routes lists every page.
func (s *Server) routes(e *gin.Engine, assets fs.FS) {
	e.Use(s.observe, s.secure)
	e.NoRoute(s.handle(s.notFound))
	e.NoMethod(s.handle(s.notAllowed))

	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	e.GET("/static/*file", serveAssets(assets))

	e.Use(s.bound, s.session, s.limit, s.protect)
	if s.Demo {
		e.Use(s.noteStop)
	}
	e.GET("/login", s.handle(s.login))
	e.GET("/auth/callback", s.handle(s.callback))
	e.POST("/logout", s.handle(s.logout))
	e.GET("/signed-out", s.handle(s.signedOut))

	e.GET("/step-up", s.signedIn(s.stepUp))

	e.GET("/", s.signedIn(s.home))
	e.GET("/about", s.signedIn(s.about))
	e.GET("/me", s.signedIn(s.me))
	e.GET("/me/sign-in", s.signedIn(s.signInReport))
	e.POST("/me/notifications", formOn("/me"), s.signedIn(s.chooseMail))
	e.POST("/me/time-zone", formOn("/me"), s.signedIn(s.chooseZone))
	e.POST("/me/channels", formOn("/me"), s.signedIn(s.addChannel(s.ownChannels)))
	e.POST("/me/channels/:channel/test", formOn("/me"), s.signedIn(s.testChannel(s.ownChannels)))
	e.POST("/me/channels/:channel/remove", formOn("/me"), s.signedIn(s.removeChannel(s.ownChannels)))
	e.POST("/me/sessions/:session/end", formOn("/me"), s.signedIn(s.endOwnSession))
	e.POST("/me/sessions/end-others", formOn("/me"), s.signedIn(s.endOtherSessions))
	e.POST("/me/delegations", formOn("/me"), s.signedIn(s.delegate))
	e.POST("/me/delegations/:id/end", formOn("/me"), s.signedIn(s.endDelegation("/me")))
	e.GET("/events", s.welcome(s.events))

	e.GET("/quotas", s.welcome(s.quotas))
	e.GET("/quotas.csv", s.welcome(s.quotasCSV))
	e.GET("/quotas/orphans", s.welcome(s.listOrphans))
	e.GET("/quotas/orphans.csv", s.welcome(s.orphansCSV))
	e.GET("/quotas/orphans/resolve", s.welcome(s.chooseOrphans))
	e.POST("/quotas/orphans/resolve", s.welcome(s.resolveOrphans))
	e.GET("/clusters", s.welcome(s.clusters))
	e.GET("/clusters/new", s.welcome(s.open(create)))
	e.POST("/clusters/new", s.welcome(s.createCluster))
	e.GET("/clusters/selected", s.welcome(s.selected))
	e.GET("/clusters/templates", s.welcome(s.templates))
	e.POST("/clusters/templates/:template/rename", formOn("/clusters/templates"), s.welcome(s.renameTemplate))
	e.POST("/clusters/templates/:template/delete", formOn("/clusters/templates"), s.welcome(s.deleteTemplate))
	e.GET("/clusters/:id", s.welcome(s.cluster))
	e.GET("/clusters/:id/pools", s.welcome(s.pools))
	e.GET("/clusters/:id/pools/:pool", s.welcome(s.pool))
	e.GET("/clusters/:id/activity", s.welcome(s.activity))
	e.GET("/clusters/:id/diagnostics", s.welcome(s.diagnostics))
	e.POST("/clusters/:id/diagnostics", s.welcome(s.runLint))
	e.GET("/clusters/:id/access", s.welcome(s.access))
	e.POST("/clusters/:id/access", s.welcome(s.askAccess))
	for _, ch := range changes {
		e.GET(ch.path, s.welcome(s.open(ch)))
		e.POST(ch.path, s.welcome(s.submit(ch)))
	}
	for _, ch := range append([]change{create, lint, access}, changes...) {
		e.POST(ch.path+"/plan", formOn(ch.path), part(planPanel), s.welcome(s.plan(ch)))
	}

	e.GET("/requests", s.welcome(s.requests))
	s.requestRoutes(e)
	s.campaignRoutes(e)

	e.GET("/inbox", s.welcome(s.inbox))
	e.GET("/inbox/count", part(nil), s.welcome(s.inboxCount))

	e.GET("/search", s.welcome(s.search))
	e.GET("/search/found", part(nil), s.welcome(s.found))

	e.GET("/catalogue", s.signedIn(s.catalogue))

	e.GET("/audit", s.welcome(s.audit))
	e.GET("/audit/checkpoint", s.welcome(s.checkpoint))
	e.GET("/audit/export", s.welcome(s.exportAudit))
	e.GET("/audit/events/:event", s.welcome(s.event))
	e.GET("/audit/cases/:number", s.auditor(s.caseFile))
	e.GET(reviewsPage, s.auditor(s.reviews))
	e.POST(reviewsPage+"/quiet", formOn(reviewsPage), s.auditor(s.signQuietDays))
	e.GET(reviewsPage+"/:day", s.auditor(s.reviewDay))
	e.POST(reviewsPage+"/:day", s.auditor(s.signDay))
	e.GET(reconciliationPage, s.auditor(s.reconciliation))
	e.GET(reconciliationPage+".csv", s.auditor(s.reconciliationCSV))
	e.GET(reconciliationPage+"/resolve", s.auditor(s.chooseChanges))
	e.POST(reconciliationPage+"/resolve", s.auditor(s.reconcile))
	e.GET(accessPage, s.auditor(s.accessToday))
	e.GET(accessPage+".csv", s.auditor(s.accessCSV))
	e.GET(accessPage+"/sign", s.auditor(s.chooseSignature))
	e.POST(accessPage+"/sign", s.auditor(s.signAccess))
	e.GET(accessPage+"/reviews/:review", s.auditor(s.accessReview))
	e.GET(accessPage+"/reviews/:review/csv", s.auditor(s.accessReviewCSV))
	e.GET(accessPage+"/reviews/:review/snapshot", s.auditor(s.accessReviewSnapshot))
	e.POST("/audit/searches", formOn("/audit"), s.welcome(s.saveSearch))
	e.POST("/audit/searches/:search/delete", formOn("/audit"), s.welcome(s.deleteSearch))

	s.adminRoutes(e)
	if s.Demo {
		e.GET("/ui", s.signedIn(s.gallery))
	}
}

// requestRoutes lists what can be done with one request.
func (s *Server) requestRoutes(e *gin.Engine) {
	e.GET("/requests/:number", s.welcome(s.request))
	for action, h := range s.requestActions() {
		e.POST("/requests/:number/"+action, formOn("/requests/:number"), s.welcome(s.act(action, h)))
		e.GET("/requests/:number/"+action, s.welcome(s.back)) // reloaded, or gone back to
	}
	e.POST("/requests/:number/collect", formOn("/requests/:number"), s.welcome(s.collect))
	e.GET("/requests/:number/collect", s.welcome(s.back))
	e.POST("/requests/:number/replan", formOn("/requests/:number"), s.welcome(s.replan))
	e.GET("/requests/:number/replan", s.welcome(s.back))
	e.GET("/requests/:number/revise", s.welcome(s.openRevision))
	e.POST("/requests/:number/revise", s.welcome(s.revise))
	e.POST("/requests/:number/revise/plan", formOn("/requests/:number/revise"), part(planPanel), s.welcome(s.planRevision))
}

// campaignRoutes lists the pages of campaigns.
func (s *Server) campaignRoutes(e *gin.Engine) {
	e.GET("/campaigns", s.welcome(s.campaigns))
	e.GET("/campaigns/new", s.welcome(s.openCampaign))
	e.POST("/campaigns/new", s.welcome(s.submitCampaign))
	e.GET("/campaigns/:number", s.welcome(s.campaign))
	for action, do := range s.campaignActions() {
		e.POST("/campaigns/:number/"+action, formOn("/campaigns/:number"), s.welcome(s.onCampaign(do)))
	}
}

// adminRoutes lists the pages that only admins see, and a few that auditors may read.
func (s *Server) adminRoutes(e *gin.Engine) {
	e.GET("/admin/teams", s.auditor(s.teams))
	e.GET("/admin/default-quota", s.admin(s.defaultQuota))
	e.POST("/admin/default-quota", s.admin(s.setDefaultQuota))
	e.GET("/admin/teams/new", s.admin(s.newTeam))
	e.POST("/admin/teams/new", s.admin(s.createTeam))
	e.GET("/admin/teams/:slug", s.auditor(s.team))
	e.POST("/admin/teams/:slug", s.admin(s.updateTeam))
	e.POST("/admin/teams/:slug/channels", formOn("/admin/teams/:slug"), s.admin(s.addChannel(s.teamChannels)))
	e.POST("/admin/teams/:slug/channels/:channel/test", formOn("/admin/teams/:slug"), s.admin(s.testChannel(s.teamChannels)))
	e.POST("/admin/teams/:slug/channels/:channel/remove", formOn("/admin/teams/:slug"), s.admin(s.removeChannel(s.teamChannels)))
	e.GET("/admin/notifications", s.admin(s.undelivered))
	e.POST("/admin/notifications/:id/retry", formOn("/admin/notifications"), s.admin(s.decideDelivery(s.Notify.TryAgain, "It is tried again.")))
	e.POST("/admin/notifications/:id/give-up", formOn("/admin/notifications"), s.admin(s.decideDelivery(s.Notify.GiveUp, "It is given up.")))
	e.GET("/admin/sessions", s.admin(s.allSessions))
	e.POST("/admin/sessions/:session/end", formOn("/admin/sessions"), s.admin(s.endSession))
	e.POST("/admin/sessions/:session/end-all", formOn("/admin/sessions"), s.admin(s.endSessionsOfOwner))
	e.GET("/admin/clusters", s.admin(s.ownership))
	e.POST("/admin/clusters", s.admin(s.assign))
	e.GET("/admin/clusters/assign", s.admin(s.selected)) // where a fresh sign-in leads back to
	e.POST("/admin/clusters/assign", s.admin(s.assignSeveral))
	e.GET("/admin/clusters/rules", s.admin(s.ownershipRules))
	e.POST("/admin/clusters/rules", s.admin(s.addRule))
	e.POST("/admin/clusters/rules/:rule/remove", formOn("/admin/clusters/rules"), s.admin(s.removeRule))
	e.GET("/admin/groups", s.admin(s.groups))
	e.POST("/admin/groups", s.admin(s.labelGroup))
	e.GET("/admin/delegations", s.admin(s.delegations))
	e.POST("/admin/delegations/:id/end", formOn("/admin/delegations"), s.admin(s.endDelegation("/admin/delegations")))
	e.GET("/admin/changes", s.admin(s.changes))
	e.POST("/admin/changes/:id/accept", formOn("/admin/changes"), s.admin(s.decideChange(s.Teams.Accept, "accepted")))
	e.POST("/admin/changes/:id/drop", formOn("/admin/changes"), s.admin(s.decideChange(s.Teams.Drop, "dropped")))
	e.GET("/admin/queue", s.auditor(s.queue))
	e.POST("/admin/queue/pause", formOn("/admin/queue"), s.admin(s.pauseExecution))
	e.POST("/admin/queue/:number/step", formOn("/admin/queue"), s.admin(s.takeStep))
	e.POST("/admin/queue/resume", formOn("/admin/queue"), s.admin(s.resumeExecution))
	e.GET("/admin/policy", s.auditor(s.policy))
	e.POST("/admin/policy", s.admin(s.proposePolicy))
	e.POST("/admin/policy/check", formOn("/admin/policy"), part(policyPanel), s.admin(s.checkPolicy))
	e.POST("/admin/policy/try", formOn("/admin/policy"), part(trialPanel), s.admin(s.checkTrial))
	e.GET("/admin/policy/:version", s.auditor(s.policyVersion))
	e.POST("/admin/policy/:version/decide", formOn("/admin/policy"), s.admin(s.decidePolicy))
}
