package request

import (
	"encoding/json"
	"fmt"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

const protected = "The cluster is protected: no request can delete it until an admin of the portal lifts that."

// verdict is the policy's answer, but for what no policy can allow.
func verdict(rules *policy.Policy, in policy.Input) portal.Verdict {
	if in.Change.Operation.Deletes() && in.Cluster.Protected {
		return portal.Verdict{Decision: portal.Deny, Reason: protected, Policy: rules.Version}
	}
	return rules.Judge(in)
}

// Rejudge says in plain words how the policy's answer to a request has changed
// since it was planned, empty when it has not. now puts what may have changed
// into what it was judged by.
func Rejudge(rules *policy.Policy, r portal.Request, now func(*policy.Input)) (string, error) {
	if r.Judged == nil {
		return "It was planned by an earlier version of the portal.", nil
	}
	var in policy.Input
	if err := json.Unmarshal(r.Judged, &in); err != nil {
		return "", fmt.Errorf("what request %s was judged by: %w", r.ID, err)
	}
	now(&in)
	v := verdict(rules, in)
	digest, err := portal.Digest(r.Operation, r.Params, v)
	if err != nil || digest == r.Digest {
		return "", err
	}
	return v.Differs(r.Plan.Verdict), nil
}
