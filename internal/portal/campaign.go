package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of campaigns.
const (
	MostMembers     = 200                // clusters of one campaign
	LongestCampaign = 7 * 24 * time.Hour // from its submission until its last wave begins
	LongestHealthy  = 24 * time.Hour     // that clusters have to be healthy between two waves
)

// CampaignOperations are the operations that a campaign carries out on many clusters.
var CampaignOperations = []OperationID{UpgradeCluster, UpdateCluster}

// Campaign is one wish for the same operation on many clusters, in waves. Each of its
// members is a request like any other; it begins only once the campaign releases it.
type Campaign struct {
	ID            string // UUIDv7
	Number        int64  // short, for people
	SubmitKey     string // made with the form, so that submitting it twice makes one campaign
	Operation     OperationID
	Summary       string // what it does to each cluster, in words
	Justification string
	Requester     Person
	Gate          Gate
	HealthyFor    time.Duration // before the next wave, for GateHealthy
	MostFailures  int           // with one more it stops
	Waves         int
	Until         time.Time // what has not begun then does not any more

	State        CampaignState
	Reason       string    // why it is in its state, in plain words
	Wave         int       // that has begun last; 0: none
	Excused      int       // failures that somebody has seen and gone on after
	HealthySince time.Time // all clusters of the waves so far are; zero: they are not
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Title names the campaign for people, e.g. "campaign #3 (Upgrade cluster)".
func (c Campaign) Title() string {
	return "campaign #" + strconv.FormatInt(c.Number, 10) + " (" + c.Operation.Title() + ")"
}

// Gate is what a campaign waits for between two waves.
type Gate string

// The gates.
const (
	GatePerson  Gate = "person"  // somebody says that it goes on
	GateHealthy Gate = "healthy" // all clusters so far have been healthy for a while
)

// CampaignState is where a campaign stands.
type CampaignState string

// The states of a campaign.
const (
	CampaignRunning CampaignState = "running" // it waits for decisions, carries out a wave, or waits until clusters are healthy
	CampaignWaiting CampaignState = "waiting" // somebody has to say that it goes on
	CampaignStopped CampaignState = "stopped" // by itself or by somebody; what was sent goes on
	CampaignEnded   CampaignState = "ended"
)

// CampaignMember says which part of a campaign a request is. It is among the request's
// parameters, so that its digest, and with that every approval, covers it.
type CampaignMember struct {
	ID    string    `json:"id"`
	Wave  int       `json:"wave"`  // from 1
	Of    int       `json:"of"`    // members of the campaign
	Until time.Time `json:"until"` // it does not begin later

	Number int64 `json:"-"` // of the campaign, for people
}

// Released reports whether r may begin as far as its campaign, if it is part of one, is
// concerned.
func (r Request) Released() bool { return r.Params.Campaign == nil || !r.ReleasedAt.IsZero() }

// HasEnded reports whether a member is at an end. One that went out of date has, until
// its requester has it planned again.
func (r Request) HasEnded() bool { return r.State.Final() || r.State == Stale }

// failed reports whether a member ended in a way that stops its campaign: nobody wanted
// it so.
func (r Request) failed() bool { return r.State == Failed || r.State == Stale || r.State == Expired }

// CampaignTally counts the members of a campaign.
type CampaignTally struct {
	Members, Succeeded, Failed, Ended, Pending, Unknown, Begun int
}

// Tally counts members, those of the waves up to a given one, or of all waves for 0.
func Tally(members []Request, wave int) CampaignTally {
	var t CampaignTally
	for _, m := range members {
		if wave > 0 && m.Params.Campaign.Wave > wave {
			continue
		}
		t.Members++
		switch {
		case m.State == Succeeded:
			t.Succeeded++
		case m.failed():
			t.Failed++
		case m.State == Pending:
			t.Pending++
		case m.State == Unknown:
			t.Unknown++
		}
		if m.HasEnded() {
			t.Ended++
		}
		if len(m.Attempts) > 0 || m.State == Executing || m.State == Settling || m.State == Unknown {
			t.Begun++
		}
	}
	return t
}

// MembersDigest binds a decision on a campaign to all that its members would do.
func MembersDigest(members []Request) string {
	lines := make([]string, len(members))
	for i, m := range members {
		lines[i] = m.ID + " " + m.Digest + "\n"
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

// PlanWaves says in which wave each of the clusters is changed, from 1, and how many
// waves that makes: development first, production last, no more than so many at a time,
// and never two environments together. What is in no environment counts as production.
func PlanWaves(clusters []Cluster, perWave int) (waveOf map[string]int, waves int) {
	waveOf = map[string]int{}
	for _, e := range []Environment{Development, Staging, Production} {
		in := 0
		for _, c := range clusters {
			if c.Environment != e && (e != Production || c.Environment == Development || c.Environment == Staging) {
				continue
			}
			if in%perWave == 0 {
				waves++
			}
			in++
			waveOf[c.ID] = waves
		}
	}
	return waveOf, waves
}

// Healthy reports whether a cluster runs with all of its nodes.
func (c Cluster) Healthy() bool {
	return c.State == ClusterRunning && !slices.ContainsFunc(c.Pools, func(p Pool) bool { return !p.Settled() })
}

// CampaignStep is what a campaign does next by itself.
type CampaignStep string

// The steps.
const (
	StepNone    CampaignStep = ""
	StepRelease CampaignStep = "release" // the next wave begins
	StepStop    CampaignStep = "stop"    // too many members have failed
	StepAsk     CampaignStep = "ask"     // somebody has to say that it goes on
	StepHealthy CampaignStep = "healthy" // from now on all clusters are healthy
	StepSick    CampaignStep = "sick"    // they are no longer
	StepEnd     CampaignStep = "end"
)

// Next is what the campaign does at a time, by what has become of its members. healthy
// says that all clusters that it has changed are, as they were seen after that.
func (c Campaign) Next(members []Request, healthy bool, now time.Time) CampaignStep {
	if c.State != CampaignRunning && c.State != CampaignWaiting {
		return StepNone
	}
	all, begun := Tally(members, 0), Tally(members, c.Wave)
	if c.Wave == 0 {
		begun = CampaignTally{}
	}
	switch {
	case all.Failed-c.Excused > c.MostFailures && all.Ended < all.Members:
		return StepStop
	case all.Ended == all.Members:
		return StepEnd
	case begun.Ended < begun.Members || Tally(members, c.Wave+1).Pending > 0 || c.State == CampaignWaiting:
		return StepNone
	case c.Wave == 0:
		return StepRelease
	case c.Gate == GatePerson:
		return StepAsk
	case !healthy && c.HealthySince.IsZero():
		return StepNone
	case !healthy:
		return StepSick
	case c.HealthySince.IsZero() && c.HealthyFor > 0:
		return StepHealthy
	case c.HealthyFor == 0 || now.Sub(c.HealthySince) >= c.HealthyFor:
		return StepRelease
	}
	return StepNone
}

// SteerRefusal says why a cannot have the campaign go on, stop or resume, nil when
// they can: its requester may, admins, and who may decide on any of its members.
func (c Campaign) SteerRefusal(a Actor, members []Request) error {
	if a.Identity == c.Requester.Identity || a.HasRole(RoleAdmin) {
		return nil
	}
	for _, m := range members {
		if m.MayApprove(a) {
			return nil
		}
	}
	return E(KindForbidden, "only "+c.Requester.Name+", those who can approve it and admins can do this")
}
