package request_test

import (
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
