package request_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// Every use case, one by one, refuses whoever may not: nobody at all, somebody of
// no group, a member of another team, and those who may read only. One that is new
// is found by itself.
func TestStrangersMayNothing(t *testing.T) {
	t.Parallel()
	c := setup(t, doapi.UpdateCluster{})
	made, err := c.service.Submit(t.Context(), c.member, c.asks())
	must(t, err)
	person := func(name string, roles []portal.Role, groups ...string) portal.Actor {
		return portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: name}, Name: name, Groups: groups, Roles: roles, SignedInAt: now}
	}
	strangers := map[string]portal.Actor{
		"nobody":                   {},
		"somebody of no group":     person("bob", nil),
		"a member of another team": person("eve", nil, "search"),
		"an auditor":               person("otto", []portal.Role{portal.RoleAuditor}),
	}
	// What everybody may who sees all, and what tells readers of their own.
	seeing := []string{"VisibleRequest", "VisibleRequestID", "VisibleCluster", "Lint", "StatusMessages", "ClusterUser", "Comment", "Remind"}
	own := []string{"MemberTeams"}
	service := reflect.ValueOf(c.service)
	tried := 0
	for i := range service.NumMethod() {
		name, method := service.Type().Method(i).Name, service.Method(i)
		if in := method.Type(); in.NumIn() < 2 || in.In(1) != reflect.TypeFor[portal.Actor]() || slices.Contains(own, name) {
			continue
		}
		tried++
		for who, a := range strangers {
			if who == "an auditor" && slices.Contains(seeing, name) {
				continue
			}
			err := call(t.Context(), method, a, c, made)
			switch kind := portal.KindOf(err); kind {
			case portal.KindUnauthorized, portal.KindForbidden, portal.KindNotFound:
			default:
				t.Errorf("%s by %s: kind %v, %v", name, who, kind, err)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d use cases were found", tried)
	}
}

// asks is what the member asks for.
func (c copies) asks() request.SubmitInput {
	return request.SubmitInput{Operation: portal.RunClusterlint, ClusterID: c.live.ID, Form: portal.Form{"submit_key": {uuid.NewString()}, "justification": {"why"}}}
}

// call calls a use case on a request of the member's, or on their cluster, and
// returns its error.
func call(ctx context.Context, method reflect.Value, a portal.Actor, c copies, r portal.Request) error {
	args := []reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(a)}
	for i := 2; i < method.Type().NumIn(); i++ {
		var arg any
		switch kind := method.Type().In(i); kind {
		case reflect.TypeFor[int64]():
			arg = r.Number
		case reflect.TypeFor[int]():
			arg = r.Revision
		case reflect.TypeFor[string]():
			arg = c.live.ID
		case reflect.TypeFor[time.Time]():
			arg = now
		case reflect.TypeFor[portal.Form]():
			arg = c.asks().Form
		case reflect.TypeFor[request.SubmitInput]():
			arg = c.asks()
		case reflect.TypeFor[request.ReviewInput]():
			arg = request.ReviewInput{Number: r.Number, Revision: r.Revision, Digest: r.Digest, Decision: portal.ReviewReject, Comment: "no"}
		default:
			arg = reflect.Zero(kind).Interface()
		}
		args = append(args, reflect.ValueOf(arg))
	}
	results := method.Call(args)
	err, _ := results[len(results)-1].Interface().(error)
	return err
}
