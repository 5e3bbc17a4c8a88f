package audit

import (
	"context"

	"doksportal/internal/portal"
)

// Late returns the ids of those events that tell of another time than they were
// recorded at, without the trail's key having signed that they do: nothing that the
// portal does is like that, so pages say it.
func (t *Trail) Late(ctx context.Context, events []portal.Event) (map[string]bool, error) {
	late := map[string]bool{}
	for _, e := range events {
		if e.RecordedAt.Sub(e.At).Abs() > lateAfter {
			late[e.ID] = true
		}
	}
	if len(late) == 0 {
		return late, nil
	}
	rotations, err := rotations(ctx, t.Pool)
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(t.publicKeys(), rotations)
	if err != nil {
		return nil, err
	}
	list, err := ownEvents(ctx, t.Pool, portal.EventTrailTold)
	for _, own := range list {
		says, err := keys.told(own)
		if err != nil {
			continue
		}
		for _, e := range events {
			if says.First <= e.Number && e.Number <= says.Last {
				delete(late, e.ID)
			}
		}
	}
	return late, err
}
