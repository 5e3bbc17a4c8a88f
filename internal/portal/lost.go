package portal

import "time"

// A call whose answer was lost may be made once more, if somebody says so, after so
// many complete looks that found nothing, over at least that time.
const (
	ResendLooks = 3
	ResendAfter = 2 * time.Minute
)

// LostAttempt is the call of r whose answer was lost and whose effect is being looked
// for; ok is false when there is none.
func (r Request) LostAttempt() (a Attempt, ok bool) {
	if n := len(r.Attempts); r.State == Unknown && n > 0 && r.Attempts[n-1].Outcome == OutcomeUnknown {
		return r.Attempts[n-1], true
	}
	return Attempt{}, false
}

// SentOnceMore reports whether somebody had r sent once more.
func (r Request) SentOnceMore() bool {
	for _, a := range r.Attempts {
		if a.Outcome == OutcomeAbsent {
			return true
		}
	}
	return false
}

// ResendRefusal says why a cannot have r sent once more, nil when they can. Only what
// DigitalOcean itself would refuse to do twice is sent again: a new cluster has the
// name and the tag of the one that was lost. Its requester may, and admins.
func (r Request) ResendRefusal(a Actor) error {
	lost, ok := r.LostAttempt()
	switch {
	case a.Identity != r.Requester.Identity && !a.HasRole(RoleAdmin):
		return E(KindForbidden, "only "+r.Requester.Name+" and admins can have this sent once more")
	case !ok || r.Operation != CreateCluster:
		return E(KindConflict, "this request is "+string(r.State)+" and cannot be sent once more")
	case r.SentOnceMore():
		return E(KindConflict, "this has been sent once more already")
	case lost.Looks < ResendLooks || lost.LastLookAt.Sub(lost.FirstLookAt) < ResendAfter:
		return E(KindConflict, "the portal has not looked long enough yet; it has to find nothing for "+DurationText(ResendAfter))
	}
	return nil
}

// ChooseRefusal says why a cannot say which cluster r has made, nil when they can.
func (r Request) ChooseRefusal(a Actor) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	if _, ok := r.LostAttempt(); !ok || r.Operation != CreateCluster {
		return E(KindConflict, "this request is "+string(r.State)+"; there is no cluster to choose for it")
	}
	return nil
}
