package portal

import (
	"slices"
	"strings"
)

// Fact is something about a request's target that the decision on it rests on.
// A request whose target no longer fits its facts is not carried out.
type Fact struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

// Drift says in plain words how facts have changed since they were planned
// with, empty when they have not.
func Drift(planned, now []Fact) string {
	var differences []string
	for _, was := range planned {
		i := slices.IndexFunc(now, func(f Fact) bool { return f.What == was.What })
		switch {
		case i < 0:
			differences = append(differences, was.What+" was "+was.Value+" and is gone")
		case now[i].Value != was.Value:
			differences = append(differences, was.What+" was "+was.Value+" and is "+now[i].Value)
		}
	}
	for _, is := range now {
		if !slices.ContainsFunc(planned, func(f Fact) bool { return f.What == is.What }) {
			differences = append(differences, is.What+" is new: "+is.Value)
		}
	}
	if len(differences) == 0 {
		return ""
	}
	return "The target has changed: " + strings.Join(differences, "; ") + "."
}
