package portal

import (
	"reflect"
	"testing"
)

func TestCanGive(t *testing.T) {
	who := func(name string, groups ...string) Approver {
		return Approver{Person: Person{Identity: Identity{Issuer: "i", Subject: name}, Name: name}, Groups: groups}
	}
	asker, decided, able, elsewhere := who("asker", "dba"), who("decided", "dba"), who("able", "dba"), who("elsewhere", "web")
	r := Request{Requester: asker.Person, Revision: 2, Reviews: []Review{
		{Reviewer: decided.Person, Revision: 2, Decision: ReviewApprove},
		{Reviewer: able.Person, Revision: 1, Decision: ReviewApprove},
	}}
	got := r.CanGive(ApprovalRule{Count: 1, Groups: []string{"dba", "ops"}}, []Approver{asker, decided, able, elsewhere})
	if !reflect.DeepEqual(got, []Approver{able}) {
		t.Errorf("%v can give it", got)
	}
}

func TestChangesBetween(t *testing.T) {
	before := []Change{{"Nodes", "1", "2"}, {"Name", "", "web"}, {"Label", "", "x"}}
	after := []Change{{"Nodes", "1", "3"}, {"Name", "", "web"}, {"Tag", "", "y"}}
	want := []Change{{"Nodes", "2", "3"}, {"Label", "x", ""}, {"Tag", "", "y"}}
	if got := ChangesBetween(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ChangesBetween(before, before); got != nil {
		t.Errorf("no difference is %v", got)
	}
}
