package request_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// One person cannot make requests without end: everybody concerned is told of
// each, and all are kept.
func TestRequestsOfOnePersonAreBounded(t *testing.T) {
	t.Parallel()
	c := setup(t, doapi.UpdateCluster{})
	submit := func(who portal.Actor) error {
		_, err := c.service.Submit(t.Context(), who, request.SubmitInput{
			Operation: portal.RunClusterlint, ClusterID: c.live.ID, Form: portal.Form{"submit_key": {uuid.NewString()}}})
		return err
	}
	made := 0
	for range 150 {
		err := submit(c.member)
		if portal.Is(err, portal.KindLimited) {
			break
		}
		must(t, err)
		made++
	}
	if made != 100 {
		t.Errorf("one person has made %d requests at once", made)
	}
	other := c.member
	other.Subject = "bob"
	must(t, submit(other))
}

// What is typed into a request is kept several times over, for good: so it is
// bounded, and a large one counts as several.
func TestSizeOfRequests(t *testing.T) {
	t.Parallel()
	c := setup(t, doapi.UpdateCluster{})
	submit := func(size int) error {
		ask := c.asks()
		ask.Form["junk"] = []string{strings.Repeat("x", size)}
		_, err := c.service.Submit(t.Context(), c.member, ask)
		return err
	}
	err := submit(portal.MaxForm)
	if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "junk" {
		t.Errorf("one of more than it may be: %v", err)
	}
	made := 0
	for ; made < 100; made++ {
		err := submit(portal.MaxForm - 1000)
		if portal.Is(err, portal.KindLimited) {
			break
		}
		must(t, err)
	}
	if most := 100 / 16; made > most {
		t.Errorf("%d large requests were made at once, %d may be", made, most)
	}
}

// Nobody pushes what others say about a request off its page.
func TestCommentsOfOnePersonAreBounded(t *testing.T) {
	t.Parallel()
	c := setup(t, doapi.UpdateCluster{})
	r, err := c.service.Submit(t.Context(), c.member, c.asks())
	must(t, err)
	said := 0
	for ; said < 60; said++ {
		err := c.service.Comment(t.Context(), c.member, r.Number, uuid.NewString(), "noise")
		if portal.Is(err, portal.KindLimited) {
			break
		}
		must(t, err)
	}
	if said != 30 {
		t.Errorf("one person has said %d things", said)
	}
	other := c.member
	other.Subject = "bob"
	must(t, c.service.Comment(t.Context(), other, r.Number, uuid.NewString(), "stop"))
}
