package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const campaignColumns = `SELECT c.id, c.number, c.submit_key, c.operation, c.summary, c.justification, c.issuer, c.subject, c.requester_name,
	c.gate, c.healthy_seconds, c.most_failures, c.waves, c.until, c.state, c.reason, c.wave, c.excused, c.healthy_since AS healthy, c.created_at, c.updated_at
	FROM campaigns c `

func readCampaign(row pgx.CollectableRow) (portal.Campaign, error) {
	type campaign struct {
		portal.Campaign
		Issuer, Subject, RequesterName string
		HealthySeconds                 int
		Healthy                        *time.Time
	}
	got, err := pgx.RowToStructByNameLax[campaign](row)
	c := got.Campaign
	c.Requester, c.HealthySince = person(got.Issuer, got.Subject, got.RequesterName), fromNull(got.Healthy)
	c.HealthyFor = time.Duration(got.HealthySeconds) * time.Second
	return c, err
}

// InsertCampaign keeps a new campaign and returns its number. A second one with the same
// key gives an error of KindConflict.
func InsertCampaign(ctx context.Context, tx pgx.Tx, c portal.Campaign) (int64, error) {
	return db.One(ctx, tx, pgx.RowTo[int64], `
		INSERT INTO campaigns (id, submit_key, operation, summary, justification, issuer, subject, requester_name, gate, healthy_seconds,
			most_failures, waves, until, state, created_at, updated_at)
		VALUES (@id, @key, @operation, @summary, @justification, @issuer, @subject, @name, @gate, @healthy,
			@failures, @waves, @until, @state, @now, @now) RETURNING number`,
		pgx.StrictNamedArgs{"id": c.ID, "key": c.SubmitKey, "operation": c.Operation, "summary": c.Summary, "justification": c.Justification,
			"issuer": c.Requester.Issuer, "subject": c.Requester.Subject, "name": c.Requester.Name, "gate": c.Gate,
			"healthy": int(c.HealthyFor.Seconds()), "failures": c.MostFailures, "waves": c.Waves, "until": c.Until, "state": c.State, "now": c.CreatedAt})
}

// CampaignBySubmitKey returns the campaign that a person submitted with a form made with
// key, or an error of KindNotFound.
func CampaignBySubmitKey(ctx context.Context, q Querier, who portal.Identity, key string) (portal.Campaign, error) {
	c, err := db.One(ctx, q, readCampaign, campaignColumns+`WHERE c.issuer = @issuer AND c.subject = @subject AND c.submit_key = @key`,
		pgx.StrictNamedArgs{"issuer": who.Issuer, "subject": who.Subject, "key": key})
	return c, named(err, noCampaign)
}

const noCampaign = "there is no such campaign"

// CampaignByNumber returns a campaign, or an error of KindNotFound.
func CampaignByNumber(ctx context.Context, q Querier, number int64) (portal.Campaign, error) {
	c, err := db.One(ctx, q, readCampaign, campaignColumns+`WHERE c.number = @number`, pgx.StrictNamedArgs{"number": number})
	return c, named(err, noCampaign)
}

// CampaignByID is CampaignByNumber for the UUID.
func CampaignByID(ctx context.Context, q Querier, id string) (portal.Campaign, error) {
	c, err := db.One(ctx, q, readCampaign, campaignColumns+`WHERE c.id = @id`, pgx.StrictNamedArgs{"id": id})
	return c, named(err, noCampaign)
}

// LockCampaign returns a campaign and keeps others from steering it until tx ends.
func LockCampaign(ctx context.Context, tx pgx.Tx, number int64) (portal.Campaign, error) {
	c, err := db.One(ctx, tx, readCampaign, campaignColumns+`WHERE c.number = @number FOR UPDATE`, pgx.StrictNamedArgs{"number": number})
	return c, named(err, noCampaign)
}

// CampaignFilter narrows a list of campaigns to those of which somebody asked for, or
// may see, a part.
type CampaignFilter struct {
	All       bool // whoever asked for them
	TeamIDs   []string
	Requester portal.Identity
	Before    int64 // number of the last campaign of the previous page; 0: the first
	Limit     int
}

// Campaigns lists campaigns, newest first.
func Campaigns(ctx context.Context, q Querier, f CampaignFilter) ([]portal.Campaign, error) {
	return db.All(ctx, q, readCampaign, campaignColumns+`
		WHERE (@before::bigint = 0 OR c.number < @before) AND (@all OR c.issuer = @issuer AND c.subject = @subject
			OR EXISTS (SELECT FROM requests r WHERE r.campaign_id = c.id AND r.team_id = ANY(@teams::uuid[])))
		ORDER BY c.number DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"before": f.Before, "all": f.All, "issuer": f.Requester.Issuer, "subject": f.Requester.Subject,
			"teams": notNil(f.TeamIDs), "limit": f.Limit})
}

// CampaignsToAdvance lists the numbers of the campaigns that have anything left to do.
func CampaignsToAdvance(ctx context.Context, q Querier) ([]int64, error) {
	return db.All(ctx, q, pgx.RowTo[int64], `SELECT number FROM campaigns WHERE state <> @ended
		UNION SELECT c.number FROM requests r JOIN campaigns c ON c.id = r.campaign_id
			WHERE r.campaign_id IS NOT NULL AND r.released_at IS NULL AND r.state = @approved
		ORDER BY number`, pgx.StrictNamedArgs{"ended": portal.CampaignEnded, "approved": portal.Approved})
}

// UpdateCampaign keeps where a locked campaign stands.
func UpdateCampaign(ctx context.Context, tx pgx.Tx, c portal.Campaign, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE campaigns SET state = @state, reason = @reason, wave = @wave, excused = @excused, healthy_since = @healthy, updated_at = @now
		WHERE id = @id`,
		pgx.StrictNamedArgs{"id": c.ID, "state": c.State, "reason": c.Reason, "wave": c.Wave, "excused": c.Excused,
			"healthy": db.OrNull(c.HealthySince), "now": now})
	return db.Wrap(err)
}

// Members lists the requests of a campaign by number, as lists show them, with their
// reviews and attempts.
func Members(ctx context.Context, q Querier, campaignID string) ([]portal.Request, error) {
	list, err := withReviews(ctx, q, `SELECT `+listColumns+requestTables+`WHERE r.campaign_id = @campaign ORDER BY r.number`,
		pgx.StrictNamedArgs{"campaign": campaignID})
	if err != nil {
		return nil, err
	}
	return list, addAttempts(ctx, q, list)
}

// LockMembers is Members, whole, and keeps others from changing them until tx ends.
func LockMembers(ctx context.Context, tx pgx.Tx, campaignID string) ([]portal.Request, error) {
	list, err := db.All(ctx, tx, readRequest, `SELECT `+requestColumns+requestTables+`WHERE r.campaign_id = @campaign ORDER BY r.number FOR UPDATE OF r`,
		pgx.StrictNamedArgs{"campaign": campaignID})
	if err != nil || len(list) == 0 {
		return list, err
	}
	if err := addReviews(ctx, tx, list); err != nil {
		return nil, err
	}
	return list, addAttempts(ctx, tx, list)
}

// SetReleased lets a member of a campaign begin; the zero time holds it.
func SetReleased(ctx context.Context, tx pgx.Tx, requestID string, at time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET released_at = @at WHERE id = @id`, pgx.StrictNamedArgs{"id": requestID, "at": db.OrNull(at)})
	return db.Wrap(err)
}
