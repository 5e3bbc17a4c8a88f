package portal

import (
	"context"
	"time"
)

// People knows people as the identity provider describes them.
type People interface {
	// Confirm returns who the identity is and since when that is known, after
	// the provider was asked again where it can be and that was long ago. It may
	// take seconds, so it is not for transactions.
	Confirm(ctx context.Context, id Identity) (Actor, time.Time, error)
}

// GroupsFor is how old what the provider said of somebody may be for something
// to happen on their word.
const GroupsFor = 5 * time.Minute

// CheckAdmin returns KindConflict unless the provider has just confirmed that
// somebody who has proposed something still is an admin.
func CheckAdmin(ctx context.Context, people People, proposer Person, now time.Time) error {
	a, asOf, err := people.Confirm(ctx, proposer.Identity)
	switch {
	case err != nil && !Is(err, KindNotFound):
		return err
	case err != nil:
		return E(KindConflict, "the portal no longer knows "+proposer.Name+"; drop this and propose it yourself", err)
	case now.Sub(asOf) > GroupsFor:
		return E(KindConflict, "the identity provider does not confirm that "+proposer.Name+" still is an admin; ask them to sign in, or drop this and propose it yourself")
	case a.Identity != proposer.Identity || !a.HasRole(RoleAdmin):
		return E(KindConflict, proposer.Name+" is no longer an admin; drop this and propose it yourself")
	}
	return nil
}
