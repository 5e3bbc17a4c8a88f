package portal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// Digests tell snapshots apart exactly where something is listed as changed, and what
// was gained from one to another is lost on the way back.
func TestAccessChangesAndDigests(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	rights := func() (list []portal.AccessRight) {
		for _, kind := range []portal.AccessKind{portal.AccessRole, portal.AccessMember, portal.AccessStandIn} {
			if random.IntN(2) == 0 {
				list = append(list, portal.AccessRight{Kind: kind, Of: "a", Group: fmt.Sprint(random.IntN(2))})
			}
		}
		return list
	}
	snapshot := func() (s portal.AccessSnapshot) {
		for i := range 2 {
			if random.IntN(3) > 0 {
				s.People = append(s.People, portal.AccessPerson{Issuer: "i", Subject: fmt.Sprint(i), Name: fmt.Sprint(random.IntN(9)), Rights: rights(), Sessions: random.IntN(9), SeenAt: time.Now()})
			}
		}
		if random.IntN(2) == 0 {
			s.Groups = append(s.Groups, portal.AccessGroup{Group: "g", Gives: rights(), People: random.IntN(9)})
		}
		return s
	}
	count := func(list []portal.AccessChange) (gained, lost, added, gone int) {
		for _, c := range list {
			gained, lost = gained+len(c.Gained), lost+len(c.Lost)
			if c.Added {
				added++
			}
			if c.Gone {
				gone++
			}
		}
		return gained, lost, added, gone
	}
	same := 0
	for range 20_000 {
		a, b := snapshot(), snapshot()
		there, back := portal.AccessChanges(a, b), portal.AccessChanges(b, a)
		if (len(there) == 0) != (a.Digest() == b.Digest()) {
			t.Fatalf("%+v and %+v have the changes %+v", a, b, there)
		}
		gained, lost, added, gone := count(there)
		if g, l, n, o := count(back); g != lost || l != gained || n != gone || o != added {
			t.Fatalf("from %+v to %+v: %+v, and back: %+v", a, b, there, back)
		}
		if len(there) == 0 {
			same++
		}
	}
	if same == 0 {
		t.Error("no two snapshots are the same")
	}
}
