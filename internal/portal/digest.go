package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// PlanDigest binds approvals to what they are given for: all that approvers decide
// on, and all that carrying it out goes by. Whatever of it changes in the database
// changes the digest, so that nobody can be shown one thing and agree to another.
func (r Request) PlanDigest() (string, error) {
	type decided struct {
		Operation     OperationID
		Params        Params
		Plan          Plan
		Judged        any
		TeamID        string
		Requester     Identity
		RequesterName string
		TargetIDs     []string
		TargetName    string
		Justification string
	}
	d := decided{r.Operation, r.Params, r.Plan, r.Judged, r.Team.ID, r.Requester.Identity, r.Requester.Name, r.TargetIDs, r.TargetName, r.Justification}
	if r.Operation == CreateCluster {
		d.TargetIDs = nil // the id is DigitalOcean's answer
	}
	// What is empty may be written in several ways; what is read again is
	// written in one.
	var kept decided
	b, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if len(kept.TargetIDs) == 0 {
		kept.TargetIDs = nil
	}
	if err == nil {
		b, err = json.Marshal(kept)
	}
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", r.Operation, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// CheckIntact returns KindConflict unless the request is what its digest is of, and is
// about the cluster that it would be carried out on. No use case leaves one that is not.
func (r Request) CheckIntact() error {
	only := ""
	if len(r.TargetIDs) == 1 {
		only = r.TargetIDs[0]
	}
	switch digest, err := r.PlanDigest(); {
	case err != nil:
		return err
	case digest != r.Digest || only != r.TargetID:
		return E(KindConflict, "what is kept of this request is no longer what was planned, so nobody can decide on it and it is not carried out")
	}
	return nil
}
